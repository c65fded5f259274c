// Map messages at and beyond what a node takes, each by a name:
//
//     peers        tens of thousands of peers in one message, as small as they can be
//     crowd        some more peers than are taken
//     full         the most peers that are taken, of the engineer and each with all its lists full, others each time
//     filters      a packet filter of tens of thousands of rules
//     values       four megabytes of numbers under a name that nobody knows
//     deep         four megabytes of brackets
//     text         a name of four megabytes
//     long         a frame that claims a byte more than is taken
//     bomb         a frame of some kilobytes that would unpack to a gigabyte
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"

namespace quoin::hostile {

class TooMuch {
 public:
  explicit TooMuch(Random& random) : random_(random) {}

  Buffer frame(std::string_view name);  // empty: there is nothing of that name

 private:
  std::string peers(int count);
  std::string full();

  Random& random_;
};

}  // namespace quoin::hostile

// The packets of a case as a pcapng file that Wireshark opens (draft-ietf-opsawg-pcapng): raw IP, link type 101, times
// in nanoseconds. Each end of the link has a file of its own, so that each shows what one host saw; a packet which is
// in one and not in the other was lost between them.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/time.h"

namespace quoin::oracle {

class Trace {
 public:
  static constexpr std::uint32_t bytes_kept = 256;  // of each packet: headers and the begin of the data

  // Where no file can be made, or none is wanted (an empty path), nothing is kept.
  explicit Trace(const std::string& path);
  void packet(Bytes packet, Instant now);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void block(std::uint32_t type, Bytes body);
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace quoin::oracle

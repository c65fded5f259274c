// What an engineer was refused for want of room, or because it is longer than can be carried. Their client is told
// little of that or nothing, so the status says it, for some minutes; the audit file has each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "pair/messages.h"

namespace quoin::gate {

class Shortage {
 public:
  static constexpr Duration shown = minutes(10);  // after the newest

  enum class Of : std::uint8_t { room, length };
  struct Refused {
    std::string engineer;
    pair::Protocol protocol;
    std::uint16_t port;
    Of what;
    bool operator==(const Refused&) const = default;
  };
  void note(Refused refused, WallTime wall);
  std::string sentence(WallTime wall) const;  // empty: none in that time

 private:
  struct Newest {
    Refused refused;
    WallTime since;  // without a pause of that length
    WallTime at;
  };
  std::optional<Newest> newest_;
};

}  // namespace quoin::gate

// What the control server lets in: a list of rules that only allow (tailscale wgengine/filter).
//
// The node takes it as an intersection with the warrant: it can narrow, never widen. A set with one rule that cannot be
// read is refused whole, and then nothing passes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "control/messages.h"

namespace quoin::control {

struct AddressRange {  // both ends belong to it and are of one family
  IpAddress first;
  IpAddress last;
  bool contains(const IpAddress& address) const {
    return address.version() == first.version() && first <= address && address <= last;
  }
};

// "*" is both families whole; an address; a prefix without host bits; "first-last". Nothing else parses.
std::optional<std::vector<AddressRange>> parse_ranges(std::string_view text);

class PacketFilter {
 public:
  static constexpr std::size_t entries_max = 65'536;  // sources and destinations of all rules together

  PacketFilter() = default;  // nothing passes
  // Nothing if a rule cannot be read or there are too many.
  static std::optional<PacketFilter> compile(const FilterRules& rules);

  // May `source` start to speak to `destination`? `protocol` is the IP protocol number; `port` counts for TCP, UDP and
  // SCTP only. ICMP asks only whether any rule lets the two addresses meet, whatever its ports. Any other protocol must
  // be named by a rule for all ports.
  bool allows(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol, std::uint16_t port) const;

 private:
  struct Destination {
    AddressRange range;
    PortRange ports;
  };
  struct Rule {
    std::vector<AddressRange> sources;
    std::vector<Destination> destinations;
    std::vector<std::uint8_t> protocols;
  };
  std::vector<Rule> rules_;
};

}  // namespace quoin::control

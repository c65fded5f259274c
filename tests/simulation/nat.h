// A NAT in front of a site, as RFC 4787 classifies them: how a mapping depends on where a packet goes (section 4), and
// whom it lets in (section 5). Ports are never preserved, which is the harder case; nothing is hairpinned.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "base/address.h"
#include "base/time.h"

namespace quoin::simulation {

enum class Dependence : std::uint8_t { endpoint_independent, address_dependent, address_and_port_dependent };

struct NatBehaviour {
  Dependence mapping = Dependence::endpoint_independent;
  Dependence filtering = Dependence::address_and_port_dependent;
  Duration lifetime = seconds(30);  // of an unused mapping; RFC 4787 asks for two minutes, cheap boxes keep to this
};

class Nat {
 public:
  Nat(IpAddress outside, NatBehaviour behaviour) : outside_(outside), behaviour_(behaviour) {}

  const IpAddress& outside() const { return outside_; }
  Endpoint outbound(const Endpoint& inside, const Endpoint& to, Instant now);
  std::optional<Endpoint> inbound(const Endpoint& from, const Endpoint& to, Instant now);
  void forget_all() { mappings_.clear(); }  // it was switched off and on

 private:
  struct Mapping {
    Endpoint inside;
    std::map<Endpoint, Instant> contacted;
    Instant last_use;
  };
  static Endpoint as_far_as(Dependence dependence, const Endpoint& other);

  IpAddress outside_;
  NatBehaviour behaviour_;
  std::map<std::pair<Endpoint, Endpoint>, std::uint16_t> ports_;  // (inside, what the mapping depends on)
  std::map<std::uint16_t, Mapping> mappings_;
  std::uint16_t next_port_ = 20'000;
};

}  // namespace quoin::simulation

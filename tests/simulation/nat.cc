#include "nat.h"

#include <algorithm>

namespace quoin::simulation {

Endpoint Nat::as_far_as(Dependence dependence, const Endpoint& other) {
  switch (dependence) {
    case Dependence::endpoint_independent: return {};
    case Dependence::address_dependent: return {other.address, 0};
    case Dependence::address_and_port_dependent: break;
  }
  return other;
}

Endpoint Nat::outbound(const Endpoint& inside, const Endpoint& to, Instant now) {
  const std::pair key{inside, as_far_as(behaviour_.mapping, to)};
  auto port = ports_.find(key);
  const auto mapping = port == ports_.end() ? mappings_.end() : mappings_.find(port->second);
  if (mapping == mappings_.end() || now - mapping->second.last_use > behaviour_.lifetime) {
    if (mapping != mappings_.end()) mappings_.erase(mapping);
    port = ports_.insert_or_assign(key, next_port_++).first;
  }
  Mapping& mine = mappings_[port->second];
  mine.inside = inside;
  mine.last_use = now;
  mine.contacted[to] = now;
  return {outside_, port->second};
}

std::optional<Endpoint> Nat::inbound(const Endpoint& from, const Endpoint& to, Instant now) {
  const auto mapping = mappings_.find(to.port);
  if (mapping == mappings_.end() || now - mapping->second.last_use > behaviour_.lifetime) return std::nullopt;
  const Endpoint asked = as_far_as(behaviour_.filtering, from);
  const bool lets_in = std::ranges::any_of(mapping->second.contacted, [&](const auto& contact) {
    return as_far_as(behaviour_.filtering, contact.first) == asked && now - contact.second <= behaviour_.lifetime;
  });
  if (!lets_in) return std::nullopt;
  return mapping->second.inside;
}

}  // namespace quoin::simulation

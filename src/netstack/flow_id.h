// The name of a flow: a place in the flow table and how often that place has been given out. A name that outlived its
// flow is never the name of another one.
#pragma once

#include <compare>
#include <cstdint>

namespace quoin::netstack {

struct FlowId {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // no flow has generation 0
  auto operator<=>(const FlowId&) const = default;
};

}  // namespace quoin::netstack

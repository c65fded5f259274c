// Fragments as a peer sends them, for tests.
#pragma once

#include <vector>

#include "netstack/stack_bench_test.h"

namespace quoin::netstack::testing {

struct Fragment {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol;
  std::uint32_t identification = 1;
  std::size_t offset = 0;
  bool more = true;
};

Buffer fragment_packet(const Fragment& fragment, Bytes payload);
// A whole packet in fragments with so many bytes of payload each, in order.
std::vector<Buffer> fragments_of(const Buffer& packet, std::size_t bytes_each, std::uint32_t identification = 1);
// Another peer's address of the same version.
IpAddress other_of(const IpAddress& peer);

}  // namespace quoin::netstack::testing

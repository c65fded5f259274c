// The packets of tests/vectors/netstack/linux_packets.txt, for tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace quoin::netstack::testing {

struct LinuxPacket {
  std::string name;
  std::string verdict;
  Buffer packet;
};

const std::vector<LinuxPacket>& linux_packets();
const Buffer& linux_packet(std::string_view name);  // the first of that name

}  // namespace quoin::netstack::testing

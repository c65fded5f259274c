#include "netstack/wire/linux_packets_test.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "vectors/folder.h"

namespace quoin::netstack::testing {

const std::vector<LinuxPacket>& linux_packets() {
  static const std::vector<LinuxPacket> packets = [] {
    std::vector<LinuxPacket> read;
    std::ifstream file(vectors::path_of("netstack/linux_packets.txt"));
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line.front() == '#') continue;
      std::istringstream words(line);
      LinuxPacket packet;
      std::string hex;
      words >> packet.name >> packet.verdict >> hex;
      packet.packet = from_hex(hex).value();
      read.push_back(packet);
    }
    return read;
  }();
  return packets;
}

const Buffer& linux_packet(std::string_view name) {
  for (const LinuxPacket& packet : linux_packets()) {
    if (packet.name == name) return packet.packet;
  }
  ADD_FAILURE() << "no packet named " << name;
  static const Buffer nothing;
  return nothing;
}

}  // namespace quoin::netstack::testing

#include "io/neighbour_messages.h"

#include <gtest/gtest.h>

namespace quoin::io {
namespace {

const IpAddress printer = *IpAddress::parse("192.168.77.21");
const IpAddress printer_v6 = *IpAddress::parse("fd00:77::21");
constexpr const char* printer_mac = "02da00004d15";

Buffer bytes(std::string_view hex) {
  return *from_hex(hex);
}
std::string text(const std::optional<MacBytes>& mac) {
  return mac ? to_hex(*mac) : "none";
}
MacBytes mac(std::string_view hex) {
  return Reader(bytes(hex)).array<6>();
}

TEST(Arp, asks_as_rfc_826_says) {
  EXPECT_EQ(to_hex(arp_request({mac("02da00004d0a"), *IpAddress::parse("192.168.77.10")}, printer)),
            "0001080006040001"
            "02da00004d0ac0a84d0a"
            "000000000000c0a84d15");
}

TEST(Arp, hears_who_says_that_the_address_is_his_in_whatever_packet) {
  const std::string sender = std::string(printer_mac) + "c0a84d15";
  EXPECT_EQ(text(claimant_in_arp(bytes("0001080006040002" + sender + "02da00004d0ac0a84d0a"), printer)), printer_mac);
  EXPECT_EQ(text(claimant_in_arp(bytes("0001080006040001" + sender + "000000000000c0a84d15"), printer)), printer_mac);
  // Ethernet pads short frames.
  EXPECT_EQ(
      text(claimant_in_arp(bytes("0001080006040002" + sender + "02da00004d0ac0a84d0a" + "000000000000"), printer)),
      printer_mac);
}

TEST(Arp, hears_nothing_else) {
  const std::string rest = "02da00004d15c0a84d1502da00004d0ac0a84d0a";
  for (const std::string& other : {
           std::string(),
           "0001080006040002" + rest.substr(0, 38),                                  // cut
           "0006080006040002" + rest,                                                // another link
           "000186dd06040002" + rest,                                                // another protocol
           "0001080008040002" + rest,                                                // other lengths
           "0001080006040003" + rest,                                                // RARP
           std::string("000108000604000202da00004d15c0a84d1602da00004d0ac0a84d0a"),  // of another host
           std::string("0001080006040002ffffffffffffc0a84d1502da00004d0ac0a84d0a"),  // everybody is nobody
           std::string("0001080006040002000000000000c0a84d1502da00004d0ac0a84d0a"),
       }) {
    EXPECT_EQ(text(claimant_in_arp(bytes(other), printer)), "none") << other;
  }
  EXPECT_EQ(text(claimant_in_arp(bytes("0001080006040002" + rest), printer_v6)), "none");
}

const std::string advertisement =
    "88000000"
    "60000000"
    "fd000077000000000000000000000021";

TEST(NeighbourDiscovery, asks_as_rfc_4861_says) {
  EXPECT_EQ(solicited_node(printer_v6).text(), "ff02::1:ff00:21");
  EXPECT_EQ(to_hex(neighbour_solicitation(mac("02da00004d0a"), printer_v6)),
            "8700000000000000"
            "fd000077000000000000000000000021"
            "010102da00004d0a");
}

TEST(NeighbourDiscovery, hears_who_advertises_the_address) {
  EXPECT_EQ(text(claimant_in_advertisement(bytes(advertisement + "0201" + printer_mac), 255, printer_v6)), printer_mac);
  EXPECT_EQ(text(claimant_in_advertisement(bytes(advertisement + "0e02" + std::string(28, '0') + "0201" + printer_mac),
                                           255, printer_v6)),
            printer_mac);
}

TEST(NeighbourDiscovery, hears_nothing_else) {
  const std::string option = std::string("0201") + printer_mac;
  EXPECT_EQ(text(claimant_in_advertisement(bytes(advertisement + option), 254, printer_v6)), "none");  // off the link
  EXPECT_EQ(text(claimant_in_advertisement(bytes(advertisement + option), 255, *IpAddress::parse("fd00:77::22"))),
            "none");
  EXPECT_EQ(text(claimant_in_advertisement(bytes(advertisement + option), 255, printer)), "none");
  for (const std::string& other : {
           std::string(),
           advertisement.substr(0, 46),
           advertisement,                         // names no hardware address
           advertisement + "0200" + printer_mac,  // an option without length
           advertisement + "0202" + printer_mac,  // longer than the message
           advertisement + "0101" + printer_mac,  // the sender's, not the target's
           advertisement + "0201ffffffffffff",
           "8701" + advertisement.substr(4) + option,  // no advertisement
           "8801" + advertisement.substr(4) + option,
       }) {
    EXPECT_EQ(text(claimant_in_advertisement(bytes(other), 255, printer_v6)), "none") << other;
  }
}

}  // namespace
}  // namespace quoin::io

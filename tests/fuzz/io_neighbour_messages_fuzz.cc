// What anybody on the customer's link may send while we ask who has the printer's address. The first byte is the hop
// limit of an advertisement.
#include <cstdint>
#include <cstdlib>

#include "io/neighbour_messages.h"

namespace {

void require_one_host(const std::optional<quoin::io::MacBytes>& mac) {
  if (mac && ((*mac)[0] & std::byte{1}) != std::byte{0}) std::abort();
  if (mac && *mac == quoin::io::MacBytes{}) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quoin;
  using namespace quoin::io;
  if (size == 0) return 0;
  const Bytes packet = std::as_bytes(std::span(data + 1, size - 1));
  const auto in_arp = claimant_in_arp(packet, *IpAddress::parse("192.168.77.21"));
  require_one_host(in_arp);
  if (in_arp && (packet.size() < 28 || !equal(packet.subspan(8, 6), *in_arp))) std::abort();
  const auto advertised = claimant_in_advertisement(packet, data[0], *IpAddress::parse("fd00:77::21"));
  require_one_host(advertised);
  if (advertised && (data[0] != 255 || packet.size() < 32)) std::abort();
  return 0;
}

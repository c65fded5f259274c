// A stack on a bench, for tests: packets are laid on one side and picked up on the other, the clock is a knob.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "netstack/stack.h"
#include "netstack/wire/icmp.h"
#include "netstack/wire/ip.h"
#include "netstack/wire/tcp.h"
#include "netstack/wire/udp.h"

namespace quoin::netstack::testing {

inline const IpAddress our_v4 = *IpAddress::parse("100.64.0.1");
inline const IpAddress our_v6 = *IpAddress::parse("fd7a:115c:a1e0::1");
inline const IpAddress peer_v4 = *IpAddress::parse("100.64.0.2");
inline const IpAddress peer_v6 = *IpAddress::parse("fd7a:115c:a1e0::2");

Buffer ip_packet(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol, Bytes payload);
Buffer udp_packet(const Endpoint& source, const Endpoint& destination, Bytes data);
Buffer tcp_packet(const Endpoint& source, const Endpoint& destination, tcp::Header header, Bytes payload = {});
tcp::Header header_of(tcp::Flags flags, std::uint32_t sequence, std::uint32_t acknowledgment = 0);  // window 65,535
Buffer syn_packet(const Endpoint& source, const Endpoint& destination, std::uint32_t sequence);

// A packet that the stack sent, checked as far as any receiver would: lengths and checksums.
struct SentTcp {
  IpPacket ip;
  tcp::Header header;
  Bytes payload;
};
std::optional<SentTcp> read_tcp(const Buffer& packet);
// What a router says of a packet that was too big for its next link.
Buffer too_big_packet(const IpAddress& router, std::size_t mtu, Bytes about);
std::optional<IcmpError> read_unreachable(const Buffer& packet);

class Bench {
 public:
  explicit Bench(StackConfig config = {}, std::uint64_t seed = 1);

  void deliver(Buffer packet);
  void deliver(std::vector<Buffer> packets);
  std::vector<Buffer> sent();        // everything that leaves now, packet by packet
  std::vector<StackEvent> events();  // everything that is to be told now
  void pass(Duration duration);      // in one step, with its timeout handled

  // The one event of this kind among those told now; fails the test unless there is exactly one.
  template <class Event>
  Event the() {
    std::vector<Event> found;
    for (const StackEvent& event : events()) {
      if (const auto* wanted = std::get_if<Event>(&event)) found.push_back(*wanted);
    }
    expect_one(found.size());
    return found.empty() ? Event{} : found.front();
  }

  Instant now{seconds(1'000)};
  SeededRandom random;
  Stack stack;

 private:
  static void expect_one(std::size_t count);
  std::size_t mtu_;
};

}  // namespace quoin::netstack::testing

// Bytes from anywhere, into an Interface that has a peer, a live session and a handshake under way.
//
// The first byte chooses the segment length, the rest are datagrams. Nothing that the fuzzer can write is authentic, so
// nothing may be delivered, and a true packet must still pass afterwards. Two switches in the first byte help the
// fuzzer past what it cannot guess: a valid mac1, and the session's own receiver index.

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "wireguard/cookie.h"
#include "wireguard/two_nodes.h"

namespace quoin::wireguard {
namespace {

void check(bool held) {
  if (!held) std::abort();
}

std::size_t segment_bytes(std::uint8_t choice) {
  constexpr std::size_t lengths[] = {0, initiation_bytes, response_bytes, cookie_reply_bytes, 32, 48, 1312, 1};
  return lengths[choice % std::size(lengths)];
}

// Puts what is asked for into each segment that has room for it.
void help(const TwoNodes& nodes, MutableBytes datagrams, std::size_t segment, Bytes index, bool macs, bool indices) {
  if (segment == 0) segment = datagrams.size();
  for (; !datagrams.empty(); datagrams = datagrams.subspan(std::min(segment, datagrams.size()))) {
    const MutableBytes message = datagrams.first(std::min(segment, datagrams.size()));
    if (indices && message.size() >= 12) {
      const std::size_t at = message_type(message) == MessageType::response ? 8 : 4;
      std::ranges::copy(index, message.begin() + static_cast<std::ptrdiff_t>(at));
    }
    if (macs && (Initiation::parse(message) || Response::parse(message))) {
      CookieHolder(nodes.b.interface->public_key()).add_macs(message, nodes.now);
    }
  }
}

}  // namespace

void fuzz(Bytes input) {
  if (input.empty()) return;
  const auto choice = std::to_integer<std::uint8_t>(input[0]);
  input = input.subspan(1);

  TwoNodes nodes;
  nodes.establish(nodes.a);
  nodes.send(nodes.a, 1);
  const Buffer true_data = nodes.wire.front().datagram;
  nodes.wire.clear();
  nodes.freeze(seconds(6));
  nodes.b.interface->start_handshake(nodes.b.peer, nodes.now);
  nodes.collect(nodes.b);
  const Buffer pending = nodes.wire.front().datagram;
  nodes.wire.clear();

  Buffer datagrams = to_buffer(input);
  const std::size_t segment = segment_bytes(choice);
  const bool towards_session = (choice & 0x40) != 0;
  const Bytes index = towards_session ? Bytes(true_data).subspan(4, 4) : Bytes(pending).subspan(4, 4);
  help(nodes, datagrams, segment, index, (choice & 0x10) != 0, (choice & 0x20) != 0);
  nodes.arrive(nodes.b, nodes.a.source, datagrams, segment);
  check(nodes.b.delivered.empty());
  check(nodes.sent(MessageType::response) == 0);

  Buffer copy = true_data;
  nodes.arrive(nodes.b, nodes.a.source, copy);
  check(nodes.b.delivered.size() == 1);
  nodes.b.interface->handle_timeout(nodes.now);
  const auto timeout = nodes.b.interface->poll_timeout();
  check(!timeout || *timeout > nodes.now);
}

}  // namespace quoin::wireguard

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quoin::wireguard::fuzz(std::as_bytes(std::span(data, size)));
  return 0;
}

// What a client may send to the relay's side of a connection, and every frame parser on the way. The first byte: odd
// means that a login stands before the rest. The second cuts the stream into reads.

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "derp/accept.h"

using namespace quoin;

namespace {

const derp::RelayPrivateKey& relay_key() {
  static const auto key = derp::RelayPrivateKey::from_bytes({std::byte{2}});
  return key;
}

const Buffer& login() {
  static const Buffer stream = [] {
    SeededRandom random(1);
    const auto client = crypto::NodePrivateKey::from_bytes({std::byte{1}});
    Buffer out;
    derp::append_frame(out, derp::FrameType::client_info,
                       {*derp::seal_client_info(derp::ClientInfo{}, client, relay_key().public_key(), random)});
    return out;
  }();
  return stream;
}

void give(derp::Accept& accept, Bytes bytes) {
  while (!bytes.empty()) {
    const std::size_t before = bytes.size();
    bytes = accept.handle_bytes(bytes);
    bool ended = false;
    while (auto event = accept.poll_event()) {
      if (ended) std::abort();
      if (std::holds_alternative<derp::Ended>(*event)) ended = true;
      if (std::holds_alternative<derp::LoginAsked>(*event)) accept.admit({});
      if (auto* sent = std::get_if<derp::Sent>(&*event)) {
        accept.send_packet(sent->destination, sent->packet);
        std::ranges::fill(sent->packet, std::byte{0});
      }
    }
    if (ended || bytes.size() == before) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  SeededRandom random(1);
  derp::Accept accept(relay_key(), random, Instant{seconds(1)});
  if (data[0] % 2 == 1) {
    give(accept, login());
    if (accept.client().is_zero()) std::abort();
  }
  const std::size_t piece = data[1] + 1u;
  Bytes rest = std::as_bytes(std::span(data + 2, size - 2));
  while (!rest.empty()) {
    const std::size_t part = std::min(piece, rest.size());
    give(accept, rest.first(part));
    rest = rest.subspan(part);
    if (part % 2 == 0) accept.sent(accept.output().size());
  }
  return 0;
}

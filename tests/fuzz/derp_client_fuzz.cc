// What a relay may send to our client. The first byte says where the stream begins: before the login, or after one that
// this makes itself, since no fuzzer seals a box. The second byte cuts the stream into reads.

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "derp/client.h"

using namespace quoin;

namespace {

const crypto::NodePrivateKey& client_key() {
  static const auto key = crypto::NodePrivateKey::from_bytes({std::byte{1}});
  return key;
}

// Every possible login is the same one: keys, nonce and text are fixed.
const Buffer& login() {
  static const Buffer stream = [] {
    SeededRandom random(1);
    const auto relay = derp::RelayPrivateKey::from_bytes({std::byte{2}});
    Buffer out;
    derp::append_server_key(out, relay.public_key());
    const derp::ServerInfo info{.version = 2, .bytes_per_second = 100'000, .bytes_burst = 10'000};
    derp::append_frame(out, derp::FrameType::server_info,
                       {*derp::seal_server_info(info, relay, client_key().public_key(), random)});
    return out;
  }();
  return stream;
}

void give(derp::Client& client, Bytes bytes, Instant now) {
  while (!bytes.empty()) {
    const std::size_t before = bytes.size();
    bytes = client.handle_bytes(bytes, now);
    bool failed = false;
    while (auto event = client.poll_event()) {
      if (failed) std::abort();  // nothing after a failure
      if (std::holds_alternative<derp::Failed>(*event)) failed = true;
      if (auto* received = std::get_if<derp::Received>(&*event)) {
        std::ranges::fill(received->packet, std::byte{0});  // the memory is ours to write
      }
    }
    if (failed || bytes.size() == before) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  SeededRandom random(1);
  Instant now{seconds(1)};
  derp::Client client(client_key().copy(), random, now);
  if (data[0] % 2 == 1) {
    give(client, login(), now);
    if (!client.is_logged_in()) std::abort();
  }
  const std::size_t piece = data[1] + 1u;
  Bytes rest = std::as_bytes(std::span(data + 2, size - 2));
  while (!rest.empty()) {
    const std::size_t part = std::min(piece, rest.size());
    now += milliseconds(data[1]);
    give(client, rest.first(part), now);
    rest = rest.subspan(part);
    client.send_packet({}, rest.first(std::min<std::size_t>(rest.size(), 1300)), now);
    if (part % 2 == 0) client.sent(client.output().size());
    if (client.output().size() > 2 * derp::SendQueue::waiting_bytes_max) std::abort();
    client.handle_timeout(now);
    if (const auto timeout = client.poll_timeout(); timeout && *timeout <= now) std::abort();
  }
  return 0;
}

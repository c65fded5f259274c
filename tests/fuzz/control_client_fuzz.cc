// The client as a core: each byte is something that happens to it, with a server in a box that is honest until told
// otherwise. It must never wait for a time that has passed, never speak after it has logged out, and always end.
#include <cstdint>
#include <cstdlib>

#include "control/client.h"
#include "control/control_in_a_box.h"

using namespace quoin;
using namespace quoin::control;

namespace {

class Play {
 public:
  void run(Bytes script) {
    box_.join_keys["key"] = {.login = "alice", .tags = {}};
    drain();
    Reader reader(script);
    while (reader.remaining() > 0) {
      step(reader);
      exchange();
      check_clock();
    }
    client_.log_out(now_);
    exchange();
    now_ += seconds(10);
    client_.handle_timeout(now_);
    exchange();
    if (!logged_out_ || client_.poll_timeout()) std::abort();
  }

 private:
  void step(Reader& reader) {
    const std::uint8_t what = reader.u8();
    switch (what % 24) {
      case 0: pass(milliseconds(1 + reader.u8())); break;
      case 1: pass(seconds(1 + reader.u8())); break;
      case 2: client_.set_home_region(reader.u8(), now_); break;
      case 3: client_.set_endpoints(std::vector<PublishedEndpoint>(reader.u8()), now_); break;
      case 4: box_.restart(); break;
      case 5: box_.send_keepalives(); break;
      case 6: box_.delete_node(node_key_); break;
      case 7: box_.end_stream(node_key_); break;
      case 8: box_.moods.silent = !box_.moods.silent; break;
      case 9: box_.moods.ends_streams = !box_.moods.ends_streams; break;
      case 10: box_.moods.register_status = status(reader); break;
      case 11: box_.moods.stream_status = status(reader); break;
      case 12: box_.moods.lite_status = status(reader); break;
      case 13: client_.check_connection(now_); break;
      case 14: client_.provide_join_key(reader.u8() % 2 == 0 ? "key" : "", now_); break;
      case 15:
        if (const Bytes said = some(reader); !said.empty()) box_.send_text(node_key_, text_of(said));
        break;
      case 16: garble_ = true; break;
      case 17: client_.connection_closed(now_); break;
      case 18: client_.handle_bytes(some(reader), now_); break;
      case 19: client_.connection_failed(now_); break;
      case 20: box_.moods.register_error = box_.moods.register_error.empty() ? "no" : ""; break;
      case 21: reachable_ = !reachable_; break;
      case 22: client_.upgraded(now_); break;
      case 23:
        if (reader.u8() == 0) client_.log_out(now_);
        break;
    }
  }
  static Bytes some(Reader& reader) {
    const std::size_t size = reader.u8();
    return reader.take(std::min(size, reader.remaining()));
  }
  static int status(Reader& reader) {
    constexpr std::array all{200, 404, 429, 500, 401, 100, 999};
    return all[reader.u8() % all.size()];
  }

  void pass(Duration duration) {
    const Instant end = now_ + duration;
    for (int i = 0; i < 1000; i++) {
      const auto next = client_.poll_timeout();
      if (!next || *next > end) break;
      now_ = std::max(now_, *next);
      client_.handle_timeout(now_);
      exchange();
    }
    now_ = end;
  }

  // After being told the time, the client waits for a later one; two more calls for what sending brought to light.
  void check_clock() {
    for (int i = 0; i < 3; i++) {
      const auto next = client_.poll_timeout();
      if (!next || *next > now_) return;
      client_.handle_timeout(now_);
      exchange();
    }
    const auto next = client_.poll_timeout();
    if (next && *next <= now_) std::abort();
  }

  void drain() {
    while (auto event = client_.poll_event()) {
      if (logged_out_) std::abort();
      if (std::holds_alternative<LoggedOut>(*event)) logged_out_ = true;
      if (std::holds_alternative<WantJoinKey>(*event)) client_.provide_join_key("key", now_);
      if (std::holds_alternative<WantConnection>(*event)) connect();
    }
  }
  void connect() {
    connection_.reset();
    if (!reachable_) return client_.connection_failed(now_);
    const auto initiation = client_.connection_opened(box_.public_key(), now_);
    if (!initiation) std::abort();
    connection_ = box_.connect(*initiation);
    client_.upgraded(now_);
  }

  void exchange() {
    for (int i = 0; i < 100; i++) {
      drain();
      const Buffer up = client_.poll_transmit();
      if (up.size() > Client::transmit_bytes_max * 2) std::abort();
      if (!connection_) continue;
      box_.handle_bytes(*connection_, up);
      Buffer down = box_.poll_transmit(*connection_);
      if (garble_ && !down.empty()) {
        down[down.size() / 2] ^= std::byte{1};
        garble_ = false;
      }
      client_.handle_bytes(down, now_);
      if (!box_.connected(*connection_)) {
        connection_.reset();
        client_.connection_closed(now_);
      } else if (!client_.connected()) {
        box_.disconnect(*connection_);
        connection_.reset();
      } else if (up.empty() && down.empty()) {
        break;
      }
    }
    drain();
  }

  Instant now_{seconds(1)};
  SeededRandom box_random_{1};
  SeededRandom random_{2};
  ControlInABox box_{crypto::MachinePrivateKey::generate(box_random_), box_random_};
  crypto::NodePublicKey node_key_ = crypto::NodePrivateKey::generate(random_).public_key();
  Client client_{{.machine_key = crypto::MachinePrivateKey::generate(random_),
                  .node_key = node_key_,
                  .disco_key = crypto::DiscoPrivateKey::generate(random_).public_key(),
                  .authority = "control.example",
                  .hostname = "mfp",
                  .server_key = {}},
                 random_,
                 now_};
  std::optional<ControlInABox::ConnectionId> connection_;
  bool reachable_ = true;
  bool garble_ = false;
  bool logged_out_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t script_bytes_max = 512;
  Play().run(std::as_bytes(std::span(data, std::min(size, script_bytes_max))));
  return 0;
}

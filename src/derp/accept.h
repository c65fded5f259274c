// The relay's side of one connection: login and frames. Who may log in and where packets go is the relay's business.
//
// The relay's HTTP side has answered the upgrade; this says who it is, proves who the client is, and turns frames into
// events. The source of what a client sends is its proven key and nothing else. Frames that only a mesh of relays uses
// end the connection: this relay has no mesh.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/random.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "derp/frame.h"
#include "derp/frame_reader.h"
#include "derp/login.h"
#include "derp/send_queue.h"

namespace quoin::derp {

struct LoginAsked {  // the key is proven; answer with admit(), or close the connection
  crypto::NodePublicKey client;
  ClientInfo info;
};
struct Sent {
  crypto::NodePublicKey destination;
  MutableBytes packet;
};
struct Preferred {
  bool is_home;
};
enum class AcceptError : std::uint8_t {
  login,          // not a login, or a box that does not open
  frame,          // too large or malformed
  not_permitted,  // a frame of the mesh, or a packet before the client was admitted
  late,           // no login within login_step_time_max
  not_reading,    // control frames pile up
};
struct Ended {
  AcceptError why;
};
using AcceptEvent = std::variant<LoginAsked, Sent, Preferred, Ended>;

constexpr Duration login_step_time_max = seconds(10);

class Accept {
 public:
  Accept(const RelayPrivateKey& key, Random& random, Instant now);

  MutableBytes receive_space();
  void handle_received(std::size_t bytes);
  [[nodiscard]] Bytes handle_bytes(Bytes bytes);  // as derp::Client's

  void admit(const ServerInfo& info);  // after LoginAsked
  void send_packet(const crypto::NodePublicKey& source, Bytes packet);
  void send_keep_alive();
  void send_peer_gone(const crypto::NodePublicKey& peer, PeerGoneReason reason);
  void send_health(std::string_view text);
  void send_restarting(const Restarting& restarting);
  void send_ping(const PingBytes& bytes);

  Bytes output() { return queue_.output(); }
  void sent(std::size_t bytes) { queue_.sent(bytes); }

  std::optional<AcceptEvent> poll_event();
  std::optional<Instant> poll_timeout() const;
  void handle_timeout(Instant now);

  const crypto::NodePublicKey& client() const { return client_; }  // zero before LoginAsked
  std::uint64_t packets_dropped() const { return queue_.packets_dropped(); }

 private:
  enum class State : std::uint8_t { awaits_login, awaits_admission, admitted, ended };

  std::optional<AcceptEvent> handle(const Frame& frame);
  AcceptEvent end(AcceptError why);
  void control(Bytes frame);

  State state_ = State::awaits_login;
  RelayPrivateKey key_;
  Random& random_;
  crypto::NodePublicKey client_;
  FrameReader reader_;
  SendQueue queue_;
  Instant deadline_;
  std::optional<Ended> ending_;  // not yet told
};

}  // namespace quoin::derp

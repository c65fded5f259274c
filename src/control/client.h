// A whole control client as one core over one byte stream that it does not own (tailscale controlclient, ts2021).
//
// It wants a connection and says so; the owner fetches the server's key if it is not pinned (GET /key?v=<version>),
// sends the HTTP upgrade (POST /ts2021) with the handshake it is given here, and hands over the bytes that follow the
// 101. On top: Noise, HTTP/2, registration with a join key, the map stream, and lite updates that tell the server our
// endpoints and home relay.
//
// Differences from tailscale's client, on purpose:
//   - nothing is kept: keys are made for one opening and die with it
//   - the list of features is closed: own addresses and expiry, peers, user names, relays, filters, keepalive. Whatever
//     else a map message asks for is ignored and told once by name (FeatureIgnored)
//   - ping requests and calls from the control server to the node are never answered
//   - nobody is waited for in a browser: an answer that asks for one means that the join key was not accepted
//   - a node that the server has deleted notices (a lite update every few minutes) and asks for a new registration
//
// After any call that is not const, drain poll_transmit and poll_event, then sleep until poll_timeout.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/time.h"
#include "control/messages.h"
#include "control/netmap.h"
#include "crypto/keys.h"

namespace quoin::control {

struct ClientConfig {
  crypto::MachinePrivateKey machine_key;
  crypto::NodePublicKey node_key;
  crypto::DiscoPublicKey disco_key;
  std::string authority;  // the server's host, and port if not the default: for HTTP/2
  std::string hostname;
  std::string os = "linux";
  std::string ipn_version = "1.86.0-quoin";
  std::uint16_t version = capability_version;
  std::optional<crypto::MachinePublicKey> server_key;  // pinned
  bool ephemeral = true;
};

struct PublishedEndpoint {
  Endpoint endpoint;
  EndpointType type = EndpointType::stun;
  bool operator==(const PublishedEndpoint&) const = default;
};

// ---- events -----------------------------------------------------------------------------------------------------

struct WantConnection {  // answer with connection_opened or connection_failed
  bool fetch_key;        // not pinned, or the key used last was perhaps replaced
};
struct WantJoinKey {};  // answer with provide_join_key; for one registration
struct Registered {
  std::string login_name;
  bool machine_authorized;  // false: an administrator has to approve; the map tells when
};
struct RegistrationFailed {  // neither taken nor refused; the client tries again by itself
  std::string text;
};
struct JoinKeyRefused {  // the server said no; nothing more happens until provide_join_key is called again
  std::string text;      // the server's words, cut and printable
};
struct MapStreamOpened {};  // the first message has come; NetmapChanged stands before it
struct MapStreamLost {      // the client goes on by itself
  std::string text;
  bool is_unusable = false;  // what came was no map that can be used: too much, or not what it should be
};
struct NetmapChanged {
  NetmapChange change;
};
struct HomeRegionTold {  // the server has taken our home region: from now on others can send to us
  RegionId region;
};
struct FeatureIgnored {  // once for each
  std::string name;      // one of a closed list, or "other"
};
struct NotAControlServer {  // what came after the upgrade is no control protocol
  std::string text;
};
struct HandshakeRefused {  // the server closed or refused: our version is too old, or its key has been replaced
  std::string text;        // perhaps its words
};
struct KeyMismatch {};     // its key is not the pinned one
struct ConnectionLost {};  // of a connection that had worked
struct Forgotten {};       // the server does not know this node any more, or its key has expired: WantJoinKey follows
struct LoggedOut {
  bool told;  // the server confirmed, or never knew us. The last event.
};

using ClientEvent =
    std::variant<WantConnection, WantJoinKey, Registered, RegistrationFailed, JoinKeyRefused, MapStreamOpened,
                 MapStreamLost, NetmapChanged, HomeRegionTold, FeatureIgnored, NotAControlServer, HandshakeRefused,
                 KeyMismatch, ConnectionLost, Forgotten, LoggedOut>;

struct ClientTimes {
  Duration handshake = seconds(10);        // from the upgrade to the end of the Noise handshake
  Duration watchdog = seconds(120);        // for the map stream's header, and from message to message
  Duration registration = seconds(30);     // for one register request
  Duration lite_update = seconds(30);      // for one lite update
  Duration logout = seconds(5);            // for all of log_out
  Duration refresh = minutes(3);           // between unchanged lite updates
  Duration connection_check = seconds(5);  // for the answer to check_connection
};

class Client {
 public:
  static constexpr std::size_t transmit_bytes_max = 64 * 1024;  // from one poll_transmit
  static constexpr std::size_t join_key_bytes_max = 1024;
  static constexpr std::size_t text_bytes_max = 200;  // of anything the server said

  Client(ClientConfig config, Random& random, Instant now, ClientTimes times = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Answers to WantConnection. The first gives the 101 bytes for X-Tailscale-Handshake (base64), or nothing if the key
  // is not the pinned one or is no key; then the connection is not to be used.
  std::optional<Buffer> connection_opened(const crypto::MachinePublicKey& server_key, Instant now);
  void connection_failed(Instant now);
  void upgraded(Instant now);  // the 101 has come; bytes read past it go to handle_bytes first
  void handle_bytes(Bytes wire, Instant now);
  void connection_closed(Instant now);  // by the other side, or broken; at any time after connection_opened
  bool connected() const;               // false after the client gave the connection up: close it

  void provide_join_key(std::string_view join_key, Instant now);
  void set_home_region(RegionId region, Instant now);
  void set_endpoints(std::vector<PublishedEndpoint> endpoints, Instant now);
  void set_net_info(NetInfo net_info, Instant now);  // its preferred_derp is ignored: set_home_region says that
  void check_connection(Instant now);                // after sleep or a change of networks: is it still there?
  void log_out(Instant now);

  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const;
  Buffer poll_transmit();  // for the connection's stream; empty when there is nothing. Not called: nothing is lost
  std::optional<ClientEvent> poll_event();

  const Netmap& netmap() const;
  std::uint64_t ignored_features() const;  // how many times altogether

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quoin::control

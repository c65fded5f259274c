// A small honest control server in memory, for tests and simulations: registers nodes with join keys, shows all of them
// to each other, keeps their map streams up to date. Built from the same codecs as the client, with the server's sides
// of Noise and HTTP/2. It differs from a real one in what `Moods` says, which tests set.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/time.h"
#include "control/http2.h"
#include "control/map_frames.h"
#include "control/messages.h"
#include "crypto/keys.h"
#include "noise/server_handshake.h"

namespace quoin::control {

class ControlInABox {
 public:
  using ConnectionId = std::uint64_t;

  struct Owner {        // whose nodes a join key makes
    std::string login;  // of a person; "tagged-devices" if there are tags
    std::vector<std::string> tags;
    bool once = false;  // the key is spent by the first node
  };

  struct Moods {
    std::uint16_t version_min = 106;  // lower: closes after the upgrade without a byte
    bool early_payload = true;
    Compression compression = Compression::zstd;
    int register_status = 200;  // else: answered with that and nothing done
    int stream_status = 200;
    int lite_status = 200;
    std::string retry_after;
    std::string register_error;
    std::string auth_url;
    bool silent = false;        // requests are read and never answered
    bool ends_streams = false;  // answers a stream with an empty body
  };

  ControlInABox(crypto::MachinePrivateKey machine, Random& random);

  Moods moods;
  std::map<std::string, Owner> join_keys;
  DerpMap relays;
  FilterRules filter;  // of all nodes; everything passes at first

  crypto::MachinePublicKey public_key() const { return machine_.public_key(); }

  // ---- the wire: what POST /ts2021 is given, then bytes
  // --------------------------------------------------------------
  std::optional<ConnectionId> connect(Bytes initiation);  // nothing: the initiation was not for us
  void handle_bytes(ConnectionId id, Bytes wire);
  Buffer poll_transmit(ConnectionId id);
  bool connected(ConnectionId id) const { return connections_.contains(id); }
  void disconnect(ConnectionId id);
  void restart();  // every connection goes; the nodes stay

  // ---- an administrator, and the clock ------------------------------------------------------------------------------
  void send_keepalives();
  void send(const crypto::NodePublicKey& to, const MapResponse& message);  // on its stream, whatever it says
  void send_text(const crypto::NodePublicKey& to, std::string_view json);
  void send_frame(const crypto::NodePublicKey& to, Bytes frame);  // as it is
  void delete_node(const crypto::NodePublicKey& key);             // tells the others, not the node itself
  void end_stream(const crypto::NodePublicKey& key);

  bool knows(const crypto::NodePublicKey& key) const { return nodes_.contains(key); }
  bool streams_to(const crypto::NodePublicKey& key) const;
  std::optional<Node> node(const crypto::NodePublicKey& key) const;

  // ---- what was asked, oldest first ---------------------------------------------------------------------------------
  std::vector<RegisterRequest> registers;
  std::vector<MapRequest> streams;
  std::vector<MapRequest> lite_updates;

 private:
  struct Known {
    crypto::MachinePublicKey machine;
    Node node;
    UserProfile user;
    bool ephemeral = false;
  };
  struct Stream {
    ConnectionId connection;
    StreamId stream;
  };
  struct Connection {
    noise::Transport transport;
    Http2Server http;
    crypto::MachinePublicKey machine;
    Buffer to_send;
  };

  void answer(ConnectionId id, Connection& connection, const RequestReceived& request);
  RegisterResponse answer_register(const Connection& connection, const RegisterRequest& request);
  void answer_map(ConnectionId id, Connection& connection, StreamId stream, const MapRequest& request);
  void take_values(Known& known, const MapRequest& request);
  MapResponse snapshot(const Known& known) const;
  void tell_others(const crypto::NodePublicKey& about);
  void stream_gone(ConnectionId id, std::optional<StreamId> stream);

  crypto::MachinePrivateKey machine_;
  Random& random_;
  std::map<ConnectionId, Connection> connections_;
  std::map<crypto::NodePublicKey, Known> nodes_;
  std::map<crypto::NodePublicKey, Stream> streams_;
  ConnectionId next_connection_ = 1;
  NodeId next_node_ = 1;
};

}  // namespace quoin::control

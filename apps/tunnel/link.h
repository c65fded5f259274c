// One byte stream of the node, from the socket that the gate connected to an open stream: TLS, and then HTTP.
//
// Control: GET /key (unless the server's key is known), then POST /ts2021 with the handshake that the node makes for
// that key. Relay: GET /derp. Both upgrade the connection; what was read past the 101 is handed over with the opening
// (Tailscale, control/controlhttp and derp/derphttp).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "crypto/keys.h"
#include "http/http1.h"
#include "io/byte_stream.h"
#include "io/tls.h"
#include "node/events.h"

namespace quoin::apps {

struct LinkTarget {
  const io::TlsRoots* roots = nullptr;  // none: plain TCP, which only a pinned server key allows
  std::string name;                     // that its certificate must bear
  std::string host_field;               // of HTTP
  bool is_control = false;
  std::optional<crypto::MachinePublicKey> server_key;  // already known
};

struct LinkHandlers {
  std::move_only_function<std::optional<Buffer>(const crypto::MachinePublicKey&)> handshake;  // control; nothing: close
  std::move_only_function<void(Bytes leftover)> opened;
  std::move_only_function<void(node::StreamFailure)> failed;  // may destroy the link
};

class Link {
 public:
  static constexpr Duration open_time_max = seconds(10);

  Link(io::Loop& loop, io::Descriptor connected, LinkTarget target, LinkHandlers handlers, Instant now);

  void start();
  bool is_open() const { return is_open_; }
  std::optional<Instant> deadline() const { return is_open_ ? std::nullopt : std::optional(opened_by_); }
  void handle_timeout(Instant now);
  io::ByteStream& stream() { return *stream_; }
  const std::optional<crypto::MachinePublicKey>& server_key() const { return target_.server_key; }

 private:
  void ask_for_key();
  void upgrade();
  void send(const http::HttpRequest& request, std::move_only_function<void()> answered);
  void write_request();
  void read_answer();
  void handle_key();
  void handle_upgrade();
  void fail_for_now();
  void fail(node::StreamTrouble trouble, std::string text);
  std::string who() const;

  io::Loop& loop_;
  LinkTarget target_;
  LinkHandlers handlers_;
  Instant opened_by_;
  bool is_open_ = false;
  std::unique_ptr<io::ByteStream> stream_;
  io::TlsClient* tls_ = nullptr;                // stream_, while the handshake goes on
  std::optional<node::StreamFailure> refused_;  // found in the constructor
  bool has_told_key_ = false;                   // at /key, on this connection
  std::string request_;
  std::size_t request_sent_ = 0;
  http::HttpAnswer answer_;
  std::move_only_function<void()> answered_;
};

}  // namespace quoin::apps

// TLS as a client, over a socket that somebody else connected (RFC 8446, RFC 5246; names by RFC 6125).
//
// It takes a connected socket, roots and the name that the certificate must bear: never a host to resolve, a port or a
// path. TLS 1.2 or newer. Nothing is resumed and nothing is written to disk. OpenSSL is known to tls.cc alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/byte_stream.h"
#include "io/descriptor.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace quoin::io {

enum class TlsError : std::uint8_t {
  bad_roots,     // the roots hold no certificate, or something that is not one
  untrusted,     // its certificate does not lead to one of the roots
  wrong_name,    // its certificate is for another name
  not_in_force,  // a certificate is expired or not valid yet
  not_tls,       // it answered with something that is not TLS
  refused,       // it sent an alert, or offers nothing that we accept
  closed,        // it went away during the handshake
};
struct TlsFailure {
  TlsError error;
  std::string text;  // a sentence: which host, whose certificate
};

// Root certificates, parsed once and shared by the connections made with them.
class TlsRoots {
 public:
  static constexpr std::size_t pem_bytes_max = 4 * 1024 * 1024;
  static Result<TlsRoots, TlsFailure> parse(Bytes pem);
  std::size_t count() const { return count_; }

 private:
  friend class TlsClient;
  TlsRoots(std::shared_ptr<ssl_ctx_st> context, std::size_t count) : context_(std::move(context)), count_(count) {}
  std::shared_ptr<ssl_ctx_st> context_;
  std::size_t count_;
};

// Reads whatever OpenSSL reads from files and allocates whatever it keeps, so that a sandbox can close afterwards.
void prepare_tls();

class TlsClient final : public ByteStream {
 public:
  // name: a host name or an IP address as text. protocols: offered by ALPN in this order, none if empty.
  static Result<std::unique_ptr<TlsClient>, TlsFailure> create(Loop& loop, Descriptor connected, const TlsRoots& roots,
                                                               std::string name,
                                                               const std::vector<std::string>& protocols = {});
  ~TlsClient() override;

  // Shakes hands, then calls done once. The deadline is the owner's: destroying the client ends it silently.
  void handshake(std::move_only_function<void(Result<void, TlsFailure>)> done);

  Result<std::size_t, StreamStop> read_some(MutableBytes space) override;
  Result<std::size_t, StreamStop> write_some(Bytes bytes) override;
  void wait_readable(Callback ready) override;
  void wait_writable(Callback ready) override;
  void finish_writing() override;
  std::string failure() const override;

 private:
  struct Session;
  explicit TlsClient(std::unique_ptr<Session> session);

  std::unique_ptr<Session> session_;
};

}  // namespace quoin::io

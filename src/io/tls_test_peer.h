// For tests: a certificate authority, and a TLS server over one connected socket, on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "io/descriptor.h"

struct ssl_st;
struct x509_st;
struct evp_pkey_st;

namespace quoin::io::testing_tls {

enum class Validity { now, past, future };

// A certificate and its key. Without an issuer it is a root.
class Identity {
 public:
  struct Asked {
    std::string subject;
    std::string alternative_names = "";  // as in "DNS:example.com,IP:192.0.2.1"; none for an authority
    Validity validity = Validity::now;
    const Identity* issuer = nullptr;
  };
  explicit Identity(const Asked& asked);
  Buffer pem() const;

 private:
  friend class Server;
  std::shared_ptr<x509_st> certificate_;
  std::shared_ptr<evp_pkey_st> key_;
};

// Shakes hands and then lets `serve` speak; blocking. Joined by the destructor.
class Server {
 public:
  struct Options {
    const Identity* identity;
    int version_max = 0;        // e.g. TLS1_1_VERSION; 0: any
    std::string protocol = "";  // chosen by ALPN if the client offers it
  };
  Server(Descriptor socket, Options options, std::function<void(ssl_st*)> serve);
  ~Server() { thread_.join(); }

 private:
  std::thread thread_;
};

std::string read_until(ssl_st* connection, char last);
void write(ssl_st* connection, const std::string& text);

}  // namespace quoin::io::testing_tls

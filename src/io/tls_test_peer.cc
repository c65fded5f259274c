#include "io/tls_test_peer.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace quoin::io::testing_tls {

namespace {

constexpr long day_seconds = 24L * 60 * 60;

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_length, const unsigned char* offered,
                    unsigned offered_length, void* wanted) {
  const auto& protocol = *static_cast<const std::string*>(wanted);
  for (unsigned at = 0; at < offered_length; at += offered[at] + 1U) {
    if (std::string(reinterpret_cast<const char*>(offered) + at + 1, offered[at]) != protocol) continue;
    *chosen = offered + at + 1;
    *chosen_length = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

Identity::Identity(const Asked& asked)
    : certificate_(X509_new(), X509_free), key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free) {
  X509* certificate = certificate_.get();
  static long serial = 1;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  const long begin = asked.validity == Validity::future ? day_seconds : -2 * day_seconds;
  const long end = asked.validity == Validity::past ? -day_seconds : 2 * day_seconds;
  X509_gmtime_adj(X509_getm_notBefore(certificate), begin);
  X509_gmtime_adj(X509_getm_notAfter(certificate), end);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(asked.subject.data()),
                             static_cast<int>(asked.subject.size()), -1, 0);
  const Identity& issuer = asked.issuer != nullptr ? *asked.issuer : *this;
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate_.get()));
  X509_set_pubkey(certificate, key_.get());
  if (asked.alternative_names.empty()) add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  if (!asked.alternative_names.empty()) add_extension(certificate, NID_subject_alt_name, asked.alternative_names);
  X509_sign(certificate, issuer.key_.get(), EVP_sha256());
}

Buffer Identity::pem() const {
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, certificate_.get());
  char* text = nullptr;
  const long length = BIO_get_mem_data(out, &text);
  Buffer copy = to_buffer(bytes_of({text, static_cast<std::size_t>(length)}));
  BIO_free_all(out);
  return copy;
}

Server::Server(Descriptor socket, Options options, std::function<void(ssl_st*)> serve) {
  thread_ = std::thread([socket = std::move(socket), options, serve = std::move(serve),
                         certificate = options.identity->certificate_, key = options.identity->key_] {
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    SSL_CTX_use_certificate(context.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), key.get());
    if (options.version_max != 0) {
      SSL_CTX_set_security_level(context.get(), 0);
      SSL_CTX_set_min_proto_version(context.get(), 0);
      SSL_CTX_set_max_proto_version(context.get(), options.version_max);
    }
    std::string protocol = options.protocol;
    if (!protocol.empty()) SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, &protocol);
    const std::unique_ptr<SSL, void (*)(SSL*)> connection(SSL_new(context.get()), SSL_free);
    SSL_set_fd(connection.get(), socket.number());
    if (SSL_accept(connection.get()) == 1) serve(connection.get());
  });
}

std::string read_until(ssl_st* connection, char last) {
  std::string text;
  char byte;
  while (SSL_read(connection, &byte, 1) == 1) {
    text += byte;
    if (byte == last) break;
  }
  return text;
}

void write(ssl_st* connection, const std::string& text) {
  SSL_write(connection, text.data(), static_cast<int>(text.size()));
}

}  // namespace quoin::io::testing_tls

#include "io/tls.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <climits>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/address.h"
#include "io/clock.h"
#include "io/readiness.h"

namespace quoin::io {

namespace {

constexpr int chain_length_max = 10;
constexpr std::size_t record_bytes_max = 16 * 1024;  // RFC 8446, section 5.1
constexpr std::size_t read_ahead_bytes = 4 * record_bytes_max;
constexpr std::size_t name_text_bytes_max = 200;
constexpr std::size_t host_name_bytes_max = 253;

template <auto Free>
struct FreeWith {
  void operator()(auto* thing) const { Free(thing); }
};
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Connection = std::unique_ptr<SSL, FreeWith<SSL_free>>;

std::unexpected<TlsFailure> tls_failure(TlsError error, std::string text) {
  return std::unexpected(TlsFailure{error, std::move(text)});
}

// RFC 2253, with everything that is not printable ASCII escaped.
std::string text_of_name(const X509_NAME* name) {
  const Bio out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  if (text == nullptr || length <= 0) return "without a name";
  return std::string(text, std::min(static_cast<std::size_t>(length), name_text_bytes_max));
}

// The first thing that the verification found wrong. It lives where the certificate is at hand: after a failure
// OpenSSL no longer gives it out.
struct Complaint {
  int code = X509_V_OK;
  std::string subject;
  std::string issuer;
};

int complaint_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

int note_complaint(int good, X509_STORE_CTX* verification) {
  if (good == 1) return good;
  auto* connection = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* complaint = static_cast<Complaint*>(SSL_get_ex_data(connection, complaint_slot()));
  complaint->code = X509_STORE_CTX_get_error(verification);
  if (const X509* certificate = X509_STORE_CTX_get_current_cert(verification)) {
    complaint->subject = text_of_name(X509_get_subject_name(certificate));
    complaint->issuer = text_of_name(X509_get_issuer_name(certificate));
  }
  return 0;
}

// "2026-11-29", in UTC; not by the C library, which reads files for it.
std::string today_by_this_clock() {
  const auto days = std::chrono::floor<std::chrono::days>(std::chrono::seconds(wall_time().since_zero / seconds(1)));
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const auto two = [](unsigned number) { return (number < 10 ? "-0" : "-") + std::to_string(number); };
  return std::to_string(static_cast<int>(date.year())) + two(static_cast<unsigned>(date.month())) +
         two(static_cast<unsigned>(date.day()));
}

std::string not_in_force(const std::string& whose, const char* what) {
  return whose + what + ", or this host's clock is wrong: it says that today is " + today_by_this_clock();
}

TlsFailure explain_complaint(const std::string& host, const Complaint& complaint) {
  const std::string whose = host + ": its certificate (" + complaint.subject + ", issued by " + complaint.issuer + ") ";
  switch (complaint.code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return {TlsError::wrong_name, whose + "is for another name"};
    case X509_V_ERR_CERT_HAS_EXPIRED: return {TlsError::not_in_force, not_in_force(whose, "has expired")};
    case X509_V_ERR_CERT_NOT_YET_VALID: return {TlsError::not_in_force, not_in_force(whose, "is not valid yet")};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {TlsError::untrusted, whose + "does not lead to a root that is trusted here"};
    default:
      return {TlsError::untrusted, whose + "is not acceptable: " + X509_verify_cert_error_string(complaint.code)};
  }
}

TlsFailure explain_refusal(const std::string& host, unsigned long code) {
  const char* reason = ERR_reason_error_string(code);
  const std::string said = reason != nullptr ? reason : "no reason given";
  switch (ERR_GET_REASON(code)) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return {TlsError::closed, host + ": it closed during the TLS handshake"};
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_PACKET_LENGTH:
    case SSL_R_UNEXPECTED_MESSAGE: return {TlsError::not_tls, host + ": it does not speak TLS there (" + said + ")"};
    default: return {TlsError::refused, host + ": no TLS connection came about (" + said + ")"};
  }
}

// OpenSSL takes an empty name for "any", one that begins with a dot for "any below", and stops at a zero byte.
bool can_be_asked_for(std::string_view name) {
  const auto usual = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_';
  };
  return !name.empty() && name.size() <= host_name_bytes_max && name.front() != '.' && std::ranges::all_of(name, usual);
}

bool ask_for_name(SSL* connection, const std::string& name) {
  X509_VERIFY_PARAM* wanted = SSL_get0_param(connection);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (IpAddress::parse(name)) return X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str()) == 1;
  if (!can_be_asked_for(name)) return false;
  return SSL_set1_host(connection, name.c_str()) == 1 && SSL_set_tlsext_host_name(connection, name.c_str()) == 1;
}

// RFC 7301, section 3.1: each name with its length before it.
bool offer_protocols(SSL* connection, const std::vector<std::string>& protocols) {
  if (protocols.empty()) return true;
  std::string list;
  for (const std::string& protocol : protocols) {
    assert(!protocol.empty() && protocol.size() < 256);
    list += static_cast<char>(protocol.size());
    list += protocol;
  }
  return SSL_set_alpn_protos(connection, reinterpret_cast<const unsigned char*>(list.data()),
                             static_cast<unsigned>(list.size())) == 0;
}

}  // namespace

Result<TlsRoots, TlsFailure> TlsRoots::parse(Bytes pem) {
  const auto refuse = [](const char* why) { return tls_failure(TlsError::bad_roots, why); };
  if (pem.size() > pem_bytes_max) return refuse("the file of root certificates is too large");
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), FreeWith<SSL_CTX_free>());
  if (!context) return refuse("OpenSSL made no context");

  ERR_clear_error();
  std::size_t count = 0;
  const Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (const Certificate root{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), root.get()) != 1) {
      return refuse("a root certificate cannot be used");
    }
    count++;
  }
  const bool at_the_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_the_end) return refuse("the file of root certificates has a damaged certificate");
  if (count == 0) return refuse("the file of root certificates holds no certificate (PEM)");

  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One system call takes all records that have come, not two for each: a relay sends every packet in a record of its
  // own.
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_default_read_buffer_len(context.get(), read_ahead_bytes);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, note_complaint);
  SSL_CTX_set_verify_depth(context.get(), chain_length_max);
  return TlsRoots(std::move(context), count);
}

void prepare_tls() {
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
  complaint_slot();
  unsigned char seed[32];  // starts the generator that keys come from
  RAND_bytes(seed, sizeof seed);
  RAND_priv_bytes(seed, sizeof seed);
  const std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  const Connection connection(context ? SSL_new(context.get()) : nullptr);
}

// Everything a callback may still need when its owner has destroyed the client.
struct TlsClient::Session {
  Session(Loop& the_loop, Descriptor connected, std::string host_name)
      : loop(the_loop), readiness(the_loop, std::move(connected)), host(std::move(host_name)) {}

  void continue_handshake();
  void finish_handshake(Result<void, TlsFailure> result);
  TlsFailure explain(int kind);
  StreamStop stop(int outcome, bool& wants_write);
  void arm();
  void ready(bool for_writing);

  Loop& loop;
  Readiness readiness;
  std::string host;
  std::unique_ptr<Complaint> complaint = std::make_unique<Complaint>();
  Connection connection;
  std::move_only_function<void(Result<void, TlsFailure>)> done;
  Callback readable, writable;       // who waits
  bool reading_wants_write = false;  // what OpenSSL wants before it reads on: rarely it must write first
  bool writing_wants_read = false;
  bool read_dry = false;  // what has been read ahead is at most a piece of a record
  bool broken = false;    // nothing more can be said on it, not even goodbye
  std::string failure;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

TlsClient::TlsClient(std::unique_ptr<Session> session) : session_(std::move(session)) {}

TlsClient::~TlsClient() {
  if (session_->broken || !SSL_is_init_finished(session_->connection.get())) return;
  ERR_clear_error();
  SSL_shutdown(session_->connection.get());
}

Result<std::unique_ptr<TlsClient>, TlsFailure> TlsClient::create(Loop& loop, Descriptor connected,
                                                                 const TlsRoots& roots, std::string name,
                                                                 const std::vector<std::string>& protocols) {
  auto session = std::make_unique<Session>(loop, std::move(connected), std::move(name));
  session->connection.reset(SSL_new(roots.context_.get()));
  SSL* connection = session->connection.get();
  if (connection == nullptr || SSL_set_fd(connection, session->readiness.number()) != 1 ||
      SSL_set_ex_data(connection, complaint_slot(), session->complaint.get()) != 1 ||
      !offer_protocols(connection, protocols)) {
    return tls_failure(TlsError::closed, session->host + ": OpenSSL made no connection");
  }
  if (!ask_for_name(connection, session->host)) {
    return tls_failure(TlsError::wrong_name, "no certificate can be asked for a host of that name");
  }
  SSL_set_connect_state(connection);
  return std::unique_ptr<TlsClient>(new TlsClient(std::move(session)));
}

void TlsClient::handshake(std::move_only_function<void(Result<void, TlsFailure>)> done) {
  session_->done = std::move(done);
  session_->readiness.wait_writable([session = session_.get()] { session->continue_handshake(); });
}

void TlsClient::Session::continue_handshake() {
  ERR_clear_error();
  const int outcome = SSL_do_handshake(connection.get());
  if (outcome == 1) return finish_handshake({});
  const int kind = SSL_get_error(connection.get(), outcome);
  if (kind == SSL_ERROR_WANT_READ) return readiness.wait_readable([this] { continue_handshake(); });
  if (kind == SSL_ERROR_WANT_WRITE) return readiness.wait_writable([this] { continue_handshake(); });
  broken = true;
  finish_handshake(std::unexpected(explain(kind)));
}

void TlsClient::Session::finish_handshake(Result<void, TlsFailure> result) {
  if (!result) failure = result.error().text;
  auto call = std::move(done);
  call(std::move(result));
}

TlsFailure TlsClient::Session::explain(int kind) {
  if (complaint->code != X509_V_OK) return explain_complaint(host, *complaint);
  if (kind == SSL_ERROR_SSL) return explain_refusal(host, ERR_peek_last_error());
  return {TlsError::closed, host + ": it closed during the TLS handshake"};
}

Result<std::size_t, StreamStop> TlsClient::read_some(MutableBytes space) {
  if (space.empty()) return 0;
  ERR_clear_error();
  std::size_t got = 0;
  const int outcome = SSL_read_ex(session_->connection.get(), space.data(), space.size(), &got);
  session_->reading_wants_write = false;
  session_->read_dry = outcome != 1;
  if (outcome == 1) return got;
  return quoin::failure(session_->stop(outcome, session_->reading_wants_write));
}

// One record at a time: a call that is repeated then never offers less than the record that waits to leave.
Result<std::size_t, StreamStop> TlsClient::write_some(Bytes bytes) {
  if (bytes.empty()) return 0;
  ERR_clear_error();
  std::size_t put = 0;
  const int outcome =
      SSL_write_ex(session_->connection.get(), bytes.data(), std::min(bytes.size(), record_bytes_max), &put);
  session_->writing_wants_read = false;
  if (outcome == 1) return put;
  bool wants_write = false;
  const StreamStop stop = session_->stop(outcome, wants_write);
  session_->writing_wants_read = stop == StreamStop::would_block && !wants_write;
  return quoin::failure(stop);
}

StreamStop TlsClient::Session::stop(int outcome, bool& wants_write) {
  const int kind = SSL_get_error(connection.get(), outcome);
  switch (kind) {
    case SSL_ERROR_WANT_WRITE: wants_write = true; return StreamStop::would_block;
    case SSL_ERROR_WANT_READ: return StreamStop::would_block;
    case SSL_ERROR_ZERO_RETURN: return StreamStop::finished;
    case SSL_ERROR_SYSCALL:
      broken = true;
      failure = host + ": the connection broke";
      return StreamStop::reset;
    default: break;
  }
  broken = true;
  const unsigned long code = ERR_peek_last_error();
  if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    failure = host + ": the connection ended without a TLS goodbye";
    return StreamStop::reset;
  }
  const char* reason = ERR_reason_error_string(code);
  failure = host + ": TLS failed (" + (reason != nullptr ? reason : "no reason given") + ")";
  return StreamStop::failed;
}

void TlsClient::wait_readable(Callback ready) {
  session_->readable = std::move(ready);
  if (session_->read_dry || SSL_has_pending(session_->connection.get()) == 0) return session_->arm();
  session_->loop.post([session = session_.get(), alive = std::weak_ptr(session_->alive)] {  // it is here already
    if (alive.expired() || !session->readable) return;
    std::exchange(session->readable, nullptr)();
  });
}

void TlsClient::wait_writable(Callback ready) {
  session_->writable = std::move(ready);
  session_->arm();
}

void TlsClient::Session::arm() {
  if ((readable && !reading_wants_write) || (writable && writing_wants_read)) {
    readiness.wait_readable([this] { ready(false); });
  }
  if ((writable && !writing_wants_read) || (readable && reading_wants_write)) {
    readiness.wait_writable([this] { ready(true); });
  }
}

void TlsClient::Session::ready(bool for_writing) {
  Callback first, second;
  if (reading_wants_write == for_writing) first = std::exchange(readable, nullptr);
  if (writing_wants_read != for_writing) second = std::exchange(writable, nullptr);
  const std::weak_ptr watched = alive;
  if (first) first();
  if (second && !watched.expired()) second();
}

void TlsClient::finish_writing() {
  if (session_->broken) return;
  ERR_clear_error();
  SSL_shutdown(session_->connection.get());
}

std::string TlsClient::failure() const {
  return session_->failure;
}

}  // namespace quoin::io

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/entropy.h"
#include "serial_question.h"

namespace quoin::apps {
namespace {

constexpr std::array<oid, 12> serial_number = {1, 3, 6, 1, 2, 1, 43, 5, 1, 1, 17, 1};
constexpr std::size_t message_bytes_max = 8192;

int receive_from(netsnmp_transport* transport, void* space, int size, void** opaque, int* opaque_length) {
  *opaque = nullptr;
  *opaque_length = 0;
  return static_cast<int>(recv(transport->sock, space, static_cast<std::size_t>(size), MSG_DONTWAIT));
}

int send_to(netsnmp_transport* transport, const void* bytes, int size, void**, int*) {
  return static_cast<int>(send(transport->sock, bytes, static_cast<std::size_t>(size), MSG_DONTWAIT));
}

int close_nothing(netsnmp_transport*) {
  return 0;  // the socket is ours
}

// One that net-snmp frees with its session.
netsnmp_transport* transport_over(int socket) {
  auto* transport = static_cast<netsnmp_transport*>(std::calloc(1, sizeof(netsnmp_transport)));
  if (transport == nullptr) return nullptr;
  transport->domain = netsnmpUDPDomain;
  transport->domain_length = static_cast<int>(netsnmpUDPDomain_len);
  transport->sock = socket;
  transport->msgMaxSize = message_bytes_max;
  transport->f_recv = receive_from;
  transport->f_send = send_to;
  transport->f_close = close_nothing;
  return transport;
}

pair::SnmpVersion other_version(pair::SnmpVersion version) {
  return version == pair::SnmpVersion::v2c ? pair::SnmpVersion::v1 : pair::SnmpVersion::v2c;
}

// Requests that cannot be guessed, so that only who has seen one can answer it.
long request_number() {
  io::SystemRandom random;
  return static_cast<long>(random.u32() & 0x7fffffffU);
}

bool is_absent(const netsnmp_pdu& pdu, const netsnmp_variable_list* value) {
  if (pdu.errstat == SNMP_ERR_NOSUCHNAME) return true;
  return value != nullptr && (value->type == SNMP_NOSUCHOBJECT || value->type == SNMP_NOSUCHINSTANCE);
}

// The object itself, or the next one of its column.
bool is_what_was_asked(const netsnmp_variable_list& value, bool next_of_column) {
  if (!next_of_column) {
    return netsnmp_oid_equals(value.name, value.name_length, serial_number.data(), serial_number.size()) == 0;
  }
  return value.name_length == serial_number.size() &&
         snmp_oid_compare(value.name, value.name_length - 1, serial_number.data(), serial_number.size() - 1) == 0;
}

}  // namespace

struct SerialQuestion::Session {
  void* opened = nullptr;
  bool next_of_column = false;
  std::optional<Answered> answered;

  ~Session() {
    if (opened != nullptr) snmp_sess_close(opened);
  }

  static int received(int operation, netsnmp_session*, int, netsnmp_pdu* pdu, void* of) {
    if (operation == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE && pdu != nullptr) {
      Session& session = *static_cast<Session*>(of);
      session.answered = session.read(*pdu);
    }
    return 1;
  }

  Answered read(const netsnmp_pdu& pdu) const {
    const auto unreadable = [](std::string what) {
      return pair::SerialAnswer{pair::SerialOutcome::unreadable, std::move(what), {}};
    };
    const netsnmp_variable_list* value = pdu.variables;
    if (pdu.command != SNMP_MSG_RESPONSE) return {unreadable("no response")};
    if (is_absent(pdu, value)) return {unreadable("no such object"), true, false};
    if (pdu.errstat != SNMP_ERR_NOERROR) return {unreadable("error " + std::to_string(pdu.errstat)), false, true};
    if (value == nullptr || !is_what_was_asked(*value, next_of_column)) return {unreadable("no such object")};
    if (value->type != ASN_OCTET_STR || value->val.string == nullptr) return {unreadable("no text")};
    return {pair::serial_answer_of(Bytes(reinterpret_cast<const std::byte*>(value->val.string), value->val_len))};
  }

  bool ask() {
    netsnmp_pdu* pdu = snmp_pdu_create(next_of_column ? SNMP_MSG_GETNEXT : SNMP_MSG_GET);
    if (pdu == nullptr) return false;
    pdu->reqid = request_number();
    snmp_add_null_var(pdu, serial_number.data(), serial_number.size() - (next_of_column ? 1 : 0));
    if (snmp_sess_async_send(opened, pdu, received, this) != 0) return true;
    snmp_free_pdu(pdu);
    return false;
  }
};

void SerialQuestion::prepare() {
  // Without a handler, what strangers sent is complained of on standard error.
  netsnmp_register_loghandler(NETSNMP_LOGHANDLER_NONE, LOG_EMERG);
  netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
  netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD, 1);
  netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE, 1);
  netsnmp_session unused;
  snmp_sess_init(&unused);  // sets the library up, once
}

SerialQuestion::SerialQuestion(io::Loop& loop, io::Descriptor connected, pair::SerialQuestion question, Done done)
    : socket_(loop, std::move(connected)),
      question_(std::move(question)),
      done_(std::move(done)),
      timer_(loop, [this] { expired(); }) {}

SerialQuestion::~SerialQuestion() = default;

void SerialQuestion::ask() {
  begin(question_.first, false, pair::serial_tries_first);
}

void SerialQuestion::begin(pair::SnmpVersion version, bool next_of_column, int tries) {
  version_ = version;
  next_of_column_ = next_of_column;
  tries_left_ = tries;
  netsnmp_session wanted;
  snmp_sess_init(&wanted);
  wanted.version = version == pair::SnmpVersion::v2c ? SNMP_VERSION_2c : SNMP_VERSION_1;
  wanted.community = reinterpret_cast<unsigned char*>(question_.community.data());
  wanted.community_len = question_.community.size();
  wanted.retries = 0;  // tries and patience are counted here
  wanted.timeout = std::chrono::duration_cast<std::chrono::microseconds>(pair::serial_wait).count();
  session_ = std::make_unique<Session>();
  session_->next_of_column = next_of_column;
  netsnmp_transport* transport = transport_over(socket_.number());
  if (transport != nullptr) session_->opened = snmp_sess_add(&wanted, transport, nullptr, nullptr);
  if (session_->opened == nullptr) return finish(best_);
  expired();
}

void SerialQuestion::expired() {
  if (tries_left_ == 0) {
    const bool nothing_came = best_.outcome == pair::SerialOutcome::silent;
    if (!nothing_came || std::exchange(other_was_asked_, true)) return finish(best_);
    return begin(other_version(question_.first), false, pair::serial_tries_other);
  }
  tries_left_--;
  if (!session_->ask()) return finish(best_);  // refused: nobody listens there
  timer_.set(io::now() + pair::serial_try);
  wait();
}

// One more question, and at most one in the other version, where what came may not be the device's last word.
void SerialQuestion::consider(const Answered& answered) {
  pair::SerialAnswer answer = answered.answer;
  answer.version = version_;
  if (answer.outcome == pair::SerialOutcome::read) return finish(std::move(answer));
  if (best_.outcome == pair::SerialOutcome::silent) best_ = answer;
  if (answered.is_absent && !next_of_column_) return begin(version_, true, 1);
  if (answered.is_error && !std::exchange(other_was_asked_, true)) return begin(other_version(version_), false, 1);
  finish(best_);
}

void SerialQuestion::wait() {
  socket_.wait_readable([this] { receive(); });
}

void SerialQuestion::receive() {
  if (recv(socket_.number(), nullptr, 0, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == ECONNREFUSED) return finish(best_);
  fd_set ready;
  FD_ZERO(&ready);
  FD_SET(socket_.number(), &ready);
  snmp_sess_read(session_->opened, &ready);  // what is no answer to us, it drops
  if (const auto answered = session_->answered) return consider(*answered);
  wait();
}

void SerialQuestion::finish(pair::SerialAnswer answer) {
  timer_.clear();
  socket_.cancel();
  Done done = std::move(done_);
  done(std::move(answer));
}

}  // namespace quoin::apps

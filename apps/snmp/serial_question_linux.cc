#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>

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

// Requests that cannot be guessed, so that only who has seen one can answer it.
long request_number() {
  io::SystemRandom random;
  return static_cast<long>(random.u32() & 0x7fffffffU);
}

pair::SerialAnswer answer_in(const netsnmp_pdu& pdu) {
  const pair::SerialAnswer unreadable{pair::SerialOutcome::unreadable, {}};
  const netsnmp_variable_list* value = pdu.variables;
  if (pdu.command != SNMP_MSG_RESPONSE || pdu.errstat != SNMP_ERR_NOERROR || value == nullptr) return unreadable;
  const bool is_what_was_asked =
      netsnmp_oid_equals(value->name, value->name_length, serial_number.data(), serial_number.size()) == 0;
  if (!is_what_was_asked || value->type != ASN_OCTET_STR || value->val.string == nullptr) return unreadable;
  return pair::serial_answer_of(Bytes(reinterpret_cast<const std::byte*>(value->val.string), value->val_len));
}

}  // namespace

struct SerialQuestion::Session {
  void* opened = nullptr;
  std::optional<pair::SerialAnswer> answer;

  ~Session() {
    if (opened != nullptr) snmp_sess_close(opened);
  }

  static int received(int operation, netsnmp_session*, int, netsnmp_pdu* pdu, void* of) {
    if (operation == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE && pdu != nullptr) {
      static_cast<Session*>(of)->answer = answer_in(*pdu);
    }
    return 1;
  }

  bool ask() {
    netsnmp_pdu* pdu = snmp_pdu_create(SNMP_MSG_GET);
    if (pdu == nullptr) return false;
    pdu->reqid = request_number();
    snmp_add_null_var(pdu, serial_number.data(), serial_number.size());
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

SerialQuestion::SerialQuestion(io::Loop& loop, io::Descriptor connected, std::string community, Done done)
    : socket_(loop, std::move(connected)),
      community_(std::move(community)),
      done_(std::move(done)),
      timer_(loop, [this] { expired(); }) {}

SerialQuestion::~SerialQuestion() = default;

void SerialQuestion::ask() {
  begin(Version::v2c);
}

void SerialQuestion::begin(Version version) {
  version_ = version;
  tries_left_ = version == Version::v2c ? pair::serial_tries_v2c : pair::serial_tries_v1;
  netsnmp_session wanted;
  snmp_sess_init(&wanted);
  wanted.version = version == Version::v2c ? SNMP_VERSION_2c : SNMP_VERSION_1;
  wanted.community = reinterpret_cast<unsigned char*>(community_.data());
  wanted.community_len = community_.size();
  wanted.retries = 0;  // tries and patience are counted here
  wanted.timeout = std::chrono::duration_cast<std::chrono::microseconds>(pair::serial_wait).count();
  session_ = std::make_unique<Session>();
  netsnmp_transport* transport = transport_over(socket_.number());
  if (transport != nullptr) session_->opened = snmp_sess_add(&wanted, transport, nullptr, nullptr);
  if (session_->opened == nullptr) return finish({});
  expired();
}

void SerialQuestion::expired() {
  if (tries_left_ == 0) return version_ == Version::v2c ? begin(Version::v1) : finish({});
  tries_left_--;
  if (!session_->ask()) return finish({});  // refused: nobody listens there
  timer_.set(io::now() + pair::serial_try);
  wait();
}

void SerialQuestion::wait() {
  socket_.wait_readable([this] { receive(); });
}

void SerialQuestion::receive() {
  if (recv(socket_.number(), nullptr, 0, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == ECONNREFUSED) return finish({});
  fd_set ready;
  FD_ZERO(&ready);
  FD_SET(socket_.number(), &ready);
  snmp_sess_read(session_->opened, &ready);  // what is no answer to us, it drops
  if (session_->answer) return finish(*session_->answer);
  wait();
}

void SerialQuestion::finish(pair::SerialAnswer answer) {
  timer_.clear();
  socket_.cancel();
  Done done = std::move(done_);
  done(std::move(answer));
}

}  // namespace quoin::apps

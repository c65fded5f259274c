#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <ares.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "io/clock.h"
#include "name_lookup.h"

namespace quoin::apps {
namespace {

// Of one server, then of the next; each round takes twice as long as the one before. With one server that are 10.5 s,
// within what the gate waits for a name.
constexpr int try_ms = 1500;
constexpr int rounds = 3;
constexpr int datagram_bytes_max = 1232;  // what crosses every path whole (DNS flag day 2020)

struct Peer {
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_storage);
};

std::optional<Peer> peer_of(int socket) {
  Peer peer;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer.address), &peer.length) != 0) return std::nullopt;
  return peer;
}

std::optional<IpAddress> address_of(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    return IpAddress::from_bytes(Bytes(reinterpret_cast<const std::byte*>(&v4), sizeof v4));
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  return IpAddress::from_bytes(Bytes(reinterpret_cast<const std::byte*>(&v6), sizeof v6));
}

std::optional<IpAddress> server_of(const io::Descriptor& socket) {
  const auto peer = peer_of(socket.number());
  return peer ? address_of(reinterpret_cast<const sockaddr*>(&peer->address)) : std::nullopt;
}

}  // namespace

struct NameLookup::Question {
  Question(io::Loop& loop, Done call) : done(std::move(call)), patience(loop, [this] { finish(); }) {}

  void finish() {
    patience.clear();
    Done call = std::exchange(done, nullptr);
    if (!call) return;
    // By turns, IPv4 first: it is what a site without IPv6 of its own has (RFC 8305, section 4).
    std::vector<IpAddress> addresses;
    for (std::size_t i = 0; i < std::max(ipv4.size(), ipv6.size()); i++) {
      if (i < ipv4.size()) addresses.push_back(ipv4[i]);
      if (i < ipv6.size()) addresses.push_back(ipv6[i]);
    }
    if (addresses.size() > pair::addresses_of_name_max) addresses.resize(pair::addresses_of_name_max);
    const auto outcome = !addresses.empty() ? pair::NameOutcome::found
                         : has_failed       ? pair::NameOutcome::failed
                                            : pair::NameOutcome::not_found;
    call(outcome, std::move(addresses));
  }

  Done done;  // nothing: it has been called
  io::Timer patience;
  int halves = 2;  // under way
  std::vector<IpAddress> ipv4, ipv6;
  bool has_failed = false;  // at least one half
};
struct NameLookup::Half {
  std::shared_ptr<Question> question;
};

struct NameLookup::Calls {
  static NameLookup& ours(void* self) { return *static_cast<NameLookup*>(self); }

  static ares_socket_t open(int, int type, int, void* self) {
    if (type != SOCK_DGRAM) {
      errno = EACCES;
      return ARES_SOCKET_BAD;
    }
    NameLookup& lookup = ours(self);
    lookup.sockets_.emplace(++lookup.last_number_, Socket{});
    return lookup.last_number_;
  }
  // Nothing is connected: it must be one of those that have been.
  static int connect(ares_socket_t number, const sockaddr* address, ares_socklen_t, void* self) {
    NameLookup& lookup = ours(self);
    const auto wanted = address_of(address);
    const auto found =
        std::ranges::find_if(lookup.unused_, [&](const auto& each) { return server_of(each) == wanted; });
    if (!wanted || found == lookup.unused_.end()) {
      errno = ENETUNREACH;
      return -1;
    }
    lookup.sockets_.at(number).readiness = std::make_unique<io::Readiness>(lookup.loop_, std::move(*found));
    lookup.unused_.erase(found);
    lookup.wait(number);
    return 0;
  }
  static int close(ares_socket_t number, void* self) {
    ours(self).sockets_.erase(number);
    return 0;
  }
  static int number_of(ares_socket_t number, void* self) {
    const auto& sockets = ours(self).sockets_;
    const auto found = sockets.find(number);
    return found == sockets.end() || !found->second.readiness ? -1 : found->second.readiness->number();
  }
  static ares_ssize_t receive(ares_socket_t number, void* space, std::size_t size, int, sockaddr* from,
                              ares_socklen_t* from_length, void* self) {
    const int socket = number_of(number, self);
    const ssize_t got = recv(socket, space, size, MSG_DONTWAIT);
    const auto peer = got >= 0 ? peer_of(socket) : std::nullopt;
    if (from != nullptr && peer && *from_length >= peer->length) {
      std::memcpy(from, &peer->address, peer->length);
      *from_length = peer->length;
    }
    return got;
  }
  static ares_ssize_t send(ares_socket_t number, const iovec* parts, int count, void* self) {
    if (count != 1) {
      errno = EMSGSIZE;
      return -1;
    }
    return ::send(number_of(number, self), parts->iov_base, parts->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  static void found(void* of, int status, int, ares_addrinfo* result) {
    const std::unique_ptr<Half> half(static_cast<Half*>(of));
    Question& question = *half->question;
    for (const ares_addrinfo_node* node = result == nullptr ? nullptr : result->nodes; node != nullptr;
         node = node->ai_next) {
      const auto address = address_of(node->ai_addr);
      if (!address) continue;
      auto& known = address->is_v4() ? question.ipv4 : question.ipv6;
      if (std::ranges::find(known, *address) == known.end()) known.push_back(*address);
    }
    ares_freeaddrinfo(result);
    if (status == ARES_EDESTRUCTION) return;
    const bool is_answered =
        status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME;
    question.has_failed = question.has_failed || !is_answered;
    if (--question.halves == 0) return question.finish();
    if (!question.ipv4.empty() || !question.ipv6.empty()) question.patience.set(io::now() + other_family_within);
  }
};

NameLookup::NameLookup(io::Loop& loop)
    : loop_(loop), timer_(loop, [this] {
        ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        wait();
      }) {
  ares_options options{};
  char only_servers[] = "b";
  options.flags = ARES_FLAG_EDNS | ARES_FLAG_IGNTC;
  options.lookups = only_servers;
  options.timeout = try_ms;
  options.tries = rounds;
  options.ednspsz = datagram_bytes_max;
  constexpr int given = ARES_OPT_FLAGS | ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ;
  if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) return;
  if (ares_init_options(&channel_, &options, given) != ARES_SUCCESS) {
    channel_ = nullptr;
    return;
  }
  static constexpr ares_socket_functions calls = {Calls::open, Calls::close, Calls::connect, Calls::receive,
                                                  Calls::send};
  ares_set_socket_functions(channel_, &calls, this);
}

NameLookup::~NameLookup() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

bool NameLookup::use_servers(const std::vector<io::Descriptor>& servers) {
  std::string list;
  for (const io::Descriptor& each : servers) {
    const auto address = server_of(each);
    if (!address) return false;
    list += (list.empty() ? "" : ",") + address->text();
  }
  if (list == servers_) return true;
  if (list.empty() || ares_set_servers_csv(channel_, list.c_str()) != ARES_SUCCESS) return false;
  servers_ = list;
  return true;
}

void NameLookup::begin(const std::string& name, std::vector<io::Descriptor> servers, Done done) {
  if (!use_servers(servers)) return done(pair::NameOutcome::failed, {});
  for (io::Descriptor& each : servers) unused_.push_back(std::move(each));
  if (unused_.size() > sockets_max) unused_.erase(unused_.begin(), unused_.end() - sockets_max);
  const auto question = std::make_shared<Question>(loop_, std::move(done));
  for (const int family : {AF_INET, AF_INET6}) {
    ares_addrinfo_hints hints{};
    hints.ai_family = family;
    hints.ai_flags = ARES_AI_NOSORT;  // which would make sockets of its own
    auto half = std::make_unique<Half>(question);
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, Calls::found, half.release());
  }
  wait();
}

void NameLookup::wait(int number) {
  sockets_.at(number).readiness->wait_readable([this, number] {
    ares_process_fd(channel_, number, ARES_SOCKET_BAD);
    if (sockets_.contains(number)) wait(number);
    wait();
  });
}

void NameLookup::wait() {
  timeval space{};
  const timeval* left = ares_timeout(channel_, nullptr, &space);
  if (left == nullptr) return timer_.clear();
  timer_.set(io::now() + seconds(left->tv_sec) + microseconds(left->tv_usec) + milliseconds(1));
}

}  // namespace quoin::apps

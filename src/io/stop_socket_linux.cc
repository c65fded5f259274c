#include <algorithm>
#include <cerrno>
#include <span>

#include <poll.h>
#include <sys/socket.h>

#include "io/stop_socket.h"
#include "io/unix_peer.h"

namespace quoin::io {

namespace {

constexpr Duration pause_after_refusal = milliseconds(50);
constexpr Duration pause_while_closing = milliseconds(1);
constexpr int accepted_per_turn = 64;  // then those who are there get their turn

std::optional<std::uint32_t> user_of(const Descriptor& socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket.number(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer.uid;
}

}  // namespace

StopSocket::~StopSocket() {
  for (Place& place : places_) {
    if (place.socket) leave(place);
  }
  closer_.close(std::move(listening_));
}

std::size_t StopSocket::fill(std::span<pollfd, polled_max> polled, Instant now) const {
  std::size_t count = 0;
  if (now >= accepts_again_) polled[count++] = {listening_.number(), POLLIN, 0};
  for (const Place& place : places_) {
    if (place.socket && !place.has_asked) polled[count++] = {place.socket.number(), POLLIN, 0};
  }
  return count;
}

std::optional<Instant> StopSocket::next_end(Instant now) const {
  std::optional<Instant> next;
  if (accepts_again_ > now) next = accepts_again_;
  for (const Place& place : places_) {
    if (place.socket && (!next || place.until < *next)) next = place.until;
  }
  return next;
}

void StopSocket::serve(Instant now, const Asked& asked) {
  for (Place& place : places_) {
    if (place.socket && now >= place.until) leave(place);
  }
  for (int i = 0; i < accepted_per_turn && accept(now); i++) {
  }
  for (Place& place : places_) {
    if (place.socket && !place.has_asked) read(place, now, asked);
  }
}

bool StopSocket::accept(Instant now) {
  if (closer_.is_busy()) {
    accepts_again_ = now + pause_while_closing;
    return false;
  }
  Descriptor connected(accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!connected) {
    if (errno == EINTR || errno == ECONNABORTED) return true;
    if (errno != EAGAIN) accepts_again_ = now + pause_after_refusal;
    return false;
  }
  refuse_descriptors(connected.number());
  const auto user = user_of(connected);
  Place* place = user ? room_for(*user) : nullptr;
  if (place == nullptr) {
    closer_.close(std::move(connected));
    return true;
  }
  place->socket = std::move(connected);
  place->ticket = ++last_ticket_;
  place->user = *user;
  place->until = now + patience;
  place->has_asked = false;
  place->filled = 0;
  return true;
}

StopSocket::Place* StopSocket::room_for(std::uint32_t user) {
  Place* free = nullptr;
  Place* own = nullptr;     // the oldest of this user that has said nothing
  Place* others = nullptr;  // the same of anybody but root
  std::size_t taken = 0, of_user = 0;
  const auto is_older = [](const Place& place, const Place* than) {
    return !place.has_asked && (than == nullptr || place.ticket < than->ticket);
  };
  for (Place& place : places_) {
    if (!place.socket) {
      free = &place;
      continue;
    }
    if (place.user != 0) {
      taken++;
      if (is_older(place, others)) others = &place;
    }
    if (place.user != user) continue;
    of_user++;
    if (is_older(place, own)) own = &place;
  }
  const bool may_have_one_more = user == 0 || of_user < places_of_one_user;
  const bool has_room = user == 0 || taken < places - places_kept_for_root;
  if (free != nullptr && may_have_one_more && has_room) return free;
  Place* const given_up = own == nullptr && may_have_one_more ? others : own;
  if (given_up != nullptr) leave(*given_up);
  return given_up;
}

void StopSocket::read(Place& place, Instant now, const Asked& asked) {
  const auto space = std::as_writable_bytes(std::span(place.line)).subspan(place.filled);
  const Look seen = look_at_unix(place.socket.number(), space);
  if (seen.what == Arrival::nothing_yet) return;
  if (seen.what != Arrival::bytes) return leave(place);
  const ssize_t got = recv(place.socket.number(), space.data(), seen.bytes, MSG_DONTWAIT);
  if (got <= 0) return leave(place);
  const std::string_view all(place.line.data(), place.filled += static_cast<std::size_t>(got));
  const std::size_t end = all.find('\n');
  if (end == std::string_view::npos) {
    if (place.filled == place.line.size()) leave(place);
    return;
  }
  place.has_asked = true;
  place.until = now + patience;
  asked(place.ticket, place.user, all.substr(0, end));
}

void StopSocket::answer(Ticket ticket, std::string_view line) {
  const auto place = std::ranges::find(places_, ticket, &Place::ticket);
  if (place == places_.end() || !place->socket) return;
  // Nothing was sent to them before, so that it fits; whoever takes nothing is not waited for.
  iovec parts[] = {{const_cast<char*>(line.data()), line.size()}, {const_cast<char*>("\n"), 1}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  static_cast<void>(sendmsg(place->socket.number(), &message, MSG_DONTWAIT | MSG_NOSIGNAL));
  leave(*place);
}

void StopSocket::leave(Place& place) {
  closer_.close(std::move(place.socket));
}

}  // namespace quoin::io

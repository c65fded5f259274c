#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "base/secret.h"
#include "io/seqpacket.h"
#include "io/unix_peer.h"

namespace quoin::io {

namespace {

constexpr int packets_per_turn = 16;  // then the loop gets to everything else

}  // namespace

Seqpacket::Queued::~Queued() {
  wipe(bytes);
}

Result<std::pair<Descriptor, Descriptor>, SystemError> Seqpacket::make_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return system_failure("make a socket pair");
  }
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

Seqpacket::Seqpacket(Loop& loop, Descriptor socket, std::size_t descriptors_wanted, Handlers handlers)
    : readiness_(loop, std::move(socket)),
      descriptors_wanted_(descriptors_wanted),
      shared_(std::make_shared<Shared>(std::move(handlers), Buffer(packet_bytes_max))) {
  assert(descriptors_wanted <= descriptors_max);
  readiness_.wait_readable([this] { receive(); });
}

Seqpacket::Seqpacket(Loop& loop, Descriptor socket, Close close, Handlers handlers)
    : Seqpacket(loop, std::move(socket), 0, std::move(handlers)) {
  close_ = std::move(close);
  refuse_descriptors(readiness_.number());
}

Seqpacket::~Seqpacket() {
  close();
}

void Seqpacket::close() {
  closed_ = true;
  queue_.clear();
  if (Descriptor socket = readiness_.release(); socket && close_) close_(std::move(socket));
}

Result<void, Seqpacket::SendError> Seqpacket::send(Bytes packet, std::vector<Descriptor> descriptors) {
  assert(!packet.empty() && packet.size() <= packet_bytes_max && descriptors.size() <= descriptors_max);
  if (closed_) return failure(SendError::closed);
  if (queue_.empty()) {
    switch (attempt(packet, descriptors)) {
      case Attempt::done: return {};
      case Attempt::failed: return failure(SendError::closed);
      case Attempt::would_block: break;
    }
    readiness_.wait_writable([this] { drain(); });
  }
  if (queue_.size() >= queued_packets_max || queued_bytes_ + packet.size() > queued_bytes_max) {
    return failure(SendError::full);
  }
  queued_bytes_ += packet.size();
  queue_.emplace_back(packet, std::move(descriptors));
  return {};
}

Seqpacket::Attempt Seqpacket::attempt(Bytes packet, const std::vector<Descriptor>& descriptors) {
  iovec part{const_cast<std::byte*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;

  std::array<int, descriptors_max> numbers{};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof numbers)> control{};
  if (!descriptors.empty()) {
    const std::size_t bytes = descriptors.size() * sizeof(int);
    for (std::size_t i = 0; i < descriptors.size(); i++) numbers[i] = descriptors[i].number();
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), numbers.data(), bytes);
  }

  constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  for (;;) {
    // Without descriptors by the call that a sandbox may allow: sendmsg could name an address where a filter cannot
    // see.
    const ssize_t sent = descriptors.empty() ? ::send(readiness_.number(), packet.data(), packet.size(), flags)
                                             : sendmsg(readiness_.number(), &message, flags);
    if (sent >= 0) return Attempt::done;
    if (errno == EINTR) continue;
    return errno == EAGAIN ? Attempt::would_block : Attempt::failed;
  }
}

void Seqpacket::drain() {
  while (!queue_.empty()) {
    const Queued& first = queue_.front();
    switch (attempt(first.bytes, first.descriptors)) {
      case Attempt::would_block: readiness_.wait_writable([this] { drain(); }); return;
      case Attempt::done: break;
      case Attempt::failed:  // what was received before is still to be read; the end is found there
        queue_.clear();
        queued_bytes_ = 0;
        return;
    }
    queued_bytes_ -= first.bytes.size();
    queue_.pop_front();
  }
}

void Seqpacket::receive() {
  const std::shared_ptr<Shared> shared = shared_;  // outlives us, should a handler destroy us
  for (int i = 0; i < packets_per_turn; i++) {
    Received received;
    switch (close_ ? look(received) : receive_one(received)) {
      case Attempt::would_block: readiness_.wait_readable([this] { receive(); }); return;
      case Attempt::failed:
        close();
        shared->handlers.closed();
        return;
      case Attempt::done: break;
    }
    if (close_ && received.descriptors_lost) {
      close();
      shared->handlers.received(std::move(received));
      return;
    }
    const std::size_t length = received.bytes.size();
    shared->handlers.received(std::move(received));
    wipe(MutableBytes(shared->space).first(length));
    if (shared.use_count() == 1) return;  // destroyed
  }
  readiness_.wait_readable([this] { receive(); });
}

Seqpacket::Attempt Seqpacket::look(Received& received) {
  switch (look_at_unix(readiness_.number(), {}).what) {
    case Arrival::bytes: return receive_one(received);
    case Arrival::descriptors: received.descriptors_lost = true; return Attempt::done;
    case Arrival::nothing_yet: return Attempt::would_block;
    case Arrival::end: return Attempt::failed;
  }
  return Attempt::failed;
}

Seqpacket::Attempt Seqpacket::receive_one(Received& received) {
  iovec part{shared_->space.data(), shared_->space.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * descriptors_max)> control{};
  if (descriptors_wanted_ > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_LEN(sizeof(int) * descriptors_wanted_);  // exactly: no room for one more
  }

  ssize_t length;
  do {
    length = recvmsg(readiness_.number(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && errno == EAGAIN) return Attempt::would_block;
  if (length <= 0) return Attempt::failed;  // nobody sends an empty packet, so that it means the end

  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at) < header->cmsg_len; at += sizeof(int)) {
      int number;
      std::memcpy(&number, CMSG_DATA(header) + at, sizeof number);
      received.descriptors.emplace_back(number);
    }
  }
  received.bytes = Bytes(shared_->space).first(static_cast<std::size_t>(length));
  received.cut = (message.msg_flags & MSG_TRUNC) != 0;
  received.descriptors_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  if (received.descriptors_lost) received.descriptors.clear();
  return Attempt::done;
}

}  // namespace quoin::io

#include "wireguard/peer.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace quoin::wireguard {

Peer::Peer(PeerId id, RemoteIdentity remote, Shared& shared)
    : id_(id), remote_(std::move(remote)), shared_(shared), cookie_(remote_.public_key), timers_(shared.random) {}

bool Peer::has_session(Instant now) const {
  return keypairs_.current() != nullptr && keypairs_.current()->can_send(1, shared_.limits, now);
}

bool Peer::seal(PacketBatch& batch, std::size_t first, std::size_t count, Instant now) {
  Keypair* keypair = keypairs_.current();
  if (keypair == nullptr || !keypair->can_send(count, shared_.limits, now)) {
    for (std::size_t i = first; i < first + count; i++) stage(batch.segment(i));
    want_handshake(now);
    return false;
  }
  std::uint64_t bytes = 0;
  for (std::size_t i = first; i < first + count; i++) {
    const MutableBytes segment = batch.segment(i);
    add_job(*keypair, segment);
    bytes += segment.size();
  }
  crypto::aead_seal(keypair->keys.send, shared_.jobs);
  shared_.jobs.clear();
  sent(*keypair, bytes, bytes > count * transport_bytes_min, now);
  return true;
}

void Peer::add_job(Keypair& keypair, MutableBytes segment) {
  const std::uint64_t counter = keypair.next_counter++;
  TransportHeader{keypair.remote, counter}.write(segment.first(transport_header_bytes));
  shared_.jobs.push_back({.text = segment.subspan(transport_header_bytes),
                          .nonce = crypto::counter_nonce(counter, Endian::little),
                          .associated = {}});
}

void Peer::sent(const Keypair& on, std::uint64_t bytes, bool data, Instant now) {
  statistics_.sent_bytes += bytes;
  timers_.any_authenticated_packet_sent();
  if (data) timers_.data_sent(now);
  const bool old = on.role == Role::initiator && now - on.created >= rekey_after_time;
  if (old || on.next_counter > shared_.limits.rekey_after) want_handshake(now);
}

void Peer::stage(Bytes segment) {
  if (staged_.size() == staged_max) {
    staged_.pop_front();
    shared_.outbox.drops.add(DropReason::staged_overflow);
  }
  staged_.push_back(to_buffer(segment));
}

void Peer::send_staged_or_keepalive(Instant now) {
  if (staged_.empty()) {
    send_keepalive(now);
  } else {
    send_staged(now);
  }
}

void Peer::send_staged(Instant now) {
  Keypair* keypair = keypairs_.current();
  std::size_t count = staged_.size();
  if (keypair == nullptr || count == 0) return;
  while (count > 0 && !keypair->can_send(count, shared_.limits, now)) count--;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < count; i++) {
    add_job(*keypair, staged_[i]);
    bytes += staged_[i].size();
  }
  crypto::aead_seal(keypair->keys.send, shared_.jobs);
  shared_.jobs.clear();
  for (std::size_t i = 0; i < count; i++) {
    shared_.outbox.transmit({.peer = id_, .datagram = std::move(staged_.front()), .answer_to = {}});
    staged_.pop_front();
  }
  if (count > 0) sent(*keypair, bytes, true, now);
  if (!staged_.empty()) want_handshake(now);
}

void Peer::send_keepalive(Instant now) {
  Keypair* keypair = keypairs_.current();
  // A session that has run out needs no keeping alive; whoever has data next starts another.
  if (keypair == nullptr || !keypair->can_send(1, shared_.limits, now)) return;
  Buffer message(transport_bytes_min);
  add_job(*keypair, message);
  crypto::aead_seal(keypair->keys.send, shared_.jobs);
  shared_.jobs.clear();
  shared_.outbox.transmit({.peer = id_, .datagram = std::move(message), .answer_to = {}});
  sent(*keypair, transport_bytes_min, false, now);
}

void Peer::received(Keypair& on, const ReceivedTally& tally, Instant now) {
  statistics_.received_bytes += tally.bytes;
  statistics_.last_received = now;
  timers_.any_authenticated_packet_received();
  if (tally.data) timers_.data_received(now);
  if (keypairs_.is_next(on)) {
    keypairs_.confirm_next();
    session_confirmed(Role::responder, now);
    send_staged(now);
  }
  const Keypair* current = keypairs_.current();
  if (current != nullptr && current->role == Role::initiator && !current->expired(now) &&
      now - current->created >= rekey_on_receive_time) {
    want_handshake(now);
  }
}

void Peer::handle_timeout(Instant now) {
  while (const auto action = timers_.take_due(now)) {
    switch (*action) {
      case TimerAction::send_initiation: send_initiation(now); break;
      case TimerAction::give_up: give_up(); break;
      case TimerAction::send_keepalive:
        send_keepalive(now);
        timers_.keepalive_sent(now);
        break;
      case TimerAction::start_handshake: want_handshake(now); break;
      case TimerAction::erase_keys:
        keypairs_.erase();
        // Traffic may have begun a handshake in this very moment, after a long sleep for instance.
        if (pending_ && now - pending_->since >= rekey_attempt_time) pending_.reset();
        break;
    }
  }
}

}  // namespace quoin::wireguard

// A peer's handshakes, in both roles.
//
// The two roles do not share state: an initiation that comes while ours is under way is answered, and ours may still be
// answered too. So handshakes that cross end in two sessions, of which each side sends on the one it started, instead
// of both sides waiting 5 s to try again.

#include <utility>

#include "wireguard/peer.h"

namespace quoin::wireguard {
namespace {

DropReason reason_of(HandshakeError error) {
  switch (error) {
    case HandshakeError::low_order_key: return DropReason::low_order_key;
    case HandshakeError::not_authentic: return DropReason::handshake_not_authentic;
  }
  return DropReason::handshake_not_authentic;
}

}  // namespace

void Peer::want_handshake(Instant now) {
  timers_.handshake_wanted(now);
  send_initiation(now);
}

void Peer::send_initiation(Instant now) {
  if (last_handshake_sent_ && now - *last_handshake_sent_ < rekey_timeout) {
    timers_.handshake_postponed(*last_handshake_sent_ + rekey_timeout);
    return;
  }
  pending_.reset();
  timestamp_sent_ = shared_.clock.after(timestamp_sent_, now);
  IndexLease lease = shared_.indices.take(id_);
  auto created = create_initiation(shared_.self, remote_, lease.index(), timestamp_sent_,
                                   crypto::EphemeralPrivateKey::generate(shared_.random));
  last_handshake_sent_ = now;
  timers_.handshake_initiated(now);
  if (!created) return;  // the peer's key is of low order: refused when the peer was added
  cookie_.add_macs(created->message, now);
  pending_.emplace(std::move(lease), std::move(created->state), now);
  statistics_.sent_bytes += initiation_bytes;
  timers_.any_authenticated_packet_sent();
  shared_.outbox.transmit({.peer = id_, .datagram = to_buffer(created->message), .answer_to = {}});
}

std::optional<DropReason> Peer::accept(ReceivedInitiation& initiation, const Tai64n& timestamp, const Source& from,
                                       Instant now) {
  if (timestamp <= timestamp_accepted_) return DropReason::old_timestamp;
  if (last_initiation_accepted_ && now - *last_initiation_accepted_ < initiation_spacing_min) {
    return DropReason::initiation_flood;
  }
  timestamp_accepted_ = timestamp;
  last_initiation_accepted_ = now;

  IndexLease lease = shared_.indices.take(id_);
  auto created =
      create_response(initiation, remote_, lease.index(), crypto::EphemeralPrivateKey::generate(shared_.random));
  if (!created) return reason_of(created.error());
  cookie_.add_macs(created->message, now);
  begin_session(std::move(lease), initiation.sender, Role::responder, std::move(created->keys), now);
  last_handshake_sent_ = now;
  statistics_.received_bytes += initiation_bytes;
  statistics_.last_received = now;
  statistics_.sent_bytes += response_bytes;
  timers_.any_authenticated_packet_received();
  timers_.any_authenticated_packet_sent();
  shared_.outbox.transmit({.peer = id_, .datagram = to_buffer(created->message), .answer_to = from});
  return std::nullopt;
}

bool Peer::expects(const Response& response, Instant now) const {
  return pending_ && pending_->sent.sender == response.receiver && now - pending_->since < rekey_attempt_time;
}

std::optional<DropReason> Peer::consume(const Response& response, Instant now) {
  if (!expects(response, now)) return DropReason::unexpected_response;
  auto keys = consume_response(pending_->sent, shared_.self, remote_, response);
  if (!keys) return reason_of(keys.error());
  begin_session(std::move(pending_->lease), response.sender, Role::initiator, *std::move(keys), now);
  pending_.reset();
  statistics_.received_bytes += response_bytes;
  statistics_.last_received = now;
  timers_.any_authenticated_packet_received();
  session_confirmed(Role::initiator, now);
  send_staged_or_keepalive(now);  // either proves the new keys to the responder
  return std::nullopt;
}

std::optional<DropReason> Peer::consume(const CookieReply& reply, Instant now) {
  // Used when the timer sends the handshake again; answering at once would let the other side's load drive ours.
  if (!cookie_.consume_reply(reply, now)) return DropReason::wrong_cookie;
  return std::nullopt;
}

void Peer::begin_session(IndexLease lease, SessionIndex remote, Role role, SessionKeys keys, Instant now) {
  auto keypair = std::make_unique<Keypair>();
  keypair->local = std::move(lease);
  keypair->remote = remote;
  keypair->role = role;
  keypair->created = now;
  keypair->keys = std::move(keys);
  keypairs_.add(std::move(keypair));
  timers_.session_derived(now);
}

void Peer::session_confirmed(Role role, Instant now) {
  timers_.handshake_complete();
  statistics_.last_handshake = now;
  shared_.outbox.event(SessionEstablished{id_, role});
}

void Peer::reset_session(Instant older_than, Instant now) {
  keypairs_.erase_created_before(older_than);
  if (pending_ && pending_->since < older_than) pending_.reset();
  if (last_handshake_sent_ && *last_handshake_sent_ < older_than) last_handshake_sent_.reset();
  if (!staged_.empty() && !has_session(now)) want_handshake(now);
}

void Peer::give_up() {
  pending_.reset();
  shared_.outbox.drops.add(DropReason::staged_given_up, staged_.size());
  staged_.clear();
  shared_.outbox.event(HandshakeGaveUp{id_});
}

}  // namespace quoin::wireguard

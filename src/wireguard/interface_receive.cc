// What an Interface does with a datagram.

#include <algorithm>
#include <utility>

#include "wireguard/inner_packet.h"
#include "wireguard/interface.h"

namespace quoin::wireguard {

std::optional<PeerId> Interface::handle_burst(const Source& from, MutableBytes datagrams, std::size_t segment_bytes,
                                              std::vector<OpenedPacket>& opened, Instant now) {
  last_source_.reset();
  authentic_from_.reset();
  if (segment_bytes == 0) segment_bytes = datagrams.size();
  while (!datagrams.empty()) {
    const MutableBytes message = datagrams.first(std::min(segment_bytes, datagrams.size()));
    datagrams = datagrams.subspan(message.size());
    const auto header = TransportHeader::parse(message);
    if (!header) {
      finish_run(opened, now);
      handle_other(from, message, now);
      continue;
    }
    if (run_.receiver != header->receiver) {
      finish_run(opened, now);
      begin_run(header->receiver, now);
    }
    add_to_run(*header, message);
  }
  finish_run(opened, now);
  return authentic_from_;
}

void Interface::begin_run(SessionIndex receiver, Instant now) {
  run_.receiver = receiver;
  run_.entry = find(receiver);
  run_.keypair = run_.entry != nullptr ? run_.entry->peer.find_keypair(receiver) : nullptr;
  run_.refused = DropReason::unknown_receiver;
  if (run_.keypair != nullptr && run_.keypair->expired(now)) {
    run_.keypair = nullptr;
    run_.refused = DropReason::expired_session;
  }
}

void Interface::add_to_run(const TransportHeader& header, MutableBytes message) {
  if (run_.keypair == nullptr) return drop(run_.refused);
  if (header.counter >= shared_.limits.reject_after) return drop(DropReason::counter_limit);
  if (!run_.keypair->replay.is_new(header.counter)) return drop(DropReason::replayed);
  run_.counters.push_back(header.counter);
  shared_.jobs.push_back({.text = message.subspan(transport_header_bytes),
                          .nonce = crypto::counter_nonce(header.counter, Endian::little),
                          .associated = {}});
}

void Interface::finish_run(std::vector<OpenedPacket>& opened, Instant now) {
  run_.receiver.reset();
  if (shared_.jobs.empty()) return;
  Peer& peer = run_.entry->peer;
  crypto::aead_open(run_.keypair->keys.receive, shared_.jobs);

  ReceivedTally tally;
  for (std::size_t i = 0; i < shared_.jobs.size(); i++) {
    const crypto::AeadJob& job = shared_.jobs[i];
    if (!job.opened) {
      drop(DropReason::not_authentic);
    } else if (!run_.keypair->replay.accept(run_.counters[i])) {
      drop(DropReason::replayed);  // twice in this run
    } else {
      tally.bytes += transport_header_bytes + job.text.size();
      const MutableBytes padded = job.text.first(job.text.size() - crypto::aead_tag_bytes);
      if (padded.empty()) continue;  // a keepalive
      tally.data = true;
      deliver(peer.id(), padded, opened);
    }
  }
  // Peer::received seals what was staged, with the same scratch.
  shared_.jobs.clear();
  run_.counters.clear();
  if (tally.bytes == 0) return;
  authentic_from_ = peer.id();
  peer.received(*run_.keypair, tally, now);
  schedule(*run_.entry);
}

void Interface::deliver(PeerId peer, MutableBytes padded, std::vector<OpenedPacket>& opened) {
  const auto inner = InnerPacket::parse(padded);
  if (!inner) return drop(DropReason::bad_inner_packet);
  if (last_source_ != inner->source) {
    last_source_ = inner->source;
    last_owner_ = allowed_ips_.find(inner->source);
  }
  if (last_owner_ != peer) return drop(DropReason::source_not_allowed);
  opened.push_back({peer, padded.first(inner->length)});
}

void Interface::handle_other(const Source& from, Bytes message, Instant now) {
  const auto type = message_type(message);
  if (!type) return drop(DropReason::not_wireguard);
  switch (*type) {
    case MessageType::initiation: return handle_initiation(from, message, now);
    case MessageType::response: return handle_response(from, message, now);
    case MessageType::cookie_reply: return handle_cookie_reply(message, now);
    case MessageType::transport: return drop(DropReason::wrong_length);  // any longer one was taken as data
  }
}

bool Interface::passes_gate(const Source& from, Bytes message, SessionIndex sender, Instant now) {
  switch (gate_.judge(message, from, now)) {
    case HandshakeGate::Verdict::pass: return true;
    case HandshakeGate::Verdict::wrong_mac1: drop(DropReason::wrong_mac1); return false;
    case HandshakeGate::Verdict::rate_limited: drop(DropReason::rate_limited); return false;
    case HandshakeGate::Verdict::needs_cookie:
      drop(DropReason::cookie_needed);
      shared_.outbox.transmit({.peer = std::nullopt,
                               .datagram = to_buffer(gate_.cookie_reply(message, sender, from, now)),
                               .answer_to = from});
      return false;
  }
  return false;
}

void Interface::handle_initiation(const Source& from, Bytes message, Instant now) {
  const auto parsed = Initiation::parse(message);
  if (!parsed) return drop(DropReason::wrong_length);
  if (!passes_gate(from, message, parsed->sender, now)) return;

  auto initiation = open_initiation(shared_.self, *parsed);
  if (!initiation) {
    return drop(initiation.error() == HandshakeError::low_order_key ? DropReason::low_order_key
                                                                    : DropReason::handshake_not_authentic);
  }
  const auto known = find_peer(initiation->static_key);
  if (!known) return hold(*std::move(initiation), *parsed, from, now);

  Entry& entry = *find(*known);
  const auto timestamp = authenticate_initiation(*initiation, entry.peer.remote(), *parsed);
  if (!timestamp) return drop(DropReason::handshake_not_authentic);
  if (const auto reason = entry.peer.accept(*initiation, *timestamp, from, now)) return drop(*reason);
  authentic_from_ = entry.peer.id();
  schedule(entry);
}

void Interface::hold(ReceivedInitiation initiation, const Initiation& message, const Source& from, Instant now) {
  // Proved before it is held: nobody can push out another's initiation, or name another's key to the owner.
  const auto remote = RemoteIdentity::make(shared_.self, initiation.static_key);
  if (!remote) return drop(DropReason::low_order_key);
  const auto timestamp = authenticate_initiation(initiation, *remote, message);
  if (!timestamp) return drop(DropReason::handshake_not_authentic);
  drop(DropReason::unknown_initiator);
  const crypto::NodePublicKey key = initiation.static_key;
  if (held_.hold({std::move(initiation), *timestamp, from, now})) shared_.outbox.event(UnknownInitiator{key});
}

void Interface::handle_response(const Source& from, Bytes message, Instant now) {
  const auto parsed = Response::parse(message);
  if (!parsed) return drop(DropReason::wrong_length);
  Entry* entry = find(parsed->receiver);
  if (entry == nullptr || !entry->peer.expects(*parsed, now)) return drop(DropReason::unexpected_response);
  if (!passes_gate(from, message, parsed->sender, now)) return;
  if (const auto reason = entry->peer.consume(*parsed, now)) return drop(*reason);
  authentic_from_ = entry->peer.id();
  schedule(*entry);
}

void Interface::handle_cookie_reply(Bytes message, Instant now) {
  const auto parsed = CookieReply::parse(message);
  if (!parsed) return drop(DropReason::wrong_length);
  Entry* entry = find(parsed->receiver);
  if (entry == nullptr) return drop(DropReason::wrong_cookie);
  if (const auto reason = entry->peer.consume(*parsed, now)) drop(*reason);
}

}  // namespace quoin::wireguard

// WireGuard for one node and all its peers, in both roles (https://www.wireguard.com/papers/wireguard.pdf).
//
// Datagrams and time go in; opened packets, sealed packets, datagrams and events come out. After any call that is not
// const, drain poll_transmit and poll_event, then sleep until poll_timeout.
//
// Where this differs from the paper:
//   - There is no roaming. The source of a datagram never decides where packets go; that is the path layer's, which
//     trusts an address only once it has proved it. Only a response or a cookie goes back where its question came from.
//   - Peers exist only if the owner adds them. An authentic initiation of another key is not answered but held for 5 s,
//     and the owner is told (UnknownInitiator).
//   - Crossing handshakes both succeed (peer_handshake.cc).
//   - Preshared keys are always zero, and there are no persistent keepalives.
//
// A session is checked against the clock when it is used, not only by timers: after a long stop of the process or the
// machine, everything that ran out meanwhile is refused at once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/packet_batch.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "wireguard/allowed_ips.h"
#include "wireguard/handshake_gate.h"
#include "wireguard/held_initiations.h"
#include "wireguard/ids.h"
#include "wireguard/keypair.h"
#include "wireguard/outbox.h"
#include "wireguard/peer.h"
#include "wireguard/source.h"
#include "wireguard/statistics.h"

namespace quoin::wireguard {

enum class AddPeerError : std::uint8_t {
  already_added,
  own_key,
  low_order_key,   // no session with it could be secret
  too_many_peers,  // Interface::peers_max
};

enum class Sealed : std::uint8_t {
  ready,   // the segments may leave
  staged,  // no session: copies wait (at most 128 per peer, the oldest make room) and a handshake is under way
  no_such_peer,
};

// An IP packet without padding, from a peer to whom its source address belongs. Nothing else about it is checked.
struct OpenedPacket {
  PeerId peer;
  MutableBytes packet;  // in the memory that handle_burst was given
};

class Interface {
 public:
  static constexpr std::size_t peers_max = 16'384;

  // `wall` is read once, for the timestamps in our initiations.
  Interface(crypto::NodePrivateKey key, Random& random, Instant now, WallTime wall, MessageLimits limits = {});
  Interface(const Interface&) = delete;
  Interface& operator=(const Interface&) = delete;
  ~Interface();

  const crypto::NodePublicKey& public_key() const { return shared_.self.public_key; }

  // Answers a held initiation of this key, if there is one.
  Result<PeerId, AddPeerError> add_peer(const crypto::NodePublicKey& key, const std::vector<Prefix>& allowed_ips,
                                        Instant now);
  void set_allowed_ips(PeerId peer, const std::vector<Prefix>& allowed_ips);
  void remove_peer(PeerId peer);  // erases its keys; nothing from it or to it passes any more
  std::optional<PeerId> find_peer(const crypto::NodePublicKey& key) const;
  std::optional<PeerId> find_peer(const IpAddress& inner) const;  // to whom packets for this address go

  // Datagrams of one source: a run of segments of equal size, of which the last may be shorter (UDP_GRO), or a single
  // one (segment_bytes as long as it, or 0). Opened in place; packets that passed are appended to `opened`. Returns
  // whose keys the last authentic datagram bore, keepalives and handshakes among them; nobody's if there was none.
  std::optional<PeerId> handle_burst(const Source& from, MutableBytes datagrams, std::size_t segment_bytes,
                                     std::vector<OpenedPacket>& opened, Instant now);

  // Seals packets [first, first + count) of the batch in place; count is at least 1. When ready, batch.segments(first,
  // count) are whole WireGuard messages for this peer.
  [[nodiscard]] Sealed seal(PeerId peer, PacketBatch& batch, std::size_t first, std::size_t count, Instant now);

  // Starts a handshake before there is a packet for it.
  void start_handshake(PeerId peer, Instant now);
  // The peer is known to have restarted: erases sessions and handshakes begun before `older_than`, so that the next
  // packet begins a new one. What the restarted peer has begun since then stays.
  void reset_session(PeerId peer, Instant older_than, Instant now);

  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const;
  std::optional<Transmit> poll_transmit() { return shared_.outbox.poll_transmit(); }
  std::optional<Event> poll_event() { return shared_.outbox.poll_event(); }

  bool has_session(PeerId peer, Instant now) const;  // packets can be sealed right now
  std::optional<PeerStatistics> statistics(PeerId peer) const;
  const DropCounts& drops() const { return shared_.outbox.drops; }

 private:
  struct Entry {
    Peer peer;
    std::optional<Instant> scheduled;  // its place in deadlines_
  };
  // Neighbouring data messages of one session, opened together.
  struct Run {
    std::optional<SessionIndex> receiver;
    Entry* entry = nullptr;
    Keypair* keypair = nullptr;  // null: the session is not there or has expired
    DropReason refused = DropReason::unknown_receiver;
    std::vector<std::uint64_t> counters;
  };

  Entry* find(PeerId peer);
  const Entry* find(PeerId peer) const;
  Entry* find(SessionIndex receiver);
  void schedule(Entry& entry);
  void drop(DropReason reason) { shared_.outbox.drops.add(reason); }

  void begin_run(SessionIndex receiver, Instant now);
  void add_to_run(const TransportHeader& header, MutableBytes message);
  void finish_run(std::vector<OpenedPacket>& opened, Instant now);
  void deliver(PeerId peer, MutableBytes padded, std::vector<OpenedPacket>& opened);

  void handle_other(const Source& from, Bytes message, Instant now);
  void handle_initiation(const Source& from, Bytes message, Instant now);
  void handle_response(const Source& from, Bytes message, Instant now);
  void handle_cookie_reply(Bytes message, Instant now);
  bool passes_gate(const Source& from, Bytes message, SessionIndex sender, Instant now);
  void hold(ReceivedInitiation initiation, const Initiation& message, const Source& from, Instant now);

  Shared shared_;
  HandshakeGate gate_;
  AllowedIps allowed_ips_;
  HeldInitiations held_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Entry>> peers_;  // by id; looked up, never iterated
  std::map<crypto::NodePublicKey, PeerId> by_key_;
  std::set<std::pair<Instant, PeerId>> deadlines_;
  Run run_;
  std::optional<IpAddress> last_source_;  // of the packet before, whose owner is then known
  std::optional<PeerId> last_owner_;
  std::optional<PeerId> authentic_from_;  // in the burst under way
  std::uint64_t next_id_ = 1;
};

}  // namespace quoin::wireguard

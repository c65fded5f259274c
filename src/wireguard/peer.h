// One peer: its sessions, its handshake, its timers, and the packets that wait for a session.
//
// The wire is in messages.h, the arithmetic in handshake.h, the waiting in timers.h; here they are joined. A peer never
// learns where a datagram came from, except to answer an initiation there: which way packets go is not WireGuard's
// business in this project.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/packet_batch.h"
#include "base/random.h"
#include "wireguard/cookie.h"
#include "wireguard/handshake.h"
#include "wireguard/index_table.h"
#include "wireguard/keypair.h"
#include "wireguard/outbox.h"
#include "wireguard/timers.h"

namespace quoin::wireguard {

// What all peers of an interface share.
struct Shared {
  LocalIdentity self;
  Tai64nClock clock;
  MessageLimits limits;
  Random& random;
  IndexTable indices;
  Outbox outbox;
  std::vector<crypto::AeadJob> jobs;  // scratch: nothing is allocated per packet
};

struct ReceivedTally {
  std::uint64_t bytes = 0;
  bool data = false;  // more than keepalives
};

class Peer {
 public:
  static constexpr std::size_t staged_max = 128;

  Peer(PeerId id, RemoteIdentity remote, Shared& shared);

  PeerId id() const { return id_; }
  const RemoteIdentity& remote() const { return remote_; }
  const PeerStatistics& statistics() const { return statistics_; }
  bool has_session(Instant now) const;

  // Data. Without a session seal copies the packets, wants a handshake and returns false.
  [[nodiscard]] bool seal(PacketBatch& batch, std::size_t first, std::size_t count, Instant now);
  Keypair* find_keypair(SessionIndex local) { return keypairs_.find(local); }
  void received(Keypair& on, const ReceivedTally& tally, Instant now);

  // Handshakes. What is refused is refused for the reason returned.
  void want_handshake(Instant now);
  std::optional<DropReason> accept(ReceivedInitiation& initiation, const Tai64n& timestamp, const Source& from,
                                   Instant now);
  bool expects(const Response& response, Instant now) const;
  std::optional<DropReason> consume(const Response& response, Instant now);
  std::optional<DropReason> consume(const CookieReply& reply, Instant now);
  void reset_session(Instant older_than, Instant now);

  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const { return timers_.next(); }

 private:
  struct PendingInitiation {
    IndexLease lease;
    SentInitiation sent;
    Instant since;
  };

  void stage(Bytes segment);
  void send_staged_or_keepalive(Instant now);
  void send_staged(Instant now);
  void send_keepalive(Instant now);
  void add_job(Keypair& keypair, MutableBytes segment);
  void sent(const Keypair& on, std::uint64_t bytes, bool data, Instant now);

  void send_initiation(Instant now);
  void begin_session(IndexLease lease, SessionIndex remote, Role role, SessionKeys keys, Instant now);
  void session_confirmed(Role role, Instant now);
  void give_up();

  PeerId id_;
  RemoteIdentity remote_;
  Shared& shared_;
  KeypairSet keypairs_;
  std::optional<PendingInitiation> pending_;
  CookieHolder cookie_;
  Timers timers_;
  std::deque<Buffer> staged_;  // whole segments, not sealed yet
  std::optional<Instant> last_handshake_sent_;
  std::optional<Instant> last_initiation_accepted_;
  Tai64n timestamp_sent_{};
  Tai64n timestamp_accepted_{};
  PeerStatistics statistics_;
};

}  // namespace quoin::wireguard

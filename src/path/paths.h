// The ways to all peers of one node: relay first, direct once a pong has proven it, back to the relay when it is lost.
//
// A peer is first reached through the relay of its home region. When data is sent, every address it may have is pinged
// (disco), and a CallMeMaybe through the relay asks it to do the same, so that both NATs open. A pong makes the pinged
// address usable and trusted for 6.5 s; heartbeats renew that while data flows. When trust runs out both ways are used
// at once, and when the address stays silent only the relay is. Nothing but a pong proves or renews a path; WireGuard
// data never moves it. Where small datagrams pass directly and large ones do not, the relay carries everything
// (peer_path.h).
//
// On the side this learns the node's own public endpoints from STUN, and from the same answers which region is nearest
// (the home region, which peers send to). Specified by the behaviour of Tailscale's magicsock and netcheck. Left out:
// UDP relays, packets above 1280 bytes, port mapping; we never publish interface addresses. Every address that a packet
// is sent to has passed the EndpointGuard.
//
// A core: after any call that is not const, drain poll_transmit and poll_event, then sleep until poll_timeout.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "crypto/box.h"
#include "crypto/keys.h"
#include "disco/message.h"
#include "path/endpoint_guard.h"
#include "path/home_region.h"
#include "path/peer_path.h"
#include "path/place.h"
#include "path/relay_map.h"
#include "path/relays.h"
#include "path/stun_probes.h"

namespace quoin::path {

constexpr std::size_t peers_max = 1024;
constexpr std::size_t transmits_waiting_max = 1024;  // for an owner that does not drain; the newest is dropped
constexpr std::size_t events_waiting_max = 4096;

struct PeerInfo {
  crypto::DiscoPublicKey disco_key = {};  // zero: not known (an earlier one stays)
  RegionId home_region = 0;               // zero: not known
  std::vector<Endpoint> endpoints = {};   // as the network map names them
};

// Where to send a peer's WireGuard datagrams now. Both set: send both copies (its replay window drops one).
// The relay may still be connecting: hand the datagram to that region's queue all the same.
struct Route {
  std::optional<Endpoint> direct;
  std::optional<RegionId> relay;
  bool operator==(const Route&) const = default;
};

struct UdpFamilies {
  bool ipv4 = false;
  bool ipv6 = false;
};

// ---- events

struct OwnEndpointsChanged {
  std::vector<Endpoint> endpoints;  // all that STUN told, newest first; to be published
};
struct HomeRegionChanged {
  RegionId region;                 // to be published once its relay is connected
  std::optional<RegionId> before;  // NotePreferred(false) belongs there
};
struct NoPath {
  bool operator==(const NoPath&) const = default;
};
struct RelayPath {
  RegionId region;
  bool direct_is_too_narrow = false;  // the direct way loses what is large
  bool operator==(const RelayPath&) const = default;
};
struct DirectPath {
  Endpoint endpoint;
  bool operator==(const DirectPath&) const = default;
};
using PathKind = std::variant<NoPath, RelayPath, DirectPath>;
struct PathChanged {  // for people to see; sending goes by route(). Direct: a proven address is in use.
  crypto::NodePublicKey peer;
  PathKind path;
};
struct NeedRelay {  // keep a connection to this region, with retries, until RelayIdle
  RegionId region;
};
struct RelayIdle {
  RegionId region;
};
struct ResolveStun {  // answer with set_stun_addresses; no addresses mean that it failed
  RegionId region;
  std::string host;
  std::uint16_t port;
};
using Event = std::variant<OwnEndpointsChanged, HomeRegionChanged, PathChanged, NeedRelay, RelayIdle, ResolveStun>;

// Why something that arrived had no effect, or something was not sent.
struct Counters {
  std::uint64_t endpoints_refused = 0;  // named by the map, a CallMeMaybe or a STUN server, and not public
  std::uint64_t sources_refused = 0;    // datagrams from an address that must never be answered
  std::uint64_t unknown_senders = 0;    // disco keys of nobody here (a peer that has just restarted, usually)
  std::uint64_t not_authentic = 0;      // boxes that did not open
  std::uint64_t malformed = 0;
  std::uint64_t ignored_types = 0;  // disco messages for UDP relays, and future ones
  std::uint64_t duplicate_pings = 0;
  std::uint64_t pings_held = 0;               // not answered, or later: large packets are not known to pass
  std::uint64_t unexpected_pongs = 0;         // nobody asked, or too late
  std::uint64_t call_me_maybe_misplaced = 0;  // not through a relay
  std::uint64_t unexpected_stun = 0;
  std::uint64_t transmits_dropped = 0;  // the owner did not drain
};

class Paths {
 public:
  Paths(crypto::DiscoPrivateKey disco_key, crypto::NodePublicKey own_node_key, EndpointGuard guard, Random& random,
        Instant now);

  const crypto::DiscoPublicKey& own_disco_key() const { return own_disco_key_; }
  // Before there are peers: as stock clients do, trust an address with everything once it has answered a small ping.
  void probe_no_sizes() { probes_sizes_ = false; }

  // ---- what the host says
  // New sockets: at the start, and whenever they are replaced. Every proven path is forgotten and proven anew.
  void set_sockets(UdpFamilies families, Instant now);
  void set_own_prefixes(std::vector<Prefix> prefixes, Instant now);

  // ---- what control says
  // A new peer, or all that is now known of an old one. False if there are too many. A changed disco key means that
  // the peer has restarted: its proven path is forgotten and all its addresses are pinged.
  bool set_peer(const crypto::NodePublicKey& peer, const PeerInfo& info, Instant now);
  void remove_peer(const crypto::NodePublicKey& peer, Instant now);
  void set_relay_map(const RelayMap& map, Instant now);
  void set_control_connected(bool connected, Instant now);  // the home region stays where it is while it is not
  void set_stun_addresses(RegionId region, const std::vector<Endpoint>& addresses, Instant now);

  // ---- what arrives
  void handle_disco(const Place& from, Bytes datagram, Instant now);
  // The transaction alone is what matches: a server with several addresses may answer from another than we asked.
  void handle_stun(const Endpoint& from, Bytes datagram, Instant now);
  // The relay of a region logged us in, or its connection ended.
  void relay_connected(RegionId region, Instant now);
  void relay_disconnected(RegionId region, Instant now);
  // WireGuard found a datagram that came through that relay to be this peer's (disco is noticed here), or the relay
  // said that it is gone. Never called for what is not authentic yet: a relay can name anybody as the sender.
  void note_received_through(RegionId region, const crypto::NodePublicKey& peer, Instant now);
  void handle_peer_gone(RegionId region, const crypto::NodePublicKey& peer, Instant now);

  // ---- what leaves
  Route route(const crypto::NodePublicKey& peer, Instant now) const;
  // A WireGuard burst goes to this peer: keeps heartbeats going, looks for a direct path where there is none, asks for
  // the relay connection (NeedRelay). Call it once for each burst, before route().
  void note_sent(const crypto::NodePublicKey& peer, Instant now);
  // What arrived directly and authentic, of a burst the longest datagram.
  void note_received_directly(const crypto::NodePublicKey& peer, std::size_t largest_bytes, Instant now);
  // The stack misses what the peer has sent since then; certain: and has sent again three times.
  void note_missing(const crypto::NodePublicKey& peer, Instant since, bool certain, Instant now);
  // The socket said that this address cannot be reached: what went there takes the relay at once.
  void note_unreachable(const Endpoint& endpoint, Instant now);

  std::optional<Transmit> poll_transmit();
  std::optional<Event> poll_event();
  std::optional<Instant> poll_timeout() const;
  void handle_timeout(Instant now);

  // ---- to be seen
  std::optional<RegionId> home_region() const { return home_.region(); }
  std::vector<Endpoint> own_endpoints() const { return stun_.own_endpoints(); }
  std::optional<Duration> direct_latency(const crypto::NodePublicKey& peer) const;
  std::vector<std::pair<RegionId, Duration>> region_latencies() const { return home_.latencies(); }
  const Counters& counters() const { return counters_; }

 private:
  struct Peer {
    PeerPath path;
    crypto::DiscoPublicKey disco_key = {};
    std::optional<crypto::BoxKey> box = {};  // none: key unknown, or of low order
    RegionId home_region = 0;
    std::optional<RegionId> learned_region = {};       // where the peer was last seen
    bool call_me_maybe_waits = false;                  // for fresh endpoints
    std::optional<Instant> call_me_maybe_wanted = {};  // when we last sent one, or would have
    PathKind shown = NoPath{};
  };
  using Peers = std::map<crypto::NodePublicKey, Peer>;
  using PeerEntry = Peers::value_type;

  PeerEntry* find(const crypto::NodePublicKey& peer);
  const PeerEntry* find(const crypto::NodePublicKey& peer) const;
  std::vector<PeerEntry*> with_disco_key(const crypto::DiscoPublicKey& key);
  std::optional<RegionId> relay_of(const PeerEntry& entry) const;

  void handle_ping(const Place& from, std::span<PeerEntry* const> senders, const disco::Ping& ping, Instant now);
  void handle_pong(std::span<PeerEntry* const> senders, const disco::Pong& pong, Instant now);
  void handle_call_me_maybe(PeerEntry& sender, const disco::CallMeMaybe& message, Instant now);

  void discover(PeerEntry& entry, Instant now);
  void ping(PeerEntry& entry, const Endpoint& to, PeerPath::Size size, Instant now);
  Buffer note_ping(PeerEntry& entry, const Endpoint& to, PeerPath::Size size, Instant now);
  void send_what_is_due(PeerEntry& entry, Instant now);
  void call_me_maybe(PeerEntry& entry, Instant now);
  void send_call_me_maybe(PeerEntry& entry, Instant now);
  void send_waiting_call_me_maybes(Instant now);
  void send_disco(const Place& to, const Peer& peer, Bytes payload);
  void transmit(Transmit transmit, EndpointUse use);

  std::vector<Endpoint> guarded(const std::vector<Endpoint>& endpoints);
  bool can_send_to(const Endpoint& endpoint) const;
  void show_path(PeerEntry& entry, Instant now);
  void show_all_paths(Instant now);
  void forget_region(RegionId region, Instant now);
  void settle(Instant now);  // what follows from any change: home, relays, STUN, events
  void settle_stun(Instant now);
  void settle_relays(Instant now);
  void emit(Event event);

  crypto::DiscoPrivateKey disco_key_;
  crypto::DiscoPublicKey own_disco_key_;
  crypto::NodePublicKey own_node_key_;
  EndpointGuard guard_;
  Random& random_;
  UdpFamilies families_;
  bool probes_sizes_ = true;

  Peers peers_;
  StunProbes stun_;
  HomeRegion home_;
  Relays relays_;
  std::optional<RegionId> home_told_;

  struct Waiting {
    Transmit transmit;
    EndpointUse use;
  };
  std::deque<Waiting> transmits_;
  std::deque<Event> events_;
  Counters counters_;
};

}  // namespace quoin::path

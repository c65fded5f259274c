// A whole node as one core: control client, relays, path selection and WireGuard, joined.
//
// It asks for named byte streams (control, the relay of a region) and takes their bytes; TLS and the HTTP upgrade are
// outside. It takes what the UDP sockets received and gives what they are to send. Between the two, inner IP packets:
// those of admitted peers come out decrypted in the buffer they arrived in, and those that are to leave are sealed in
// the batch they were built in. Nothing is global; a program may hold many.
//
// Machine, node and disco keys are made at construction and live in this object only.
//
// Drive: after any call that is not const, take_packets(), drain poll_udp and poll_event, write every stream's output,
// then sleep until poll_timeout. What take_packets() and poll_udp() show is valid until the next call that is not
// const.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/packet_batch.h"
#include "base/random.h"
#include "base/time.h"
#include "control/client.h"
#include "crypto/keys.h"
#include "node/events.h"
#include "node/outbox.h"
#include "node/peers.h"
#include "node/relay_links.h"
#include "path/endpoint_guard.h"
#include "path/paths.h"
#include "wireguard/interface.h"

namespace quoin::node {

struct NodeConfig {
  std::string hostname;
  std::string control_authority;                       // host, and port if it is not the scheme's own
  std::optional<crypto::MachinePublicKey> server_key;  // pinned
  std::vector<Prefix> own_prefixes;                    // of every interface of this host
  std::vector<Prefix> allowed_private;                 // relays and STUN servers that the person on site vouches for
  bool probes_sizes = true;                            // no: trusts small pings with everything, as stock clients do
};

struct NodeCounters {
  std::uint64_t sources_refused = 0;  // datagrams from addresses that must not be answered
  std::uint64_t no_peer = 0;          // packets to an address that is no peer's
  std::uint64_t no_route = 0;         // sealed for a peer that no road leads to now
};

class Node {
 public:
  // Of packets that wait for a relay's socket. Above it the owner had better not hand in more (see wants_packets).
  static constexpr std::size_t relay_backlog_max = 128 * 1024;
  static constexpr std::size_t small_datagrams_max = 4096;  // that wait for an owner who does not drain

  Node(NodeConfig config, Random& random, Instant now, WallTime wall);

  const crypto::NodePublicKey& public_key() const { return node_key_; }

  // What the host says.
  void set_sockets(path::UdpFamilies families, Instant now);
  void set_own_prefixes(std::vector<Prefix> prefixes, Instant now);

  // Answers to events.
  void provide_join_key(std::string_view key, Instant now);
  void admit(const crypto::NodePublicKey& key, bool admitted, Instant now);
  void set_stun_addresses(path::RegionId region, const std::vector<Endpoint>& addresses, Instant now);
  void log_out(Instant now);  // answered by LoggedOut; every peer goes at once, and nothing is sent but the logout

  // Streams. For control: the key it answered GET /key with (or the pinned one), giving what X-Tailscale-Handshake
  // carries; nothing if the stream must be closed. Then, for both kinds, stream_opened once the 101 has come.
  std::optional<Buffer> control_handshake(StreamId stream, const crypto::MachinePublicKey& server_key, Instant now);
  bool control_wants_key() const { return control_wants_key_; }
  void stream_opened(StreamId stream, Instant now);
  void stream_failed(StreamId stream, const StreamFailure& failure, Instant now);
  MutableBytes stream_space(StreamId stream);  // read into this; empty if the stream is not wanted any more
  void stream_received(StreamId stream, std::size_t bytes, Instant now);
  void stream_received(StreamId stream, Bytes bytes, Instant now);  // bytes that were read past the 101
  Bytes stream_output(StreamId stream);
  void stream_sent(StreamId stream, std::size_t bytes, Instant now);
  std::vector<StreamId> streams_with_output();

  // UDP. One sender's datagrams, each segment_bytes long but the last; decrypted in place.
  void handle_datagrams(const Endpoint& from, MutableBytes datagrams, std::size_t segment_bytes, Instant now);
  std::optional<UdpRun> poll_udp();
  // The stack misses what the peer at this address has sent since then; certain: and has sent again three times.
  void note_missing(const IpAddress& from, Instant since, bool certain, Instant now);
  void udp_unreachable(const Endpoint& to, Instant now);  // what poll_udp showed could not be sent: no way leads there

  // Inner packets of admitted peers that the last call brought; each is given once.
  std::span<const MutableBytes> take_packets();
  // Inner packets out, each to the peer whose address it bears; sealed in place. The batch stays as it is until
  // poll_udp has nothing more.
  void send(PacketBatch& batch, Instant now);
  bool wants_packets(Instant now) const;

  // Whether the control server's rules let this peer speak to this port. They narrow what the warrant allows, nothing
  // else.
  bool filter_allows(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                     std::uint16_t port) const;
  std::optional<crypto::NodePublicKey> peer_at(const IpAddress& address) const { return peers_.key_at(address); }

  std::string login_of(const crypto::NodePublicKey& peer) const { return peers_.login_of(peer); }
  std::optional<Instant> last_heard(const crypto::NodePublicKey& peer) const;  // by something authentic

  std::optional<Event> poll_event() { return outbox_.poll(); }
  // Peers to be judged, one by one and at the owner's own pace; answer each with admit.
  bool wants_admission() const { return peers_.has_question(); }
  std::optional<WantAdmission> take_admission() { return peers_.take_question(); }
  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const;
  const NodeCounters& counters() const { return counters_; }

 private:
  struct SmallDatagram {
    Endpoint to;
    Buffer bytes;
    path::Origin origin;
  };

  void handle_datagram_of_relay(const RelayedDatagram& datagram, Instant now);
  std::optional<wireguard::PeerId> open_packets(const wireguard::Source& from, MutableBytes datagrams,
                                                std::size_t segment_bytes, Instant now);
  void seal_run(PacketBatch& batch, std::size_t first, std::size_t count, const IpAddress& to, Instant now);
  void dispatch(const crypto::NodePublicKey& peer, const path::Route& route, Bytes segments, std::size_t segment_bytes,
                Instant now);

  void settle(Instant now);  // carries what each part has to say to the others, until none has anything
  bool settle_control(Instant now);
  bool settle_paths(Instant now);
  bool settle_wireguard(Instant now);
  bool settle_relays(Instant now);
  void handle(const control::ClientEvent& event, Instant now);
  void handle(const path::Event& event, Instant now);
  void handle_netmap(const control::NetmapChange& change, Instant now);
  void tell_of_filter();
  void home_may_be_up(Instant now);
  // Also between expiries, since a keepalive may tell a later time.
  void plan_expiry_check(Instant now) {
    next_expiry_check_ = peers_.next_expiry();
    if (next_expiry_check_) next_expiry_check_ = std::clamp(*next_expiry_check_, now + seconds(1), now + minutes(1));
  }
  void check_connections(Instant now);
  // The calendar as it was at the start, and the time that has passed since.
  WallTime wall(Instant now) const { return started_wall_ + (now - started_); }
  bool is_control(StreamId stream) const { return stream != 0 && stream == control_stream_; }
  void drop_control();

  Random& random_;
  Instant started_;
  WallTime started_wall_;
  Outbox outbox_;
  crypto::NodePrivateKey node_private_;
  crypto::NodePublicKey node_key_;
  path::EndpointGuard guard_;
  path::Paths paths_;
  wireguard::Interface wireguard_;
  RelayLinks relays_;
  control::Client control_;
  Peers peers_;

  StreamId control_stream_ = 0;
  bool control_wants_key_ = false;
  Buffer control_space_;
  Buffer control_output_;
  std::size_t control_output_sent_ = 0;
  bool is_logging_out_ = false;

  std::vector<IpAddress> addresses_;         // as first registered
  std::optional<path::RegionId> told_home_;  // the control server has taken it
  std::optional<path::RegionId> online_through_;
  std::set<crypto::NodePublicKey> directly_reached_;
  std::optional<path::RegionId> published_home_;
  std::optional<Instant> next_expiry_check_;

  std::vector<wireguard::OpenedPacket> opened_;
  std::vector<MutableBytes> packets_;
  std::vector<MutableBytes> taken_packets_;
  std::deque<SmallDatagram> small_;
  std::optional<SmallDatagram> small_sending_;
  std::vector<UdpRun> runs_;  // into the batch of the last send
  std::size_t runs_taken_ = 0;
  NodeCounters counters_;
};

}  // namespace quoin::node

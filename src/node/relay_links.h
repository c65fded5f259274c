// The node's connections to relays: one stream and one DERP client for each region that path selection needs.
//
// A region is connected while it is needed: its nodes are tried in turn, with growing pauses (n^2 x 10 ms, at most 5 s,
// as Tailscale's magicsock does). Datagrams may be queued while the connection is still being made.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "control/netmap.h"
#include "crypto/keys.h"
#include "derp/client.h"
#include "node/events.h"
#include "node/outbox.h"

namespace quoin::node {

struct RelayedDatagram {
  path::RegionId region;
  crypto::NodePublicKey source;
  MutableBytes datagram;  // in the client's receive buffer: valid until the next call
};

class RelayLinks {
 public:
  static constexpr Duration retry_pause_max = seconds(5);
  static constexpr Duration open_time_max =
      seconds(15);  // from WantStream to stream_opened: a name alone may take twelve
  // Only after so long a login counts as a success: a relay that takes one and hangs up is tried with growing pauses.
  static constexpr Duration steady_after = seconds(10);

  struct Up {
    path::RegionId region;
  };
  struct Down {
    path::RegionId region;
  };
  using Event = std::variant<Up, Down, derp::PeerGone>;

  RelayLinks(crypto::NodePrivateKey key, Outbox& outbox, Random& random);

  void set_map(const control::RelayMap& map);
  void need(path::RegionId region, Instant now);
  void drop(path::RegionId region);
  void drop_all();
  void set_home(path::RegionId region);
  std::string region_code(path::RegionId region) const;  // "" if the map does not have it

  bool owns(StreamId stream) const;
  void opened(StreamId stream, Instant now);
  void failed(StreamId stream, const StreamFailure& failure, Instant now);
  MutableBytes space(StreamId stream);
  // Takes what was read into space(); then drain poll_datagram, and poll_event after it.
  void received(StreamId stream, std::size_t bytes, Instant now);
  std::optional<RelayedDatagram> poll_datagram();
  struct RegionEvent {
    path::RegionId region;
    Event event;
  };
  std::optional<RegionEvent> poll_event();

  Bytes output(StreamId stream);
  void sent(StreamId stream, std::size_t bytes);
  void send(path::RegionId region, const crypto::NodePublicKey& to, Bytes segments, std::size_t segment_bytes,
            Instant now);
  bool is_up(path::RegionId region) const;
  // Bytes of packets that wait in the fullest queue whose connection still takes some.
  std::size_t waiting_bytes() const;
  std::vector<StreamId> with_output();

  void check(Instant now);  // asks every relay whether it is still there
  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const;

 private:
  struct Link {
    std::unique_ptr<derp::Client> client;
    StreamId stream = 0;  // 0: none; the next attempt is at retry_at
    bool is_open = false;
    bool is_up = false;
    std::uint32_t attempts = 0;
    std::optional<Instant> retry_at;
    Instant opening_since;
    Instant up_since;
  };

  void connect(path::RegionId region, Link& link, Instant now);
  void lost(path::RegionId region, Link& link, Instant now);
  void handle(path::RegionId region, Link& link, const derp::ClientEvent& event, Instant now);
  std::pair<const path::RegionId, Link>* find(StreamId stream);

  crypto::NodePrivateKey key_;
  Outbox& outbox_;
  Random& random_;
  control::RelayMap map_;
  std::map<path::RegionId, Link> links_;
  std::optional<path::RegionId> home_;
  std::optional<path::RegionId> draining_;  // whose events poll_datagram reads
  Instant draining_at_;
  std::vector<std::unique_ptr<derp::Client>> ended_;  // whose last packets may still be in use: until the next call
  std::vector<RegionEvent> events_;
  std::size_t events_taken_ = 0;
};

}  // namespace quoin::node

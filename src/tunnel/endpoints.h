// Which endpoints a socket is there for to send datagrams with, and what waits until one is.
//
// The tunnel can send only with sockets that the gate has connected, one for each endpoint. An endpoint is asked for
// when something is first to be sent there; a few datagrams wait meanwhile, so that no first handshake or ping is lost.
// Sockets that nothing passes are given back, and when there are too many, the one that was used longest ago.
//
// Who is not authenticated brings no socket about. What is authentic but may have been sent on from elsewhere by
// somebody on the way (an address known only as a source) has a small share of its own, so that the addresses that the
// network map, the peers or a pong have named are always served.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/time.h"
#include "netstack/rate_limit.h"
#include "node/events.h"
#include "pair/messages.h"

namespace quoin::tunnel {

class Endpoints {
 public:
  static constexpr std::size_t endpoints_max = 112;  // the gate connects 128 at once
  static constexpr std::size_t sources_max = 32;     // of these, known only as a source
  // Asked for: so many at once, then one each interval. Together less than the gate bears.
  static constexpr std::uint32_t named_burst = 384;
  static constexpr Duration named_interval = milliseconds(100);
  static constexpr std::uint32_t sources_burst = 64;
  static constexpr Duration sources_interval = milliseconds(250);
  static constexpr std::size_t held_datagrams_max = 16;      // for one endpoint
  static constexpr std::size_t held_bytes_max = 256 * 1024;  // for all
  static constexpr Duration idle_max = minutes(2);           // then a socket is given back
  static constexpr Duration busy_for = seconds(10);          // after its last use no other takes its place
  static constexpr Duration refused_for = seconds(60);       // by the gate's guard
  static constexpr Duration no_way_for = seconds(5);
  static constexpr Duration too_many_for = seconds(1);

  explicit Endpoints(Instant now)
      : named_(named_burst, named_interval, now), sources_(sources_burst, sources_interval, now) {}

  enum class Verdict : std::uint8_t {
    ready,   // send it
    wanted,  // it waits; ask the gate, and say asked()
    waits,
    no_way,  // dropped; whoever has another way takes that
    dropped,
  };
  Verdict judge(const node::UdpRun& run, Instant now);
  void asked(const Endpoint& endpoint, pair::RequestId request);

  bool waits_for(pair::RequestId request) const { return requests_.contains(request); }
  const Endpoint& endpoint_of(pair::RequestId request) const { return requests_.at(request); }
  std::optional<Endpoint> connected(pair::RequestId request, Instant now);  // nothing: nobody waits for it
  std::optional<Endpoint> failed(pair::RequestId request, pair::Unanswered why, Instant now);
  void note_heard(const Endpoint& from, Instant now);

  // What had to wait and may be sent now; valid until the next call.
  std::optional<node::UdpRun> poll_released();
  // To be closed, and the gate to be told.
  std::optional<Endpoint> poll_given_back();
  // The sockets are void: what is wanted is asked for anew. Gives those that were there.
  std::vector<Endpoint> forget_connected();
  void clear();

  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const { return next_look_; }
  std::size_t size() const { return entries_.size(); }

 private:
  enum class State : std::uint8_t { asked, connected, refused };
  struct Entry {
    State state = State::asked;
    path::Origin origin = path::Origin::named;
    Instant used;
    Instant refused_until = {};
    std::deque<Buffer> held = {};
  };
  struct Released {
    Endpoint to;
    Buffer datagram;
  };
  using Entries = std::map<Endpoint, Entry>;

  Verdict judge_new(const node::UdpRun& run, Instant now);
  bool make_room(path::Origin wanted_for, Instant now);
  void hold(Entry& entry, const node::UdpRun& run);
  void drop_held(Entry& entry);
  void look_at(Instant at) {
    if (!next_look_ || at < *next_look_) next_look_ = at;
  }

  Entries entries_;
  std::map<pair::RequestId, Endpoint> requests_;  // of entries that are asked
  std::size_t held_bytes_ = 0;                    // released ones too
  std::deque<Released> released_;
  std::optional<Released> releasing_;
  std::deque<Endpoint> given_back_;
  netstack::RateLimit named_;
  netstack::RateLimit sources_;
  std::optional<Instant> next_look_;
};

}  // namespace quoin::tunnel

// Own public endpoints, as STUN servers of up to three regions see them, and how far away those regions are.
//
// A report asks each chosen region over each address family up to three times; answers are matched by transaction.
// Reports run at the start, when asked for, and every 20 to 26 s while there is traffic, which also keeps the NAT's
// mapping. The regions asked are those the caller prefers (home, the fastest) and then the others in turn, so that
// in time every region is measured. (Tailscale, net/netcheck.)
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/random.h"
#include "base/time.h"
#include "path/place.h"
#include "path/relay_map.h"
#include "path/timing.h"
#include "stun/messages.h"

namespace quoin::path {

class StunProbes {
 public:
  static constexpr std::size_t regions_per_report = 3;
  static constexpr std::size_t own_endpoints_max = 8;
  static constexpr std::size_t addresses_per_server_max = 2;  // one of each family
  static constexpr std::size_t probes_outstanding_max = 64;
  static constexpr int silent_reports_before_resolving_anew = 3;

  struct Question {
    RegionId region;
    std::string host;
    std::uint16_t port;
  };
  struct Probe {
    Endpoint to;
    Buffer datagram;
  };
  struct Answer {
    RegionId region;
    Duration latency;
  };

  explicit StunProbes(Random& random) : random_(random) {}

  void set_map(const RelayMap& map);
  void set_families(bool ipv4, bool ipv6);  // new sockets: what was learned through the old ones is forgotten
  void set_addresses(RegionId region, const std::vector<Endpoint>& addresses, Instant now);

  // A report now, or as soon as the last one is stun_report_interval_min old. One under way is enough.
  void want_report(Instant now);
  bool report_is_due(Instant now) const { return !report_ && due_at_ && now >= *due_at_; }
  void start_report(std::span<const RegionId> preferred, Instant now);
  void note_traffic(Instant now);

  // Nothing if it answers none of our probes.
  std::optional<Answer> handle(Bytes datagram, Instant now);

  std::optional<Question> poll_question();
  std::optional<Probe> poll_probe(Instant now);
  bool poll_report_done();        // true once after each report
  bool poll_endpoints_changed();  // true once after each change
  std::vector<Endpoint> own_endpoints() const;
  bool is_fresh(Instant now) const { return !own_.empty() && last_answer_ && now - *last_answer_ <= endpoints_fresh; }

  std::optional<Instant> next_timeout() const;
  void handle_timeout(Instant now);

 private:
  struct Server {
    StunServer server;
    std::vector<Endpoint> addresses;
    bool is_literal = false;
    bool is_asked = false;  // a question is under way
    int silent_reports = 0;
  };
  struct Target {
    RegionId region;
    Endpoint endpoint;
    int tries = 0;
    Instant next_try;
    bool is_answered = false;
  };
  struct Report {
    Instant ends_at;
    std::vector<RegionId> regions;
    std::vector<Target> targets;
  };
  struct Outstanding {
    stun::TransactionId transaction;
    RegionId region;
    Endpoint to;
    Instant at;
  };
  struct OwnEndpoint {
    Endpoint endpoint;
    Instant seen;
  };

  bool has_any_family() const { return ipv4_ || ipv6_; }
  void add_targets(RegionId region, Instant now);
  bool is_complete() const;
  void end_report(Instant now);
  void schedule_next(Instant now);
  void learn(const Endpoint& endpoint, Instant now);

  Random& random_;
  std::map<RegionId, Server> servers_;
  bool ipv4_ = false;
  bool ipv6_ = false;
  std::optional<Report> report_;
  std::optional<Instant> due_at_;
  std::optional<Instant> last_started_;
  std::optional<Instant> last_traffic_;
  std::optional<Instant> last_answer_;
  RegionId turn_ = 0;  // the region asked last for its turn's sake
  std::vector<Outstanding> outstanding_;
  std::vector<OwnEndpoint> own_;
  std::deque<Question> questions_;  // at most one for each server
  bool report_done_ = false;
  bool endpoints_changed_ = false;
};

}  // namespace quoin::path

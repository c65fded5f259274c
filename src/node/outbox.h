// What the parts of a node tell its owner, and the names of its streams.
//
// What anybody outside can bring about as often as they like, or what must not be lost, is kept as state: addresses
// that peers have lost, that the filter is another, and the newest path of each peer. The rest is told in order; there
// is so little of it that a full queue means an owner that does not drain, and then the node says so and no more.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "node/events.h"

namespace quoin::node {

class Outbox {
 public:
  static constexpr std::size_t events_max = 4096;

  StreamId name_stream() { return ++last_stream_; }

  void tell(Event event) {
    if (events_.size() < events_max) {
      events_.push_back(std::move(event));
    } else {
      is_overrun_ = true;
    }
  }
  void addresses_lost(const std::vector<IpAddress>& addresses) {
    addresses_lost_.insert(addresses.begin(), addresses.end());
  }
  void filter_changed() { filter_changed_ = true; }
  void path_changed(PathChanged path) { paths_.insert_or_assign(path.peer, std::move(path)); }
  // A problem is told when it begins or its words change, and its end once.
  void problem(ProblemKind kind, std::string text) {
    for (const auto& [known, words] : problems_) {
      if (known == kind && words == text) return;
    }
    solved_quietly(kind);
    problems_.insert({kind, text});
    tell(Problem{kind, std::move(text)});
  }
  void solved(ProblemKind kind) {
    if (solved_quietly(kind)) tell(Solved{kind});
  }
  std::optional<Event> poll() {
    if (is_overrun_) return std::exchange(overrun_told_, true) ? std::nullopt : std::optional<Event>(TooMuchToTell{});
    if (!addresses_lost_.empty()) {
      const auto lost = std::exchange(addresses_lost_, {});
      return AddressesLost{{lost.begin(), lost.end()}};
    }
    if (std::exchange(filter_changed_, false)) return FilterChanged{};
    if (!events_.empty()) {
      Event event = std::move(events_.front());
      events_.pop_front();
      return event;
    }
    if (paths_.empty()) return std::nullopt;
    return std::move(paths_.extract(paths_.begin()).mapped());
  }

 private:
  bool solved_quietly(ProblemKind kind) {
    return std::erase_if(problems_, [&](const auto& problem) { return problem.first == kind; }) > 0;
  }

  StreamId last_stream_ = 0;
  std::set<IpAddress> addresses_lost_;
  bool filter_changed_ = false;
  std::map<crypto::NodePublicKey, PathChanged> paths_;  // of peers, and of those that were some since the last drain
  std::deque<Event> events_;
  bool is_overrun_ = false;
  bool overrun_told_ = false;
  std::set<std::pair<ProblemKind, std::string>> problems_;
};

}  // namespace quoin::node

// What the parts of a node tell its owner, in one order, and the names of its streams.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "node/events.h"

namespace quoin::node {

class Outbox {
 public:
  static constexpr std::size_t events_max = 4096;  // for an owner that does not drain; then the newest is dropped

  StreamId name_stream() { return ++last_stream_; }

  void tell(Event event) {
    if (events_.size() < events_max) events_.push_back(std::move(event));
  }
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
    if (events_.empty()) return std::nullopt;
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

 private:
  bool solved_quietly(ProblemKind kind) {
    return std::erase_if(problems_, [&](const auto& problem) { return problem.first == kind; }) > 0;
  }

  StreamId last_stream_ = 0;
  std::deque<Event> events_;
  std::set<std::pair<ProblemKind, std::string>> problems_;
};

}  // namespace quoin::node

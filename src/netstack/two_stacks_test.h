// Two stacks and a line between them, on a virtual clock, for tests: the same seed gives the same loss, reordering and
// duplication. The far end accepts whatever comes in; what each application writes and reads is checked byte by byte.
#pragma once

#include <map>
#include <vector>

#include "base/random.h"
#include "netstack/active_open.h"
#include "netstack/stack.h"

namespace quoin::netstack::testing {

struct Line {
  Duration delay = milliseconds(10);
  std::uint64_t loss_percent = 0;
  std::uint64_t reorder_percent = 0;  // of packets that are late by up to three delays
  std::uint64_t duplicate_percent = 0;
};

// One end of one flow, with an application that writes so many bytes and reads to the end.
struct Talk {
  std::uint64_t to_write = 0;
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  std::uint64_t reads_per_wakeup = UINT64_MAX;  // a slow reader takes this much at a time, and
  Duration pause{0};                            // rests between
  Instant next_read{};
  bool corrupt = false;  // a byte was not the one that the other end wrote there
  bool finished = false;
  bool peer_finished = false;
  std::vector<CloseReason> closed;
  int events_after_closed = 0;
};

class TwoStacks {
 public:
  TwoStacks(std::uint64_t seed, Line line, StackConfig config = {});

  // Opens a flow to the far end; both ends write this much to each other.
  FlowId connect(std::uint64_t to_far, std::uint64_t to_near, const char* remote = "100.64.0.2",
                 std::uint16_t port = 80);
  // Runs until every flow is closed at both ends or the time is over; says whether they are.
  bool run(Duration limit);

  enum class Answer { accept, reset, unreachable, silence };
  Answer answer = Answer::accept;
  Talk far_template;  // pace of the far application

  Instant now{seconds(100)};
  std::map<FlowId, Talk> near_talks;
  std::map<FlowId, Talk> far_talks;
  std::uint64_t packets = 0;
  std::size_t most_memory = 0;
  bool stuck = false;  // a deadline stayed in the past

  SeededRandom random;
  Stack near;
  Stack far;

 private:
  struct Side {
    Stack& stack;
    std::map<FlowId, Talk>& talks;
    std::uint64_t direction;  // which stream of bytes it writes
  };
  void settle(Side& side);
  void hear(Side& side, const StackEvent& event);
  void work(Side& side, FlowId flow, Talk& talk);
  void write(Side& side, FlowId flow, Talk& talk);
  void read(Side& side, FlowId flow, Talk& talk);
  void send(Side& side);
  bool all_closed() const;
  Instant next_moment() const;

  Line line_;
  std::uint64_t to_near_ = 0;
  std::multimap<Instant, std::pair<bool, Buffer>> on_the_line_;  // true: towards far
  Side near_side_{near, near_talks, 1};
  Side far_side_{far, far_talks, 2};
};

}  // namespace quoin::netstack::testing

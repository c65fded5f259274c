// Kills processes, whatever the event loop does or waits for: at their deadlines, when a person asks for it at the stop
// socket, and on SIGTERM, SIGINT and SIGHUP. On a thread of its own, which waits for nothing but the clocks, the
// signals and that socket. A disk or a user directory that hangs may hold the loop for as long as it likes.
//
// A loop that is not held up stops what is asked for in its own way (a tunnel logs out first): it is rung for, takes
// the request, and its answer is passed on. If it has not taken it within `loop_patience`, or is not done within
// `kill_after`, whatever carries the name is killed here, and the person is answered by `answer_within`. The loop finds
// out when it is back, and until then nothing of that name starts: `watch` kills it.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/time.h"
#include "io/readiness.h"
#include "io/stop_socket.h"
#include "io/unix_listener.h"

namespace quoin::io {

class ProcessGuard {
 public:
  // How often it looks at both clocks while it watches anything: the calendar may jump, and the machine may have slept.
  static constexpr Duration look_every = milliseconds(500);
  static constexpr Duration loop_patience = milliseconds(300);
  static constexpr Duration kill_after = milliseconds(800);
  static constexpr Duration answer_within = milliseconds(950);
  static constexpr Duration exit_after = seconds(6);  // of a signal: then the process ends without its loop
  static constexpr std::size_t watched_max = 512;

  using Key = std::uint64_t;
  using StopId = std::uint64_t;

  struct Stop {
    StopId id;
    std::uint32_t user;               // whoever asked; by a signal: root
    std::optional<std::string> name;  // nothing: all
    bool by_signal = false;
    bool is_done = false;  // what had that name was killed
  };
  struct Wish {
    std::optional<std::string> name;  // nothing: all
    bool is_known = true;             // else there is nothing to kill, and the loop can say why
  };
  struct Outcome {
    Wish wish;
    std::vector<std::string> killed;  // each name once
    bool loop_took_it;
    bool all_gone;
  };
  // What is said at the stop socket. Called on the guard's thread, so these may wait for nothing.
  struct Words {
    std::function<Result<Wish, std::string>(std::string_view line)> understand;  // the error is the answer
    std::function<std::string(const Outcome& outcome)> answer;
  };

  struct Options {
    std::optional<ListeningSocket> stop_socket;
    Descriptor signals;  // a signalfd; none: they are not looked after
    Words words;
  };
  // `rung` is called from the loop when `take` has something.
  ProcessGuard(Loop& loop, Closer& closer, Options options, Callback rung);
  ~ProcessGuard();  // kills nobody
  ProcessGuard(const ProcessGuard&) = delete;
  ProcessGuard& operator=(const ProcessGuard&) = delete;

  // `process`, a pidfd, gets SIGKILL at the first of the two moments. False if it was killed at once: that name has
  // been stopped, and the loop has not taken it yet.
  bool watch(Key key, std::string name, Descriptor process, Instant at, WallTime wall);
  void move(Key key, Instant at, WallTime wall);  // nothing if it is not watched, or was killed
  void forget(Key key);

  // Stops to be carried out or, where they are done, written down; each is told when it is asked for, when it is done,
  // or both at once. To be asked before anything else is handled, so that what was killed is known to have been.
  std::vector<Stop> take();
  void answer(StopId id, std::string line);  // nothing if it has been answered

 private:
  struct Watched {
    Key key;
    std::string name;
    Descriptor process;
    Instant at;
    WallTime wall;
    Instant since;  // it is watched
  };
  struct Asked {
    Stop stop;
    bool is_known = true;
    StopSocket::Ticket ticket = 0;
    Instant since{};
    std::optional<Instant> told = {};  // when the loop took it: what started later is not meant
    bool told_done = false;            // and knows that it is done
    bool answered = false;
    std::string line = {};  // the loop's answer
    std::vector<Key> killed = {};
    std::vector<std::string> names = {};  // of those
  };
  struct Answer {
    StopSocket::Ticket ticket;
    std::string line;  // the loop's; empty: what came of it is put into words
    Outcome outcome;
  };

  void work();
  void sleep(Duration wait);
  void take_signals(Instant now);
  void ask(StopSocket::Ticket ticket, std::uint32_t user, std::string_view line);
  std::vector<Answer> carry_out(Instant now);
  void kill_all_of(Asked& asked);
  bool are_gone(const std::vector<Key>& killed) const;
  void drop_what_is_over();
  bool is_stopped(std::string_view name) const;
  void kill_those_due(Instant now, WallTime wall);
  Duration until_next_look(Instant now) const;
  void wake() const;
  void ring() const;
  void wait();

  std::optional<ListeningSocket> listening_;
  std::optional<StopSocket> stop_socket_;  // the thread's alone, as are the signals
  Descriptor signals_;
  const Words words_;
  Descriptor woken_;  // eventfds
  Readiness rung_;
  std::shared_ptr<Callback> call_;

  mutable std::mutex mutex_;  // held for a few instructions at a time, never across a call that can wait
  std::vector<Watched> watched_;
  std::vector<Asked> asked_;
  StopId last_id_ = 0;
  std::optional<Instant> exit_at_;  // a signal has come: nothing starts any more
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace quoin::io

#include <algorithm>
#include <array>
#include <cassert>
#include <csignal>
#include <span>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/process_guard.h"

namespace quoin::io {

namespace {

constexpr int exit_code_of_no_loop = 5;
constexpr Duration gone_looks_every = milliseconds(10);

Descriptor make_event() {
  Descriptor made(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  assert(made);
  return made;
}

void raise_event(int number) {
  const std::uint64_t one = 1;
  static_cast<void>(!write(number, &one, sizeof one));  // full: it has been raised
}

void clear_event(int number) {
  std::uint64_t count;
  static_cast<void>(!read(number, &count, sizeof count));
}

void kill_process(const Descriptor& process) {
  syscall(SYS_pidfd_send_signal, process.number(), SIGKILL, nullptr, 0);  // its end is for others to notice
}

bool has_ended(const Descriptor& process) {
  pollfd looked{process.number(), POLLIN, 0};
  return poll(&looked, 1, 0) == 1;
}

bool is_about(const std::optional<std::string>& name, std::string_view which) {
  return !name || *name == which;
}

}  // namespace

ProcessGuard::ProcessGuard(Loop& loop, Closer& closer, Options options, Callback rung)
    : listening_(std::move(options.stop_socket)),
      signals_(std::move(options.signals)),
      words_(std::move(options.words)),
      woken_(make_event()),
      rung_(loop, make_event()),
      call_(std::make_shared<Callback>(std::move(rung))) {
  if (listening_) stop_socket_.emplace(listening_->take(), closer);
  watched_.reserve(watched_max);  // so that nothing is allocated while the mutex is held
  wait();
  thread_ = std::thread([this] { work(); });
}

ProcessGuard::~ProcessGuard() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake();
  thread_.join();
}

void ProcessGuard::wake() const {
  raise_event(woken_.number());
}

void ProcessGuard::ring() const {
  raise_event(rung_.number());
}

void ProcessGuard::wait() {
  rung_.wait_readable([this] {
    clear_event(rung_.number());
    wait();
    const std::shared_ptr<Callback> call = call_;
    (*call)();
  });
}

// ---- the loop's side

bool ProcessGuard::watch(Key key, std::string name, Descriptor process, Instant at, WallTime wall) {
  bool is_welcome;
  {
    const std::lock_guard lock(mutex_);
    is_welcome = !is_stopped(name) && watched_.size() < watched_max;
    if (is_welcome) {
      watched_.push_back({key, std::move(name), std::move(process), at, wall, now()});
    } else {
      kill_process(process);
    }
  }
  wake();
  return is_welcome;
}

void ProcessGuard::move(Key key, Instant at, WallTime wall) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(watched_, key, &Watched::key);
    if (found == watched_.end()) return;
    found->at = at;
    found->wall = wall;
  }
  wake();
}

void ProcessGuard::forget(Key key) {
  const std::lock_guard lock(mutex_);
  std::erase_if(watched_, [key](const Watched& each) { return each.key == key; });
}

std::vector<ProcessGuard::Stop> ProcessGuard::take() {
  std::vector<Stop> out;
  {
    const std::lock_guard lock(mutex_);
    for (Asked& each : asked_) {
      if (each.told && each.told_done == each.stop.is_done) continue;
      if (!each.told) each.told = now();
      each.told_done = each.stop.is_done;
      out.push_back(each.stop);
    }
    drop_what_is_over();
  }
  return out;
}

void ProcessGuard::answer(StopId id, std::string line) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(asked_, id, [](const Asked& each) { return each.stop.id; });
    if (found == asked_.end() || found->answered) return;
    found->line = std::move(line);
  }
  wake();
}

// ---- the thread's side

void ProcessGuard::work() {
  for (;;) {
    std::vector<Answer> answers;
    Duration wait;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      const Instant time = now();
      if (exit_at_ && time >= *exit_at_) _exit(exit_code_of_no_loop);
      kill_those_due(time, wall_time());
      answers = carry_out(time);
      wait = until_next_look(time);
    }
    for (const Answer& each : answers) {
      stop_socket_->answer(each.ticket, each.line.empty() ? words_.answer(each.outcome) : each.line);
    }
    sleep(wait);
  }
}

void ProcessGuard::sleep(Duration wait) {
  std::array<pollfd, 2 + StopSocket::polled_max> polled{};
  std::size_t count = 0;
  polled[count++] = {woken_.number(), POLLIN, 0};
  polled[count++] = {signals_ ? signals_.number() : -1, POLLIN, 0};  // poll(2) passes over a negative one
  const Instant before = now();
  if (stop_socket_) {
    count += stop_socket_->fill(std::span(polled).subspan<2, StopSocket::polled_max>(), before);
    if (const auto end = stop_socket_->next_end(before)) wait = std::clamp(*end - before, Duration(0), wait);
  }
  poll(polled.data(), count, static_cast<int>(std::chrono::ceil<milliseconds>(wait).count()));
  clear_event(woken_.number());
  const Instant time = now();
  if (signals_) take_signals(time);
  if (!stop_socket_) return;
  stop_socket_->serve(
      time, [this](StopSocket::Ticket ticket, std::uint32_t user, std::string_view line) { ask(ticket, user, line); });
}

void ProcessGuard::take_signals(Instant now) {
  signalfd_siginfo raised;
  if (read(signals_.number(), &raised, sizeof raised) != sizeof raised) return;
  const std::lock_guard lock(mutex_);
  if (exit_at_) return;
  exit_at_ = now + exit_after;
  asked_.push_back({.stop = {.id = ++last_id_, .user = 0, .name = std::nullopt, .by_signal = true}, .since = now});
  ring();
}

void ProcessGuard::ask(StopSocket::Ticket ticket, std::uint32_t user, std::string_view line) {
  auto wish = words_.understand(line);
  if (!wish) return stop_socket_->answer(ticket, wish.error());
  const std::lock_guard lock(mutex_);
  asked_.push_back({.stop = {.id = ++last_id_, .user = user, .name = std::move(wish->name)},
                    .is_known = wish->is_known,
                    .ticket = ticket,
                    .since = now()});
  ring();
}

// What each stop has come to by now, and whom to answer.
std::vector<ProcessGuard::Answer> ProcessGuard::carry_out(Instant now) {
  std::vector<Answer> answers;
  bool has_killed = false;
  for (Asked& each : asked_) {
    const Duration age = now - each.since;
    if (!each.stop.is_done && !each.answered && age >= (each.told ? kill_after : loop_patience)) {
      kill_all_of(each);
      has_killed = true;
    }
    if (each.answered) continue;
    const bool gone = each.stop.is_done && are_gone(each.killed);
    if (each.line.empty() && !gone && age < answer_within) continue;
    each.answered = true;
    if (each.ticket == 0) continue;
    answers.push_back({.ticket = each.ticket,
                       .line = std::move(each.line),
                       .outcome = {.wish = {.name = each.stop.name, .is_known = each.is_known},
                                   .killed = each.names,
                                   .loop_took_it = each.told.has_value(),
                                   .all_gone = gone}});
  }
  drop_what_is_over();
  if (has_killed) ring();
  return answers;
}

void ProcessGuard::kill_all_of(Asked& asked) {
  asked.stop.is_done = true;
  for (Watched& each : watched_) {
    if (!is_about(asked.stop.name, each.name) || (asked.told && each.since > *asked.told)) continue;
    kill_process(each.process);
    asked.killed.push_back(each.key);
    if (std::ranges::find(asked.names, each.name) == asked.names.end()) asked.names.push_back(each.name);
  }
}

bool ProcessGuard::are_gone(const std::vector<Key>& killed) const {
  return std::ranges::none_of(watched_, [&](const Watched& each) {
    return std::ranges::find(killed, each.key) != killed.end() && !has_ended(each.process);
  });
}

// A loop that stands still takes nothing: one stop of each name waits for it, which is as many as there are names.
void ProcessGuard::drop_what_is_over() {
  const auto is_repeated = [this](const Asked& asked) {
    const auto first = std::ranges::find_if(asked_, [&](const Asked& each) {
      return each.stop.is_done && each.stop.name == asked.stop.name && !each.stop.by_signal;
    });
    return first->stop.id != asked.stop.id;
  };
  for (std::size_t i = asked_.size(); i-- > 0;) {
    const Asked& each = asked_[i];
    if (!each.answered || each.stop.by_signal) continue;
    const bool is_known_to_loop = each.told && each.told_done == each.stop.is_done;
    const bool is_over = is_known_to_loop || !each.is_known || is_repeated(each);
    if (is_over) asked_.erase(asked_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

bool ProcessGuard::is_stopped(std::string_view name) const {
  return exit_at_ || std::ranges::any_of(asked_, [&](const Asked& each) {
           return each.stop.is_done && !each.told_done && is_about(each.stop.name, name);
         });
}

void ProcessGuard::kill_those_due(Instant now, WallTime wall) {
  for (Watched& each : watched_) {
    if (now < each.at && wall < each.wall) continue;
    kill_process(each.process);
    each.at = Instant::max();  // it stays until it is forgotten, so that it is known when it has ended
    each.wall = WallTime::max();
  }
}

Duration ProcessGuard::until_next_look(Instant now) const {
  Duration wait = watched_.empty() && !exit_at_ ? hours(1) : look_every;
  for (const Watched& each : watched_) wait = std::clamp(each.at - now, Duration(0), wait);
  for (const Asked& each : asked_) {
    const Duration next = each.stop.is_done ? gone_looks_every : each.told ? kill_after : loop_patience;
    if (!each.answered) wait = std::clamp(each.stop.is_done ? next : each.since + next - now, Duration(0), wait);
  }
  return wait;
}

}  // namespace quoin::io

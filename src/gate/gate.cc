#include "gate/gate.h"

#include <algorithm>

#include "gate/gate_core.h"
#include "gate/sentences.h"

namespace quoin::gate {

Gate::Gate(Config config, Result<HostView, std::string> host, AuditStart audit, WallTime wall, Instant now)
    : core_(std::make_unique<Core>(std::move(config), std::move(host), std::move(audit), wall, now)) {}
Gate::~Gate() = default;

void Gate::handle(Input input, WallTime wall, Instant now) {
  core_->handle(std::move(input), wall, now);
}
void Gate::handle_timeout(WallTime wall, Instant now) {
  core_->handle_timeout(wall, now);
}
std::optional<Effect> Gate::poll_effect() {
  return core_->poll_effect();
}
std::optional<Instant> Gate::poll_timeout() const {
  return core_->poll_timeout();
}
std::size_t Gate::open_sessions() const {
  return core_->sessions();
}

Gate::Core::Core(Config config, Result<HostView, std::string> host, AuditStart audit, WallTime wall, Instant now)
    : desk_(std::move(config), std::move(host), std::move(audit.place)), refusals_(now) {
  if (audit.repaired) desk_.audit.add(*audit.repaired, wall);
  desk_.audit.add(AgentStarted{.devices = desk_.config.device_names()}, wall);
  if (!desk_.knows_host()) desk_.emit(WriteLog{unknown_host_sentence(desk_.host_trouble())});
  settle(wall, now);
}

void Gate::Core::handle(Input&& input, WallTime wall, Instant now) {
  // Time comes first: whatever has arrived, a deadline that has passed is past.
  for (const auto& [id, each] : sessions_) each->handle_timeout(wall, now);
  std::visit([&](auto& each) { on(std::move(each), wall, now); }, input);
  settle(wall, now);
}

void Gate::Core::handle_timeout(WallTime wall, Instant now) {
  for (const auto& [id, each] : sessions_) each->handle_timeout(wall, now);
  settle(wall, now);
}

std::optional<Effect> Gate::Core::poll_effect() {
  if (desk_.effects.empty()) return std::nullopt;
  Effect effect = std::move(desk_.effects.front());
  desk_.effects.pop_front();
  return effect;
}

Session* Gate::Core::session(SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

// ---- what the edge reports --------------------------------------------------------------------------------------

void Gate::Core::on(ChildStarted&& started, WallTime wall, Instant now) {
  if (Session* of = session(started.session)) of->child_started(wall, now);
}
void Gate::Core::on(ChildFailed&& failed, WallTime wall, Instant now) {
  if (Session* of = session(failed.session)) of->child_failed(failed.why, wall, now);
}
void Gate::Core::on(ChildExited&& exited, WallTime wall, Instant now) {
  if (Session* of = session(exited.session)) of->child_exited(exited.how, wall, now);
}
void Gate::Core::on(ChildMessage&& message, WallTime wall, Instant now) {
  if (Session* of = session(message.session)) of->handle(message.message, wall, now);
}
void Gate::Core::on(ChildUnreachable&& child, WallTime wall, Instant now) {
  if (Session* of = session(child.session)) of->child_unreachable(child.why, wall, now);
}

void Gate::Core::on(UdpBound&& bound, WallTime, Instant) {
  if (Session* of = session(bound.session)) return of->handle(bound);
  if (bound.ipv4) desk_.emit(CloseHandle{*bound.ipv4});
  if (bound.ipv6) desk_.emit(CloseHandle{*bound.ipv6});
}

template <class TaskResult>
void Gate::Core::on(TaskResult&& result, WallTime wall, Instant now) {
  const auto task = desk_.tasks.find(result.task);
  Session* of = task == desk_.tasks.end() ? nullptr : session(task->second);
  if (task != desk_.tasks.end()) desk_.tasks.erase(task);
  if (of != nullptr) return of->handle(std::forward<TaskResult>(result), wall, now);
  if constexpr (std::is_same_v<std::remove_cvref_t<TaskResult>, Dialled>) desk_.emit(CloseHandle{result.socket});
}

void Gate::Core::on(AuditAppended&& appended, WallTime wall, Instant now) {
  desk_.audit.appended(appended.done, wall, now);
  for (const auto& [id, each] : sessions_) {
    if (appended.done) {
      each->records_written(wall, now);
    } else if (each->phase() != Session::Phase::checking) {
      each->end(audit_ending(), wall, now);
    }
  }
}

void Gate::Core::on(HostChanged&& changed, WallTime wall, Instant now) {
  if (changed.host ? desk_.knows_host() && *changed.host == desk_.host() : changed.host.error() == desk_.host_trouble())
    return;
  desk_.host_changed(std::move(changed.host));
  if (!desk_.knows_host()) desk_.emit(WriteLog{unknown_host_sentence(desk_.host_trouble())});
  for (const auto& [id, each] : sessions_) each->host_changed(wall, now);
}

void Gate::Core::on(StopRequested&&, WallTime wall, Instant now) {
  if (stopping_until_) return;
  stopping_until_ = now + stopping_max;
  for (const auto& [id, each] : sessions_) {
    each->end({.why = "the agent stopped", .code = ExitCode::failed, .sentence = "The agent is stopping.", .by = {}},
              wall, now);
  }
}

// ---- after each input -------------------------------------------------------------------------------------------

void Gate::Core::settle(WallTime wall, Instant now) {
  answer_openers();
  answer_extenders();
  remove_gone();
  answer_closers();
  tell_watchers(wall, now);
  if (stopping_until_ && sessions_.empty() && !stop_recorded_) {
    stop_recorded_ = true;
    desk_.audit.add(AgentStopped{}, wall);
  }
  if (auto append = desk_.audit.next(now)) desk_.emit(*std::move(append));
  const bool written = stop_recorded_ && (desk_.audit.empty() || !desk_.audit.works());
  if (stopping_until_ && !finished_ && (written || now >= *stopping_until_)) {
    finished_ = true;
    desk_.emit(Finished{});
  }
  plan_next_look(wall, now);
}

void Gate::Core::answer_openers() {
  for (const auto& [id, each] : sessions_) {
    // Whoever hears that it could not be opened may try again at once: the tunnel is gone by then.
    if (each->phase() == Session::Phase::closing && !each->is_stuck()) continue;
    auto verdict = each->take_verdict();
    if (!verdict) continue;
    const auto waiting = std::ranges::find(openers_, id, &std::pair<const CommandId, SessionId>::second);
    if (waiting == openers_.end()) continue;
    send_reply(waiting->first, *std::move(verdict));
    openers_.erase(waiting);
  }
}

void Gate::Core::answer_extenders() {
  std::erase_if(extenders_, [&](const auto& each) {
    Session* of = session(each.second);
    auto verdict = of == nullptr ? std::nullopt : of->take_extension_verdict();
    if (!verdict) return false;
    send_reply(each.first, *std::move(verdict));
    return true;
  });
}

void Gate::Core::remove_gone() {
  std::erase_if(sessions_, [](const auto& each) { return each.second->phase() == Session::Phase::gone; });
}

void Gate::Core::answer_closers() {
  for (auto closer = closers_.begin(); closer != closers_.end();) {
    bool stuck = false;
    std::erase_if(closer->second.waits_for, [&](SessionId id) { return session(id) == nullptr; });
    for (const SessionId id : closer->second.waits_for) stuck = stuck || session(id)->is_stuck();
    if (!stuck && !closer->second.waits_for.empty()) {
      ++closer;
      continue;
    }
    send_reply(closer->first,
               stuck ? reply(ExitCode::failed, "The tunnel was killed but is not gone; the system does not let it end.")
                     : reply(ExitCode::done, std::move(closer->second.text)));
    closer = closers_.erase(closer);
  }
}

void Gate::Core::tell_watchers(WallTime wall, Instant now) {
  std::optional<Reply> current;
  for (auto& [id, watcher] : watchers_) {
    watcher.stale = true;
    if (now < watcher.next) continue;
    if (!current) current = status(wall, now);
    watcher.next = now + watch_every;
    watcher.stale = false;
    Reply without_countdown = *current;
    for (DeviceStatus& device : *without_countdown.open) device.seconds_left = 0;
    if (watcher.told == without_countdown) continue;
    watcher.told = std::move(without_countdown);
    desk_.emit(SendUpdate{id, *current});
  }
}

void Gate::Core::plan_next_look(WallTime wall, Instant now) {
  next_look_.reset();
  const auto consider = [&](std::optional<Instant> at) {
    if (at && (!next_look_ || *at < *next_look_)) next_look_ = at;
  };
  for (const auto& [id, each] : sessions_) consider(each->next_timeout());
  if (const auto end = desk_.lock.next_end(wall, now)) consider(std::min(*end, now + look_every));
  consider(desk_.audit.retry_at());
  if (!watchers_.empty()) consider(desk_.audit.falls_behind_at(now));  // which they are told
  for (const auto& [id, watcher] : watchers_) {
    if (watcher.stale) consider(watcher.next);
  }
  if (stopping_until_ && !finished_) consider(stopping_until_);
}

}  // namespace quoin::gate

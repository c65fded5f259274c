#include "gate/session.h"

#include <algorithm>

#include "gate/calendar.h"
#include "gate/engineers.h"
#include "gate/sentences.h"
#include "gate/service_list.h"

namespace quoin::gate {

Session::Session(SessionId id, const DeviceConfig& device, Warrant warrant, Desk& desk, Instant now)
    : id_(id),
      device_(device),
      warrant_(std::move(warrant)),
      desk_(desk),
      flows_(device.name, desk.audit),
      recognition_(id, device, desk),
      endpoint_sockets_(id, desk),
      errands_(id, device, desk, admissions_, flows_, recognition_, endpoint_sockets_),
      opening_ends_(now + opening_max),
      messages_counted_(now) {}

// ---- from the command to an open door ---------------------------------------------------------------------------

void Session::begin(Instant now) {
  recognition_.check(now);
}

void Session::records_written(WallTime wall, Instant now) {
  if (phase_ == Phase::recording && desk_.audit.is_written(*grant_)) start(wall, now);
  if (phase_ != Phase::starting && phase_ != Phase::open) return;
  if (extension_ && desk_.audit.is_written(extension_->record)) extended(wall, now);
  if (phase_ == Phase::closing) return;
  errands_.records_written(wall, now);
  for (const auto& key : admissions_.newly_admitted(desk_.audit)) desk_.send(id_, pair::Admission{key, true});
}

void Session::start(WallTime wall, Instant now) {
  // The only place where a door opens.
  if (!desk_.lock.open(warrant_, wall, now)) return end(expired_ending(), wall, now);
  phase_ = Phase::starting;
  child_ = Child::asked_for;
  desk_.emit(StartChild{id_, device_.name, last_moment()});
}

void Session::child_started(WallTime wall, Instant now) {
  if (child_ != Child::asked_for) return;
  child_ = Child::running;
  if (phase_ != Phase::starting) return kill(now);
  if (past_deadline(wall, now)) return;
  introduce();
  desk_.emit(BindUdp{id_});
}

void Session::introduce() {
  const ControlConfig& control = desk_.config.control;
  desk_.send(id_,
             pair::Begin{.device_name = device_.name,
                         .control_host = control.host,
                         .control_port = control.port,
                         .control_tls = control.tls,
                         .server_key = control.server_key,
                         .services = warrant_.services,
                         .deadline = warrant_.ends,
                         .own_prefixes = desk_.own_prefixes(),
                         .allowed_private = desk_.config.relay.allow},
             {{DescriptorKind::control_roots}, {DescriptorKind::relay_roots}});
}

void Session::handle(const UdpBound& sockets) {
  if (child_ == Child::running && (phase_ == Phase::starting || phase_ == Phase::open)) {
    return endpoint_sockets_.bound(sockets);
  }
  for (const auto& socket : {sockets.ipv4, sockets.ipv6}) {
    if (socket) desk_.emit(CloseHandle{*socket});
  }
}

void Session::opened(WallTime wall, Instant now) {
  if (phase_ != Phase::starting || !registered_ || !online_) return;
  phase_ = Phase::open;
  may_warn_ = left(wall, now) > ends_soon;
  DeviceStatus now_open = status(wall, now);
  Reply reply;
  reply.text = opened_sentence(now_open, left(wall, now) + milliseconds(999));
  reply.open = std::vector{std::move(now_open)};
  verdict_ = std::move(reply);
}

Duration Session::left(WallTime wall, Instant now) const {
  return std::min(warrant_.ends - now, warrant_.ends_wall - wall);
}

// While something is open the gate looks at both clocks twice a second, so no timer of its own is needed.
void Session::warn_in_time(WallTime wall, Instant now) {
  if (phase_ != Phase::open || !may_warn_ || left(wall, now) > ends_soon) return;
  may_warn_ = false;
  desk_.emit(WriteLog{ends_soon_sentence(device_.name)});
}

// ---- a later end ------------------------------------------------------------------------------------------------

void Session::extend(Ends ends, std::string by, WallTime wall) {
  const AuditQueue::Ticket record = desk_.audit.add(WarrantExtended{.device = device_.name,
                                                                    .by = std::move(by),
                                                                    .until = calendar_text(ends.wall),
                                                                    .until_before = calendar_text(warrant_.ends_wall)},
                                                    wall);
  if (record == 0) {
    extension_verdict_ = reply(ExitCode::failed, device_.name + " was not extended: too many records wait for the " +
                                                     "audit file; try again in a moment.");
    return;
  }
  extension_ = {.ends = ends, .record = record};
  desk_.audit.hurry();
}

void Session::extended(WallTime wall, Instant now) {
  if (past_deadline(wall, now)) return;
  const Ends ends = extension_->ends;
  // The file says so already: what the clocks do not let come true ends the warrant.
  if (!desk_.lock.extend(device_.name, ends, wall, now)) return end(clocks_ending(), wall, now);
  extension_.reset();
  warrant_.ends = ends.at;
  warrant_.ends_wall = ends.wall;
  may_warn_ = left(wall, now) > ends_soon;
  desk_.emit(MoveChildsEnd{id_, last_moment()});
  desk_.send(id_, pair::Extend{warrant_.ends});
  DeviceStatus now_open = status(wall, now);
  Reply reply;
  reply.text = extended_sentence(now_open, left(wall, now) + milliseconds(999));
  reply.open = std::vector{std::move(now_open)};
  extension_verdict_ = std::move(reply);
}

// ---- ending -----------------------------------------------------------------------------------------------------

void Session::end(Ending ending, WallTime wall, Instant now) {
  leave(std::move(ending), false, wall, now);
}
void Session::end_and_kill(Ending ending, WallTime wall, Instant now) {
  leave(std::move(ending), true, wall, now);
}

void Session::leave(Ending&& ending, bool at_once, WallTime wall, Instant now) {
  if (phase_ == Phase::closing || phase_ == Phase::gone) {
    if (at_once) kill(now);
    return;
  }
  desk_.lock.close(device_.name);
  errands_.cancel_all(wall, now);
  endpoint_sockets_.end();
  recognition_.cancel_all();
  const bool granted = phase_ > Phase::recording || (grant_ && !desk_.audit.is_void(*grant_));
  if (granted) {
    desk_.audit.add(WarrantClosed{.device = device_.name,
                                  .why = ending.why,
                                  .by = ending.by,
                                  .flows = flows_.opened(),
                                  .flows_refused = flows_.attempts().count(),
                                  .admissions_refused_unwritten = admissions_.refused_without_room()},
                    wall);
  }
  if (std::exchange(extension_, std::nullopt)) {
    extension_verdict_ =
        reply(ExitCode::failed, device_.name + " ended while it was being extended: " + ending.why + ".");
  }
  if (is_opening()) verdict_ = reply(ending.code, std::move(ending.sentence));
  if (child_ == Child::none || child_ == Child::gone) return finish(wall, now);
  phase_ = Phase::closing;
  if (at_once || child_ != Child::running) return kill(now);
  desk_.send(id_, pair::Close{});
  kill_at_ = now + leaving_max;
  desk_.emit(
      MoveChildsEnd{id_, {std::min(*kill_at_, last_moment().at), std::min(wall + leaving_max, last_moment().wall)}});
}

void Session::kill(Instant now) {
  if (child_ != Child::running && child_ != Child::asked_for) return;
  desk_.emit(KillChild{id_});
  // One that is only being started may come up all the same; it is killed again then.
  if (child_ == Child::running) child_ = Child::killed;
  kill_at_.reset();
  doubt_at_ = now + kill_doubt;
}

void Session::finish(WallTime wall, Instant now) {
  errands_.cancel_all(wall, now);
  endpoint_sockets_.end();
  recognition_.cancel_all();
  flows_.end_all(wall);
  phase_ = Phase::gone;
  kill_at_.reset();
  doubt_at_.reset();
}

void Session::child_failed(const std::string& why, WallTime wall, Instant now) {
  if (child_ != Child::asked_for) return;
  child_ = Child::gone;
  end(tunnel_ending("it could not be started: " + why), wall, now);
  finish(wall, now);
}

void Session::child_exited(const std::string& how, WallTime wall, Instant now) {
  if (child_ == Child::none || child_ == Child::gone) return;
  child_ = Child::gone;
  if (!past_deadline(wall, now)) end(tunnel_ending(how), wall, now);
  finish(wall, now);
}

void Session::child_unreachable(const std::string& why, WallTime wall, Instant now) {
  if (child_ == Child::running) end_and_kill(tunnel_ending("it cannot be told anything: " + why), wall, now);
}

void Session::host_changed(WallTime wall, Instant now) {
  if (phase_ == Phase::closing || phase_ == Phase::gone) return;
  if (!desk_.knows_host()) {
    if (is_opening()) return end(unknown_host_ending(desk_.host_trouble()), wall, now);
    return sockets_are_void();
  }
  const auto refusal = guard_device(device_, desk_.host());
  if (refusal || !desk_.host_fits()) return trouble(Errands::Trouble::guard_refuses, wall, now);
  recognition_.host_changed(now);
  sockets_are_void();
}

void Session::sockets_are_void() {
  endpoint_sockets_.judge_anew();
  if (child_ == Child::running) desk_.send(id_, pair::OwnPrefixes{desk_.own_prefixes()});
}

// ---- time -------------------------------------------------------------------------------------------------------

bool Session::past_deadline(WallTime wall, Instant now) {
  if (phase_ != Phase::starting && phase_ != Phase::open) return false;
  if (desk_.lock.in_force(device_.name, wall, now) != nullptr) return false;
  end(expired_ending(), wall, now);
  return true;
}

void Session::handle_timeout(WallTime wall, Instant now) {
  if (past_deadline(wall, now)) return;
  warn_in_time(wall, now);
  if (recognition_.handle_timeout(now)) errands_.device_looked_at(wall, now);
  flows_.attempts().handle_timeout(wall, now);
  if (is_opening() && now >= opening_ends_) {
    const bool said = newest_problem_ && problems_.contains(*newest_problem_);
    if (phase_ == Phase::recording) return end(slow_audit_ending(), wall, now);
    end(said ? problem_ending(*newest_problem_, detail_of(*newest_problem_), desk_.config) : slow_ending(), wall, now);
  }
  if (kill_at_ && now >= *kill_at_) kill(now);
  if (doubt_at_ && now >= *doubt_at_) {
    doubt_at_.reset();
    stuck_ = true;
  }
}

std::optional<Instant> Session::next_timeout() const {
  std::optional<Instant> next = is_opening() ? std::optional(opening_ends_) : kill_at_ ? kill_at_ : doubt_at_;
  for (const auto& at : {recognition_.next_timeout(), flows_.attempts().next_timeout()}) {
    if (at && (!next || *at < *next)) next = at;
  }
  return next;
}

}  // namespace quoin::gate

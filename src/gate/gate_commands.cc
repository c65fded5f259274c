// How the gate judges what a person at the agent asks for.
#include <algorithm>

#include "gate/calendar.h"
#include "gate/duration_text.h"
#include "gate/engineers.h"
#include "gate/gate_core.h"
#include "gate/sentences.h"
#include "gate/service_list.h"
#include "pair/text.h"

namespace quoin::gate {
namespace {

std::string quoted(std::string_view text) {
  return "\"" + pair::printable(text, 80) + "\"";
}

}  // namespace

bool RefusalBudget::take(Instant now) {
  const auto earned = static_cast<std::uint64_t>(std::clamp<std::int64_t>((now - counted_) / each, 0, burst));
  if (earned > 0) {
    left_ = std::min(burst, left_ + earned);
    counted_ = now;
  }
  if (left_ == 0) {
    suppressed_++;
    return false;
  }
  left_--;
  return true;
}

void Gate::Core::refuse(CommandId id, const Caller& caller, std::string command, std::string device, Refused refused,
                        WallTime wall, Instant now) {
  if (refusals_.take(now)) {
    desk_.audit.add(CommandRefused{.command = std::move(command),
                                   .device = std::move(device),
                                   .by = caller.name,
                                   .why = refused.sentence,
                                   .suppressed = refusals_.take_suppressed()},
                    wall);
  }
  send_reply(id, reply(refused.code, std::move(refused.sentence)));
}

void Gate::Core::on(CommandArrived&& command, WallTime wall, Instant now) {
  if (!command.caller.may_command()) {
    return refuse(command.command, command.caller, "any", "",
                  {ExitCode::refused, "Only root and members of the group quoin may do this."}, wall, now);
  }
  if (command.overtaken && command.request && !std::holds_alternative<CloseRequest>(*command.request) &&
      !std::holds_alternative<StatusRequest>(*command.request)) {
    return refuse(command.command, command.caller, "any", "",
                  {ExitCode::refused,
                   "Somebody closed a device after this was asked for, while the agent did not answer; ask again if it "
                   "is still wanted."},
                  wall, now);
  }
  if (!command.request) return send_reply(command.command, reply(ExitCode::wrong_usage, command.request.error()));
  if (openers_.size() + extenders_.size() + closers_.size() >= commands_waiting_max) {
    return send_reply(command.command, reply(ExitCode::failed, "Too many commands are waiting; try again."));
  }
  std::visit([&](const auto& request) { run(command.command, command.caller, request, wall, now); }, *command.request);
}

void Gate::Core::on(CommandGone&& command, WallTime wall, Instant now) {
  closers_.erase(command.command);
  watchers_.erase(command.command);
  extenders_.erase(command.command);  // what was asked for stays asked for; status shows it
  const auto opener = openers_.find(command.command);
  if (opener == openers_.end()) return;
  // Whoever asked would not know that it is open.
  if (Session* of = session(opener->second)) {
    of->end({.why = "the person who was opening it hung up", .code = ExitCode::failed, .sentence = {}, .by = {}}, wall,
            now);
  }
  openers_.erase(opener);
}

std::map<SessionId, std::unique_ptr<Session>>::iterator Gate::Core::session_of(const std::string& device) {
  return std::ranges::find_if(sessions_, [&](const auto& each) { return each.second->device() == device; });
}

// ---- open -------------------------------------------------------------------------------------------------------

void Gate::Core::run(CommandId id, const Caller& caller, const OpenRequest& request, WallTime wall, Instant now) {
  auto warrant = judge(caller, request, wall, now);
  if (!warrant) return refuse(id, caller, "open", request.device, std::move(warrant.error()), wall, now);
  const SessionId session = ++last_session_;
  const DeviceConfig& device = *desk_.config.device(warrant->device);
  const auto added =
      sessions_.emplace(session, std::make_unique<Session>(session, device, *std::move(warrant), desk_, now));
  openers_.emplace(id, session);
  added.first->second->begin(now);
}

Result<Warrant, Gate::Core::Refused> Gate::Core::judge(const Caller& caller, const OpenRequest& request, WallTime wall,
                                                       Instant now) {
  const auto refused = [](ExitCode code, std::string sentence) { return failure(Refused{code, std::move(sentence)}); };
  if (stopping_until_) return refused(ExitCode::failed, "The agent is stopping.");
  const DeviceConfig* device = TRY(device_named(request.device));
  const Duration lasts = TRY(time_asked_for(request.lasts));
  auto services = request.services ? parse_services(*request.services) : usual_services();
  if (!services) return refused(ExitCode::wrong_usage, std::move(services.error()));
  auto engineers = TRY(narrow_engineers(request.engineers));
  if (request.reason.size() > reason_bytes_max || !pair::is_printable(request.reason)) {
    return refused(ExitCode::wrong_usage,
                   "The reason must be one line of at most " + std::to_string(reason_bytes_max) + " bytes.");
  }
  if (const auto open = session_of(device->name); open != sessions_.end()) {
    const Session& other = *open->second;
    if (other.phase() == Session::Phase::closing) {
      return refused(ExitCode::refused, device->name + " is being closed; try again in a moment.");
    }
    return refused(ExitCode::refused, device->name + " is already open until " +
                                          calendar_text(other.warrant().ends_wall) + ", by " +
                                          other.warrant().opened_by + "; close it first.");
  }
  if (!desk_.knows_host()) {
    return refused(ExitCode::failed, device->name + " was not opened: " + unknown_host_sentence(desk_.host_trouble()) +
                                         "; see to the agent's rights and /etc/resolv.conf.");
  }
  if (const auto refusal = guard_device(*device, desk_.host())) {
    return refused(ExitCode::refused, "The device may not be dialled: " + sentence_of(*refusal, device->address) + ".");
  }
  if (!desk_.host_fits()) {
    return refused(ExitCode::failed, "This host has more than " + std::to_string(path::EndpointGuard::prefixes_max) +
                                         " networks, too many to keep a tunnel out of; run the agent elsewhere.");
  }
  Warrant warrant{.device = device->name,
                  .services = *std::move(services),
                  .engineers = std::move(engineers),
                  .opened_by = pair::printable(caller.name, 64),
                  .reason = request.reason,
                  .ends = now + lasts,
                  .ends_wall = wall + lasts};
  if (!desk_.lock.may_open(warrant, wall, now)) {
    return refused(ExitCode::failed, device->name + " cannot be opened: the lock refuses; check the clock.");
  }
  return warrant;
}

Result<const DeviceConfig*, Gate::Core::Refused> Gate::Core::device_named(const std::string& name) const {
  if (const DeviceConfig* device = desk_.config.device(name)) return device;
  std::string names;
  for (const std::string& each : desk_.config.device_names()) names += (names.empty() ? "" : ", ") + each;
  return failure(Refused{ExitCode::wrong_usage,
                         "There is no device " + quoted(name) + "; the configuration names " + names + "."});
}

Result<Duration, Gate::Core::Refused> Gate::Core::time_asked_for(const std::string& text) const {
  const auto lasts = parse_duration(text);
  if (!lasts || *lasts <= Duration(0)) {
    return failure(Refused{ExitCode::wrong_usage, quoted(text) + " is not a time to be open; say 45s, 30m or 4h."});
  }
  const Duration longest = desk_.config.warrant.longest;
  if (*lasts <= longest) return *lasts;
  return failure(Refused{ExitCode::refused, pair::printable(text, 40) +
                                                " is longer than warrant.longest allows; ask for " +
                                                duration_text(longest) + " at most."});
}

Result<std::vector<std::string>, Gate::Core::Refused> Gate::Core::narrow_engineers(
    const std::vector<std::string>& named) const {
  const std::vector<std::string>& allowed = desk_.config.warrant.engineers;
  if (named.empty()) return allowed;
  if (named.size() > engineers_max) {
    return failure(Refused{ExitCode::wrong_usage,
                           "At most " + std::to_string(engineers_max) + " engineers can be named at once."});
  }
  for (const std::string& login : named) {
    if (!is_login(login)) return failure(Refused{ExitCode::wrong_usage, quoted(login) + " is not a login name."});
    const bool known = login == every_person ? names_everyone(allowed) : names_person(allowed, login);
    if (!known) {
      return failure(Refused{ExitCode::refused, login + " is not among warrant.engineers of the configuration."});
    }
  }
  return named;
}

// ---- extend -----------------------------------------------------------------------------------------------------

void Gate::Core::run(CommandId id, const Caller& caller, const ExtendRequest& request, WallTime wall, Instant now) {
  auto extended = judge(request, wall, now);
  if (!extended) return refuse(id, caller, "extend", request.device, std::move(extended.error()), wall, now);
  const auto of = session_of(request.device);
  extenders_.emplace(id, of->first);
  extended->session->extend(extended->ends, pair::printable(caller.name, 64), wall);
}

Result<Gate::Core::Extended, Gate::Core::Refused> Gate::Core::judge(const ExtendRequest& request, WallTime wall,
                                                                    Instant now) {
  const auto refused = [](ExitCode code, std::string sentence) { return failure(Refused{code, std::move(sentence)}); };
  if (stopping_until_) return refused(ExitCode::failed, "The agent is stopping.");
  const DeviceConfig* device = TRY(device_named(request.device));
  const Duration lasts = TRY(time_asked_for(request.lasts));
  const auto found = session_of(device->name);
  if (found == sessions_.end()) {
    return refused(ExitCode::refused, device->name + " is not open, so it cannot be extended; open it.");
  }
  Session& session = *found->second;
  if (session.phase() != Session::Phase::open || session.is_being_extended()) {
    const char* what = session.phase() == Session::Phase::closing ? "closed"
                       : session.is_being_extended()              ? "extended by somebody else"
                                                                  : "opened";
    return refused(ExitCode::refused, device->name + " is just being " + what + "; try again in a moment.");
  }
  const Ends ends{now + lasts, wall + lasts};
  const auto allowed = desk_.lock.may_extend(device->name, ends, wall, now);
  if (allowed) return Extended{&session, ends};
  if (allowed.error() == Lock::Refusal::no_later) {
    return refused(ExitCode::refused, device->name + " is open until " + calendar_text(session.warrant().ends_wall) +
                                          " anyway, and an extension never shortens: to end it earlier, close it.");
  }
  return refused(ExitCode::failed, device->name + " cannot be extended: the lock refuses; check the clock.");
}

// ---- close and status -------------------------------------------------------------------------------------------

void Gate::Core::run(CommandId id, const Caller& caller, const CloseRequest& request, WallTime wall, Instant now) {
  if (request.device && desk_.config.device(*request.device) == nullptr) {
    return refuse(id, caller, "close", *request.device,
                  {ExitCode::wrong_usage, "There is no device " + quoted(*request.device) + "; see status."}, wall,
                  now);
  }
  Closer closer;
  for (const auto& [session_id, each] : sessions_) {
    if (request.device && each->device() != *request.device) continue;
    each->end({.why = "a person closed it",
               .code = ExitCode::failed,
               .sentence = each->device() + " was closed by " + caller.name + " while it was opening.",
               .by = pair::printable(caller.name, 64)},
              wall, now);
    closer.waits_for.insert(session_id);
    closer.text += (closer.text.empty() ? "" : "\n") + each->device() + " is closed.";
  }
  if (closer.waits_for.empty()) {
    return send_reply(id, reply(ExitCode::done, request.device ? *request.device + " was not open."
                                                               : std::string("Nothing was open.")));
  }
  closers_.emplace(id, std::move(closer));
}

void Gate::Core::run(CommandId id, const Caller&, const StatusRequest& request, WallTime wall, Instant now) {
  if (!request.watch) return send_reply(id, status(wall, now));
  if (watchers_.size() >= watchers_max) {
    return send_reply(id, reply(ExitCode::refused, "Already " + std::to_string(watchers_max) +
                                                       " watch the status, which is as many as may; end one of them."));
  }
  watchers_.emplace(id, Watcher{.told = {}, .next = now, .stale = true});  // told at once, since nothing was told yet
}

Reply Gate::Core::status(WallTime wall, Instant now) const {
  Reply out;
  out.open.emplace();
  for (const auto& [session_id, each] : sessions_) out.open->push_back(each->status(wall, now));
  std::ranges::sort(*out.open, {}, &DeviceStatus::device);
  out.devices = desk_.config.device_names();
  const std::string folder = desk_.config.state_dir + "/";
  out.audit_file = folder + audit_file_name(1);
  out.audit_head = folder + std::string(audit_head_name);
  out.audit_works = desk_.audit.keeps_up(now);
  out.text = status_text(out);
  return out;
}

}  // namespace quoin::gate

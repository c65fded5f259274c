// What a session does with what is found out about its device: opens on it, holds new connections back, or ends.
#include "gate/calendar.h"
#include "gate/sentences.h"
#include "gate/service_list.h"
#include "gate/session.h"

namespace quoin::gate {

void Session::handle(NeighboursFound&& result, WallTime wall, Instant now) {
  if (!errands_.awaits(result)) return found(recognition_.handle(result, now), wall, now);
  if (past_deadline(wall, now)) return;
  if (const auto finding = errands_.handle(result, wall, now)) another(*finding, wall, now);
}
void Session::handle(SerialRead&& result, WallTime wall, Instant now) {
  found(recognition_.handle(result, now), wall, now);
}
void Session::handle(Dialled&& result, WallTime wall, Instant now) {
  // The door may have shut while the device took its time to answer.
  if (past_deadline(wall, now)) return desk_.emit(CloseHandle{result.socket});
  if (endpoint_sockets_.handle(result)) return;
  trouble(errands_.handle(result, wall, now), wall, now);
}
void Session::handle(DialFailed&& result, WallTime wall, Instant now) {
  if (endpoint_sockets_.handle(result)) return;
  trouble(errands_.handle(result, wall, now), wall, now);
}

void Session::found(const std::optional<Finding>& finding, WallTime wall, Instant now) {
  if (past_deadline(wall, now)) return;
  if (finding) {
    if (is_another(finding->kind)) return another(*finding, wall, now);
    if (is_silence(finding->kind)) {
      silent(*finding, wall, now);
    } else {
      recognised(wall);
    }
  }
  errands_.device_looked_at(wall, now);
}

void Session::recognised(WallTime wall) {
  if (std::exchange(silence_, std::nullopt)) desk_.emit(WriteLog{recognised_again_sentence(device_)});
  if (phase_ != Phase::checking) return;
  phase_ = Phase::recording;
  grant_ = desk_.audit.add(WarrantOpened{.device = device_.name,
                                         .address = device_.address.text(),
                                         .mac = text_of(device_.macs),
                                         .services = service_names(warrant_.services),
                                         .engineers = warrant_.engineers,
                                         .opened_by = warrant_.opened_by,
                                         .reason = warrant_.reason,
                                         .until = calendar_text(warrant_.ends_wall),
                                         .serial = device_.serial.value_or("")},
                           wall);
  desk_.audit.hurry();
}

// It may be asleep, or starting anew: the warrant stays, and so does what is connected.
void Session::silent(const Finding& finding, WallTime wall, Instant now) {
  const Finding::Kind kind = finding.kind;
  if (phase_ == Phase::checking) return end(silent_ending(device_, finding), wall, now);
  if (silence_ && silence_->kind == kind) return;
  silence_ = {.kind = kind, .since = wall};
  desk_.emit(WriteLog{device_.name + " is silent, and nothing new is connected to it; quoin-agent status says more"});
}

void Session::another(const Finding& finding, WallTime wall, Instant now) {
  Ending ending = other_device_ending(device_, finding);
  if (phase_ != Phase::checking)
    desk_.emit(
        WriteLog{device_.name + " is closed, for another device answers at its address; the audit file says which"});
  errands_.device_looked_at(wall, now);
  end(std::move(ending), wall, now);
}

void Session::finished(const pair::FlowClosed& report, WallTime wall) {
  if (const auto flow = flows_.closed(report, wall)) {
    errands_.port_trouble().ended(flow->transport, flow->port, report.bytes_to_device, report.bytes_to_engineer, wall);
  }
}

std::string Session::device_problem() const {
  if (!desk_.knows_host()) return unknown_host_sentence(desk_.host_trouble());
  if (silence_) return silence_sentence(device_, silence_->kind, silence_->since);
  return errands_.port_trouble().sentence(device_.name);
}

}  // namespace quoin::gate

// What becomes of a socket that was connected to the device: its flow is written down, and then it is handed over,
// unless the hardware address that this host's kernel sends to has become another one meanwhile.
#include "gate/errands.h"

namespace quoin::gate {

Errands::Trouble Errands::handle(const Dialled& result, WallTime wall, Instant now) {
  if (const auto dial = finish<ServiceDial>(result.task)) {
    recognition_.dial_answered();
    port_trouble_.connected(dial->transport, dial->port);
    const AuditQueue::Ticket record =
        flows_.open(dial->request, dial->engineer, dial->transport, dial->port, dial->service, wall);
    const HandOver connected{dial->request, result.socket};
    if (record == 0) {
      note_failed(*dial, Outcome::too_many, wall, now);
      drop(connected, pair::Unanswered::too_many);
    } else if (desk_.audit.is_written(record)) {
      look_before(connected);
    } else {
      awaiting_record_.push_back({record, connected});
    }
  } else if (const auto server = finish<ServerDial>(result.task)) {
    owed_.erase(server->request);
    proxy_refusal(server->server).reset();
    desk_.send(session_, pair::Connected{server->request}, {{DescriptorKind::handle, result.socket}});
  } else {
    desk_.emit(CloseHandle{result.socket});
  }
  return Trouble::none;
}

void Errands::look_before(const HandOver& connected) {
  if (!recognition_.needs_glance()) return hand_over(connected);
  const TaskId task = desk_.new_task(session_);
  errands_.emplace(task, connected);
  desk_.emit(LookupNeighbour{task, device_.address, Recognition::neighbour_timeout, Neighbours::in_use});
}

std::optional<Finding> Errands::handle(const NeighboursFound& result, WallTime wall, Instant now) {
  const auto connected = finish<HandOver>(result.task);
  if (!connected) return std::nullopt;
  Finding finding = recognition_.judge_in_use(result.macs);
  if (finding.kind == Finding::Kind::described) {
    hand_over(*connected);
    return std::nullopt;
  }
  flows_.closed({connected->request, 0, 0}, wall);
  drop(*connected, is_another(finding.kind) ? pair::Unanswered::identity_changed : pair::Unanswered::unreachable);
  if (is_another(finding.kind)) return finding;
  recognition_.dial_failed(now);
  return std::nullopt;
}

void Errands::hand_over(const HandOver& connected) {
  // The tunnel may have said meanwhile that it is over.
  if (!flows_.has(connected.request)) return drop(connected, pair::Unanswered::not_allowed);
  owed_.erase(connected.request);
  desk_.send(session_, pair::Connected{connected.request}, {{DescriptorKind::handle, connected.socket}});
}

void Errands::drop(const HandOver& connected, pair::Unanswered why) {
  desk_.emit(CloseHandle{connected.socket, true});
  fail(connected.request, why);
}

}  // namespace quoin::gate

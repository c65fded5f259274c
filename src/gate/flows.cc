#include "gate/flows.h"

#include <algorithm>

namespace quoin::gate {

bool Flows::may_open(const std::string& engineer, pair::Transport transport, Instant now) {
  const bool leaves_some = transport == pair::Transport::udp;
  return engineers_[engineer].budget.take(now, leaves_some ? opened_of_one_burst / 4 : 0) &&
         budget_.take(now, leaves_some ? opened_burst / 4 : 0);
}

std::size_t Flows::open_of(const std::string& engineer) const {
  const auto found = engineers_.find(engineer);
  return found == engineers_.end() ? 0 : found->second.open;
}

std::size_t Flows::open_to(std::uint16_t tcp_port) const {
  return static_cast<std::size_t>(std::ranges::count_if(open_, [&](const auto& each) {
    return each.second.record.transport == "tcp" && each.second.record.port == tcp_port;
  }));
}

bool Flows::has_tcp(const std::string& engineer, std::uint16_t port) const {
  return std::ranges::any_of(open_, [&](const auto& each) {
    const FlowEnded& record = each.second.record;
    return record.engineer == engineer && record.transport == "tcp" && record.port == port;
  });
}

AuditQueue::Ticket Flows::open(pair::RequestId id, const std::string& engineer, pair::Transport transport,
                               std::uint16_t port, std::string service, WallTime wall) {
  Flow flow;
  flow.record.engineer = engineer;
  flow.record.service = std::move(service);
  flow.record.transport = transport == pair::Transport::tcp ? "tcp" : "udp";
  flow.record.port = port;
  return add(id, std::move(flow), wall);
}

AuditQueue::Ticket Flows::open_ping(pair::RequestId id, const std::string& engineer, WallTime wall) {
  if (const auto series = pings_.find(engineer); series != pings_.end()) return open_.at(series->second).opening;
  if (full()) return 0;
  Flow flow;
  flow.is_ping = true;
  flow.record.engineer = engineer;
  flow.record.service = "ping";
  flow.record.transport = "icmp";
  flow.record.bytes_to_device = 0;
  flow.record.bytes_to_engineer = 0;
  flow.record.echoes.emplace();
  const AuditQueue::Ticket opening = add(id, std::move(flow), wall);
  if (opening != 0) pings_.emplace(engineer, id);
  return opening;
}

FlowEnded* Flows::pings_of(const std::string& engineer, AuditQueue::Ticket opening) {
  const auto series = pings_.find(engineer);
  if (series == pings_.end()) return nullptr;
  Flow& flow = open_.at(series->second);
  return flow.opening == opening ? &flow.record : nullptr;
}

bool Flows::count_ping(const std::string& engineer, AuditQueue::Ticket opening, std::uint64_t bytes) {
  FlowEnded* record = pings_of(engineer, opening);
  if (record == nullptr) return false;
  record->echoes->requests++;
  *record->bytes_to_device += bytes;
  return true;
}

bool Flows::count_answer(const std::string& engineer, AuditQueue::Ticket opening, std::uint64_t bytes) {
  FlowEnded* record = pings_of(engineer, opening);
  if (record == nullptr) return false;
  record->echoes->answers++;
  *record->bytes_to_engineer += bytes;
  return true;
}

AuditQueue::Ticket Flows::add(pair::RequestId id, Flow flow, WallTime wall) {
  FlowEnded& record = flow.record;
  record.device = device_;
  record.flow = opened_ + 1;
  flow.opening = audit_.add(FlowOpened{.device = device_,
                                       .engineer = record.engineer,
                                       .service = record.service,
                                       .transport = record.transport,
                                       .port = record.port,
                                       .flow = record.flow},
                            wall);
  const AuditQueue::Ticket opening = flow.opening;
  if (opening == 0) return 0;
  opened_++;
  engineers_[record.engineer].open++;
  open_.emplace(id, std::move(flow));
  return opening;
}

std::optional<FlowEnded> Flows::closed(const pair::FlowClosed& report, WallTime wall) {
  const auto found = open_.find(report.request);
  if (found == open_.end())
    return std::nullopt;  // it was never opened, or the answer and the end of the request crossed
  Flow& flow = found->second;
  engineers_[flow.record.engineer].open--;
  if (flow.is_ping) {
    pings_.erase(flow.record.engineer);  // the gate has counted these itself
  } else {
    flow.record.bytes_to_device = report.bytes_to_device;
    flow.record.bytes_to_engineer = report.bytes_to_engineer;
  }
  FlowEnded record = std::move(flow.record);
  open_.erase(found);
  audit_.add(record, wall);
  return record;
}

void Flows::end_all(WallTime wall) {
  for (auto& [id, flow] : open_) audit_.add(std::move(flow.record), wall);
  open_.clear();
  pings_.clear();
  engineers_.clear();
  attempts_.flush(wall);
}

}  // namespace quoin::gate

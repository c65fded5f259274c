#include "gate/audit_queue.h"

#include <algorithm>
#include <set>

namespace quoin::gate {
namespace {

// What stays after an append that failed: everything but grants, which then did not come about, and the ends of such.
template <class Queue>
Queue without_grants(Queue&& queue) {
  std::set<std::string> never_opened;
  Queue kept;
  for (auto& waiting : queue) {
    const auto* opened = std::get_if<WarrantOpened>(&waiting.record);
    const auto* closed = std::get_if<WarrantClosed>(&waiting.record);
    if (opened != nullptr) never_opened.insert(opened->device);
    const bool never = opened != nullptr || std::holds_alternative<EngineerAdmitted>(waiting.record) ||
                       std::holds_alternative<WarrantExtended>(waiting.record) ||
                       (closed != nullptr && never_opened.erase(closed->device) > 0);
    if (!never) kept.push_back(std::move(waiting));
  }
  return kept;
}

}  // namespace

AuditQueue::Ticket AuditQueue::add(AuditRecord record, WallTime wall) {
  if (queue_.size() >= records_max) {
    lost_++;
    return 0;
  }
  if (needs_sync(record)) newest_grave_ = next_ticket_;
  queue_.push_back({next_ticket_, std::move(record), wall});
  return next_ticket_++;
}

std::optional<AppendAudit> AuditQueue::next(Instant now) {
  if (under_way_ > 0 || queue_.empty() || (retry_at_ && now < *retry_at_)) return std::nullopt;
  retry_at_.reset();
  // The first record of a file goes alone: a crash between it and its head can then be told from a missing head.
  const std::size_t count = last_.sequence == 0 ? 1 : std::min(queue_.size(), batch_records_max);
  AppendAudit append{.lines = {}, .head = {}, .sync = false};
  last_after_ = last_;
  for (std::size_t i = 0; i < count; i++) {
    AuditLine line = next_line(last_after_, queue_[i].record, queue_[i].wall);
    append.lines += line.line;
    append.sync = append.sync || needs_sync(queue_[i].record);
    last_after_ = std::move(line.head);
  }
  append.head = last_after_.text();
  under_way_ = count;
  begun_ = now;
  return append;
}

void AuditQueue::appended(bool done, WallTime wall, Instant now) {
  if (under_way_ == 0) return;
  if (done) {
    last_ = last_after_;
    written_ = queue_[under_way_ - 1].ticket;
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(under_way_));
    if (lost_ > 0) add(RecordsLost{std::exchange(lost_, 0)}, wall);
  } else {
    void_below_ = next_ticket_;
    queue_ = without_grants(std::move(queue_));
    retry_at_ = now + retry_after;
  }
  works_ = done;
  under_way_ = 0;
}

}  // namespace quoin::gate

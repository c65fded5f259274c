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
  const std::size_t count_max = place_.last.sequence == 0 ? 1 : std::min(queue_.size(), batch_records_max);
  AppendAudit append{.file = place_.file, .lines = {}, .head = {}, .sync = false};
  place_after_ = place_;
  const auto add_line = [&](AuditLine line, bool sync) {
    append.lines += line.line;
    append.sync = append.sync || sync;
    place_after_.bytes += line.line.size();
    place_after_.last = std::move(line.head);
  };
  if (begins_file(next_line(place_.last, queue_.front().record, queue_.front().wall).line.size())) {
    // A crash may have left the file that was to be begun, with nothing in it.
    AuditPlace before = place_;
    if (place_.bytes == 0) {
      before.file--;
    } else {
      append.file = ++place_after_.file;
    }
    place_after_.bytes = 0;
    add_line(next_line(place_.last, continuation(before), queue_.front().wall), true);
  }
  under_way_ = 0;
  while (under_way_ < count_max) {
    const Waiting& waiting = queue_[under_way_];
    AuditLine line = next_line(place_after_.last, waiting.record, waiting.wall);
    if (under_way_ > 0 && place_after_.bytes + line.line.size() > file_bytes_max_) break;
    add_line(std::move(line), needs_sync(waiting.record));
    under_way_++;
  }
  append.head = place_after_.last.text();
  begun_ = now;
  return append;
}

bool AuditQueue::begins_file(std::size_t line_bytes) const {
  if (place_.last.sequence == 0) return false;
  if (place_.bytes == 0) return place_.file > 1;
  return place_.bytes + line_bytes > file_bytes_max_ && place_.file < audit_files_max;
}

void AuditQueue::appended(bool done, WallTime wall, Instant now) {
  if (under_way_ == 0) return;
  if (done) {
    place_ = place_after_;
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

// The records on their way to the audit file. One append is under way at a time, so that a failed one leaves the chain
// where it was: its records are written again later, except grants, which then never came about. Here is also decided
// when the next file is begun.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "gate/audit_chain.h"
#include "gate/effects.h"

namespace quoin::gate {

class AuditQueue {
 public:
  using Ticket = std::uint64_t;
  static constexpr std::size_t records_max = 16 * 1024;
  static constexpr std::size_t batch_records_max = 64;
  static constexpr Duration retry_after = seconds(5);
  static constexpr Duration slow_after = seconds(5);  // a disk that takes longer for one append does not keep up

  // A file holds no more than file_bytes_max, or one line.
  AuditQueue(AuditPlace place, std::uint64_t file_bytes_max)
      : place_(std::move(place)), file_bytes_max_(file_bytes_max) {}

  Ticket add(AuditRecord record, WallTime wall);
  void hurry() { retry_at_.reset(); }  // a person is waiting: do not sit out the pause after a failure
  std::optional<AppendAudit> next(Instant now);
  void appended(bool done, WallTime wall, Instant now);

  bool is_written(Ticket ticket) const { return ticket >= void_below_ && ticket <= written_; }
  // The newest record that must be on disk: nothing that was asked for after it begins before it is written.
  Ticket newest_grave() const { return newest_grave_; }
  bool is_void(Ticket ticket) const { return ticket < void_below_; }  // an append failed before it was written
  bool works() const { return works_; }
  bool keeps_up(Instant now) const { return works_ && (under_way_ == 0 || now < begun_ + slow_after); }
  // When it will not keep up any more, if the append under way takes that long.
  std::optional<Instant> falls_behind_at(Instant now) const {
    const bool is_ahead = works_ && under_way_ > 0 && now < begun_ + slow_after;
    return is_ahead ? std::optional(begun_ + slow_after) : std::nullopt;
  }
  bool busy() const { return queue_.size() > records_max / 8 * 3; }  // no time for new flows of datagrams
  bool crowded() const { return queue_.size() > records_max / 2; }   // nor for connections
  bool empty() const { return queue_.empty(); }
  std::optional<Instant> retry_at() const { return queue_.empty() || under_way_ > 0 ? std::nullopt : retry_at_; }

 private:
  struct Waiting {
    Ticket ticket;
    AuditRecord record;
    WallTime wall;
  };

  bool begins_file(std::size_t line_bytes) const;

  AuditPlace place_;        // behind what is in the file
  AuditPlace place_after_;  // behind what will be, when the append under way is done
  std::uint64_t file_bytes_max_;
  std::deque<Waiting> queue_;
  std::size_t under_way_ = 0;  // how many of the first ones
  Instant begun_;              // that append
  Ticket next_ticket_ = 1;
  Ticket written_ = 0;
  Ticket newest_grave_ = 0;
  Ticket void_below_ = 1;
  std::uint64_t lost_ = 0;
  bool works_ = true;
  std::optional<Instant> retry_at_;
};

}  // namespace quoin::gate

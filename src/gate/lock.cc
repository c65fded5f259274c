#include "gate/lock.h"

#include <algorithm>

namespace quoin::gate {
namespace {

bool over(const Warrant& warrant, WallTime wall, Instant now) {
  return now >= warrant.ends || wall >= warrant.ends_wall;
}

// Whether `end` is more than `longest` after `start`, without overflow at the ends of either clock's range.
template <class Point>
bool beyond(Point end, Point start, Duration longest) {
  return start <= Point::max() - longest && end > start + longest;
}

// What is left until the earlier of two ends that both lie ahead.
Duration left_until(Instant ends, WallTime ends_wall, WallTime wall, Instant now) {
  return std::min(ends - now, ends_wall - wall);
}

}  // namespace

Lock::Lock(std::vector<std::string> devices, Duration longest)
    : devices_(std::move(devices)), longest_(std::clamp(longest, Duration(0), longest_ever)) {}

Result<void, Lock::Refusal> Lock::may_open(const Warrant& warrant, WallTime wall, Instant now) {
  const bool already_open = in_force(warrant.device, wall, now) != nullptr;
  if (std::ranges::find(devices_, warrant.device) == devices_.end()) return failure(Refusal::unknown_device);
  if (already_open) return failure(Refusal::already_open);
  if (over(warrant, wall, now)) return failure(Refusal::no_time);
  if (beyond(warrant.ends, now, longest_) || beyond(warrant.ends_wall, wall, longest_)) {
    return failure(Refusal::too_long);
  }
  return {};
}

Result<void, Lock::Refusal> Lock::open(Warrant warrant, WallTime wall, Instant now) {
  if (const auto allowed = may_open(warrant, wall, now); !allowed) return allowed;
  std::string device = warrant.device;
  open_.insert_or_assign(std::move(device), std::move(warrant));
  return {};
}

void Lock::close(std::string_view device) {
  if (const auto found = open_.find(device); found != open_.end()) open_.erase(found);
}

Result<void, Lock::Refusal> Lock::may_extend(std::string_view device, Ends ends, WallTime wall, Instant now) {
  const Warrant* warrant = in_force(device, wall, now);
  if (warrant == nullptr) return failure(Refusal::not_open);
  if (ends.at <= now || ends.wall <= wall) return failure(Refusal::no_time);
  if (beyond(ends.at, now, longest_) || beyond(ends.wall, wall, longest_)) return failure(Refusal::too_long);
  // Both are near enough by now for the sums not to overflow.
  if (left_until(ends.at, ends.wall, wall, now) <= left_until(warrant->ends, warrant->ends_wall, wall, now)) {
    return failure(Refusal::no_later);
  }
  return {};
}

Result<void, Lock::Refusal> Lock::extend(std::string_view device, Ends ends, WallTime wall, Instant now) {
  if (const auto allowed = may_extend(device, ends, wall, now); !allowed) return allowed;
  Warrant& warrant = open_.find(device)->second;
  warrant.ends = ends.at;
  warrant.ends_wall = ends.wall;
  return {};
}

const Warrant* Lock::in_force(std::string_view device, WallTime wall, Instant now) {
  std::erase_if(open_, [&](const auto& each) { return over(each.second, wall, now); });
  const auto found = open_.find(device);
  return found == open_.end() ? nullptr : &found->second;
}

std::optional<Instant> Lock::next_end(WallTime wall, Instant now) const {
  std::optional<Instant> next;
  for (const auto& [device, warrant] : open_) {
    const Duration left =
        over(warrant, wall, now) ? Duration(0) : left_until(warrant.ends, warrant.ends_wall, wall, now);
    if (!next || now + left < *next) next = now + left;
  }
  return next;
}

}  // namespace quoin::gate

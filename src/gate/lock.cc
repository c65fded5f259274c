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

const Warrant* Lock::in_force(std::string_view device, WallTime wall, Instant now) {
  std::erase_if(open_, [&](const auto& each) { return over(each.second, wall, now); });
  const auto found = open_.find(device);
  return found == open_.end() ? nullptr : &found->second;
}

std::optional<Instant> Lock::next_end(WallTime wall, Instant now) const {
  std::optional<Instant> next;
  for (const auto& [device, warrant] : open_) {
    const Duration left =
        over(warrant, wall, now) ? Duration(0) : std::min(warrant.ends - now, warrant.ends_wall - wall);
    if (!next || now + left < *next) next = now + left;
  }
  return next;
}

}  // namespace quoin::gate

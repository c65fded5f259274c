#include "link.h"

#include <algorithm>

#include "base/random.h"

namespace quoin::oracle {

void Link::put(Direction direction, Bytes packet, Instant now) {
  Way& road = way(direction);
  const Conditions& with = road.conditions;
  // Every packet draws the same number of times, so that one condition does not change what another one decides.
  SeededRandom fate(seed_ ^ (road.packets++ * 2 + static_cast<std::uint64_t>(direction)) * 0xd1342543de82ef95);
  const auto happens = [&](std::uint32_t of_100_000) { return fate.below(100'000) < of_100_000; };
  const bool lost = happens(with.loss);
  const bool reordered = happens(with.reordered);
  const bool duplicated = happens(with.duplicated);
  const auto late_max = static_cast<std::uint64_t>((late_least + with.delay / late_divisor).count());
  const Duration late(static_cast<std::int64_t>(fate.below(late_max)));
  const Duration copy_late(static_cast<std::int64_t>(fate.below(late_max)));

  Instant leaves = now;
  if (with.bytes_per_second > 0) {
    const auto takes = static_cast<std::int64_t>(packet.size() * 1'000'000'000 / with.bytes_per_second);
    leaves = std::max(now, road.line_free);
    if (leaves - now > line_time_max) {
      road.lost++;
      return;
    }
    leaves += Duration(takes);
    road.line_free = leaves;
  }
  if (lost || road.bytes + 2 * packet.size() > bytes_max) {
    road.lost++;
    return;
  }
  const Instant arrives = leaves + with.delay;
  road.travelling.emplace(reordered ? arrives + late : arrives, to_buffer(packet));
  road.bytes += packet.size();
  if (duplicated) {
    road.travelling.emplace(arrives + copy_late, to_buffer(packet));
    road.bytes += packet.size();
  }
}

std::optional<Buffer> Link::take(Direction direction, Instant now) {
  Way& road = way(direction);
  const auto first = road.travelling.begin();
  if (road.conditions.held || first == road.travelling.end() || first->first > now) return std::nullopt;
  Buffer packet = std::move(first->second);
  road.travelling.erase(first);
  road.bytes -= packet.size();
  return packet;
}

Bytes Link::next(Direction direction) {
  const Way& road = way(direction);
  return road.travelling.empty() ? Bytes() : Bytes(road.travelling.begin()->second);
}

std::optional<Instant> Link::poll_timeout() const {
  std::optional<Instant> next;
  for (const Way& road : ways_) {
    if (road.conditions.held || road.travelling.empty()) continue;
    const Instant first = road.travelling.begin()->first;
    if (!next || first < *next) next = first;
  }
  return next;
}

}  // namespace quoin::oracle

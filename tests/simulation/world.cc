#include "world.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace quoin::simulation {

void World::note(std::uint64_t what) {
  trace_ = (trace_ ^ what ^ static_cast<std::uint64_t>(now.since_zero.count())) * 0x100'0000'01b3;  // FNV-1a
}

void World::wake(Waking& waking) {
  const bool again = waking.last == now;
  waking.last = now;
  waking.actor->handle_timeout();
  const auto next = waking.actor->poll_timeout();
  const bool is_impatient = next && *next <= now;
  waking.impatient = is_impatient ? (again ? waking.impatient + 1 : 1) : 0;
  if (waking.impatient <= impatient_wakes_max) return;
  ADD_FAILURE() << waking.actor->name() << " would turn in circles: it wants to be woken in the past";
  now += milliseconds(1);
}

bool World::step(Instant end) {
  Instant next = end;
  Waking* first = nullptr;
  for (Waking& each : actors_) {
    const auto at = each.actor->poll_timeout();
    if (!at || *at > next) continue;
    next = *at;
    first = &each;
  }
  if (!to_come_.empty() && to_come_.begin()->first <= next) {
    now = std::max(now, to_come_.begin()->first);
    const auto what = std::move(to_come_.begin()->second);
    to_come_.erase(to_come_.begin());
    what();
    return true;
  }
  if (first == nullptr) return false;
  now = std::max(now, next);
  wake(*first);
  return true;
}

void World::run(Duration how_long) {
  const Instant end = now + how_long;
  while (step(end)) {
  }
  now = std::max(now, end);
}

bool World::run_until(const std::function<bool()>& so, Duration limit) {
  const Instant end = now + limit;
  while (!so()) {
    if (step(end)) continue;
    now = end;
    return so();
  }
  return true;
}

}  // namespace quoin::simulation

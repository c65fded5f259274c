// One deadline per place, the earliest known at once: a binary heap that knows where each place stands in it. Equal
// deadlines come out lowest place first, so that a run can be repeated.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"

namespace quoin::netstack {

class TimerQueue {
 public:
  void set(std::uint32_t place, Instant deadline);  // instead of an earlier one
  void clear(std::uint32_t place);
  std::optional<Instant> earliest() const;
  std::optional<std::uint32_t> pop_due(Instant now);
  std::size_t size() const { return heap_.size(); }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct Entry {
    Instant deadline;
    std::uint32_t place;
    auto operator<=>(const Entry&) const = default;
  };
  void put(std::size_t position, Entry entry);
  void settle(std::size_t position, Entry entry);

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> position_of_;  // by place
};

}  // namespace quoin::netstack

// How often something may be done that somebody else brings about: so often at once, then so often a second.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace quoin::gate {

class Budget {
 public:
  Budget(std::uint64_t burst, std::uint64_t per_second) : burst_(burst), per_second_(per_second), left_(burst) {}

  // A yes is one less for later; only if so many are left for others then.
  bool take(Instant now, std::uint64_t left_for_others = 0) {
    if (!counted_) counted_ = now;
    const std::int64_t seconds_to_full = static_cast<std::int64_t>(burst_ / per_second_) + 1;
    const auto passed =
        static_cast<std::uint64_t>(std::clamp<std::int64_t>((now - *counted_) / seconds(1), 0, seconds_to_full));
    if (passed > 0) {
      left_ = std::min(burst_, left_ + passed * per_second_);
      counted_ = now;
    }
    if (left_ <= left_for_others) return false;
    left_--;
    return true;
  }

 private:
  std::uint64_t burst_;
  std::uint64_t per_second_;
  std::uint64_t left_;
  std::optional<Instant> counted_;  // when left_ was last added to
};

}  // namespace quoin::gate

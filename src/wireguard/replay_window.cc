#include "wireguard/replay_window.h"

#include <algorithm>
#include <limits>

namespace quoin::wireguard {

bool ReplayWindow::is_new(std::uint64_t counter) const {
  if (counter == std::numeric_limits<std::uint64_t>::max()) return false;  // end_ could not lie beyond it
  if (counter >= end_) return true;
  if (end_ - counter > window_counters) return false;
  return (seen_[counter / 64 % words] >> (counter % 64) & 1) == 0;
}

bool ReplayWindow::accept(std::uint64_t counter) {
  if (!is_new(counter)) return false;
  if (counter >= end_) {
    const std::uint64_t newest_word = end_ == 0 ? 0 : (end_ - 1) / 64;
    const std::uint64_t entered = std::min(counter / 64 - newest_word, words);
    for (std::uint64_t i = 1; i <= entered; i++) seen_[(newest_word + i) % words] = 0;
    end_ = counter + 1;
  }
  seen_[counter / 64 % words] |= std::uint64_t{1} << (counter % 64);
  return true;
}

}  // namespace quoin::wireguard

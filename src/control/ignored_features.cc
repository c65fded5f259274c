#include "control/ignored_features.h"

#include <algorithm>
#include <numeric>

namespace quoin::control {

std::optional<std::string_view> IgnoredFeatures::note(std::string_view member) {
  // A name to show, a date to show, and bookkeeping: they ask for nothing.
  constexpr std::array<std::string_view, 4> harmless{"Domain", "PeerSeenChange", "MapSessionHandle", "Seq"};
  if (std::ranges::find(harmless, member) != harmless.end()) return std::nullopt;
  const auto found = std::ranges::find(names_, member);
  const std::size_t index =
      found == names_.end() ? names_.size() - 1 : static_cast<std::size_t>(found - names_.begin());
  if (counts_[index]++ > 0) return std::nullopt;
  return names_[index];
}

std::uint64_t IgnoredFeatures::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

}  // namespace quoin::control

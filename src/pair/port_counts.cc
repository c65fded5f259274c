#include "pair/port_counts.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace quoin::pair {
namespace {

constexpr std::uint64_t count_max = std::numeric_limits<std::uint32_t>::max();

std::uint32_t bounded(std::uint64_t count) {
  return static_cast<std::uint32_t>(std::min(count, count_max));
}

}  // namespace

void PortCounts::add(std::uint16_t port, std::uint32_t count) {
  if (singles_.contains(port) || singles_.size() < singles_max) {
    std::uint32_t& so_far = singles_[port];
    so_far = bounded(std::uint64_t{so_far} + count);
  } else {
    add(PortAttempts{port, port, count});
  }
}

void PortCounts::add(const PortAttempts& attempts) {
  if (!others_) others_ = std::make_unique<Ports>();
  for (std::uint32_t port = attempts.first; port <= attempts.last; port++) others_->set(port);
  others_count_ += attempts.count;
}

void PortCounts::take(std::uint16_t port, std::uint32_t count) {
  std::uint32_t& so_far = singles_.at(port);
  assert(so_far >= count);
  so_far -= count;
}

std::optional<PortCounts::Others> PortCounts::others() const {
  if (others_count_ == 0) return std::nullopt;
  Others out{.lowest = 0, .highest = 0, .ports = 0, .count = others_count_};
  for (std::uint32_t port = 0; port < others_->size(); port++) {
    if (!others_->test(port)) continue;
    if (out.ports++ == 0) out.lowest = static_cast<std::uint16_t>(port);
    out.highest = static_cast<std::uint16_t>(port);
  }
  return out;
}

std::vector<PortAttempts> PortCounts::take_ranges(std::size_t entries_max) {
  std::vector<PortAttempts> out;
  while (!singles_.empty() && out.size() < entries_max) {
    const auto [port, count] = *singles_.begin();
    if (count > 0) out.push_back({port, port, count});
    singles_.erase(singles_.begin());
  }
  if (others_count_ == 0) return out;
  std::uint64_t spare = others_count_ - others_->count();  // how often ports were tried again
  for (std::uint32_t port = 0; port < others_->size() && out.size() < entries_max; port++) {
    if (!others_->test(port)) continue;
    const std::uint32_t first = port;
    for (; port < others_->size() && others_->test(port); port++) others_->reset(port);
    const std::uint32_t ports = port - first;
    const std::uint32_t count = bounded(ports + spare);
    spare -= count - ports;
    others_count_ -= count;
    out.push_back({static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(port - 1), count});
  }
  // More repetitions than one entry can hold are told with the next ones.
  if (others_->none() && others_count_ > 0) others_->set(out.back().last);
  if (others_count_ == 0) others_.reset();
  return out;
}

}  // namespace quoin::pair

// How often which ports were tried in vain: a few ports each by itself, all others together. However many are tried, it
// stays this small, and no attempt goes uncounted.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace quoin::pair {

// Attempts at the ports first..last together, each of which was tried.
struct PortAttempts {
  std::uint16_t first;
  std::uint16_t last;   // inclusive
  std::uint32_t count;  // at least one for each port

  std::uint32_t ports() const { return static_cast<std::uint32_t>(last - first) + 1; }
  bool operator==(const PortAttempts&) const = default;
};

class PortCounts {
 public:
  static constexpr std::size_t singles_max = 32;

  struct Others {
    std::uint16_t lowest;
    std::uint16_t highest;
    std::uint32_t ports;  // how many different ones
    std::uint64_t count;
  };

  void add(std::uint16_t port, std::uint32_t count = 1);
  void add(const PortAttempts& attempts);                                 // of several ports: never each by itself
  bool has(std::uint16_t port) const { return singles_.contains(port); }  // by itself
  void take(std::uint16_t port, std::uint32_t count);                     // of one that it has

  const std::map<std::uint16_t, std::uint32_t>& singles() const { return singles_; }
  std::optional<Others> others() const;
  // Takes as much off as fits into so many entries, and the counts with it.
  std::vector<PortAttempts> take_ranges(std::size_t entries_max);
  bool empty() const { return singles_.empty() && others_count_ == 0; }

 private:
  using Ports = std::bitset<65'536>;

  std::map<std::uint16_t, std::uint32_t> singles_;
  std::unique_ptr<Ports> others_;
  std::uint64_t others_count_ = 0;
};

}  // namespace quoin::pair

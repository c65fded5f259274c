// The line between the kernel and the stack: what happens to a packet is decided by the seed, its direction and its
// number alone, so that a case that failed can be run again with the same fate for the same packets.
//
// It loses, delays, duplicates, lets packets overtake each other, and limits the rate; a direction may be held (packets
// wait until it is released). The kernel's own netem is not needed.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/time.h"

namespace quoin::oracle {

enum class Direction : std::uint8_t { to_stack, to_kernel };

struct Conditions {
  std::uint32_t loss = 0;  // of 100,000 packets, as the next two
  std::uint32_t reordered = 0;
  std::uint32_t duplicated = 0;
  Duration delay{0};                   // one way
  std::uint64_t bytes_per_second = 0;  // 0: as fast as it goes
  bool held = false;
};

class Link {
 public:
  static constexpr std::size_t bytes_max = 64 << 20;            // that wait in one direction
  static constexpr Duration line_time_max = milliseconds(200);  // what may wait for a limited rate
  static constexpr Duration late_least = milliseconds(4);       // a reordered packet is late by up to this,
  static constexpr std::int64_t late_divisor = 2;               // and this part of the delay

  explicit Link(std::uint64_t seed) : seed_(seed) {}

  Conditions& conditions(Direction direction) { return way(direction).conditions; }
  void put(Direction direction, Bytes packet, Instant now);
  std::optional<Buffer> take(Direction direction, Instant now);
  Bytes next(Direction direction);              // what take would give, held or not; empty: nothing travels
  std::optional<Instant> poll_timeout() const;  // when the next packet arrives
  std::uint64_t lost(Direction direction) const { return ways_[static_cast<std::size_t>(direction)].lost; }

 private:
  struct Way {
    Conditions conditions;
    std::uint64_t packets = 0;
    std::uint64_t lost = 0;
    Instant line_free{};  // when the last packet has left at the limited rate
    std::multimap<Instant, Buffer> travelling;
    std::size_t bytes = 0;
  };
  Way& way(Direction direction) { return ways_[static_cast<std::size_t>(direction)]; }

  std::uint64_t seed_;
  std::array<Way, 2> ways_;
};

}  // namespace quoin::oracle

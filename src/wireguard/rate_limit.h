// How much of a thing is allowed per time: token buckets, one for all or one per source in a bounded table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "base/time.h"
#include "wireguard/source.h"

namespace quoin::wireguard {

struct Rate {
  std::uint32_t per_second;
  std::uint32_t burst;
};

// Full at first; refilled steadily. Kept as the time that a bucket holds: one token is a second / per_second.
class TokenBucket {
 public:
  explicit TokenBucket(Rate rate) : rate_(rate) {}
  bool take(Instant now);
  bool full(Instant now) const;

 private:
  Duration token() const { return Duration(seconds(1)) / rate_.per_second; }
  Duration capacity() const { return token() * rate_.burst; }
  Duration held(Instant now) const;

  Rate rate_;
  std::optional<Instant> updated_;
  Duration held_{0};
};

class SourceLimiter {
 public:
  static constexpr Rate rate = {.per_second = 20, .burst = 5};
  static constexpr std::size_t sources_max = 4096;

  bool allow(const Source& source, Instant now);  // refuses new sources while the table is full of busy ones
  std::size_t size() const { return buckets_.size(); }

 private:
  void drop_full_buckets(Instant now);

  std::map<std::array<std::byte, Source::limit_bytes>, TokenBucket> buckets_;
  std::optional<Instant> swept_;
};

}  // namespace quoin::wireguard

#include "wireguard/tai64n.h"

#include <algorithm>

namespace quoin::wireguard {
namespace {

constexpr std::uint64_t epoch = (std::uint64_t{1} << 62) + 10;  // the label of 1970, ten leap seconds in
constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;
constexpr std::uint32_t step = 1U << 24;

Tai64n label(std::uint64_t tai_seconds, std::uint32_t nanoseconds) {
  Tai64n out;
  Writer writer(out);
  writer.u64(tai_seconds);
  writer.u32(nanoseconds);
  return out;
}

}  // namespace

Tai64n Tai64nClock::at(Instant now) const {
  const Duration wall = std::max(wall_.since_zero + std::max(now - started_, Duration(0)), Duration(0));
  const auto unix_nanoseconds = static_cast<std::uint64_t>(wall.count());
  return label(epoch + unix_nanoseconds / nanoseconds_per_second,
               static_cast<std::uint32_t>(unix_nanoseconds % nanoseconds_per_second) & ~(step - 1));
}

Tai64n Tai64nClock::after(const Tai64n& last, Instant now) const {
  const Tai64n current = at(now);
  if (current > last) return current;
  Reader reader(last);
  const std::uint64_t tai_seconds = reader.u64();
  const std::uint32_t next = reader.u32() + step;
  return next < nanoseconds_per_second ? label(tai_seconds, next) : label(tai_seconds + 1, 0);
}

}  // namespace quoin::wireguard

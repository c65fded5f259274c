#include "netstack/tcp/options.h"

#include <algorithm>

namespace quoin::netstack::tcp {

namespace {

enum Kind : std::uint8_t {
  end = 0,
  nothing = 1,
  mss_kind = 2,
  scale_kind = 3,
  permitted_kind = 4,
  sack_kind = 5,
  timestamps_kind = 8
};

constexpr std::size_t padded(std::size_t length) {
  return (length + 3) / 4 * 4;
}

void read_option(std::uint8_t kind, Bytes body, Options& options) {
  Reader in(body);
  if (kind == mss_kind && body.size() == 2) {
    options.mss = in.u16();
  } else if (kind == scale_kind && body.size() == 1) {
    options.window_scale = std::min(in.u8(), Options::window_scale_max);
  } else if (kind == permitted_kind && body.empty()) {
    options.sack_permitted = true;
  } else if (kind == timestamps_kind && body.size() == 8) {
    const std::uint32_t value = in.u32();
    options.timestamps = Timestamps{.value = value, .echo = in.u32()};
  } else if (kind == sack_kind && body.size() % 8 == 0) {
    while (in.remaining() > 0) {
      const std::uint32_t left = in.u32();
      options.sack.add({.left = left, .right = in.u32()});
    }
  }
}

}  // namespace

bool SackBlocks::operator==(const SackBlocks& other) const {
  return std::ranges::equal(list(), other.list());
}

Options Options::parse(Bytes bytes) {
  Options options;
  Reader in(bytes);
  while (in.remaining() > 0) {
    const std::uint8_t kind = in.u8();
    if (kind == end) break;
    if (kind == nothing) continue;
    const std::uint8_t length = in.u8();
    if (length < 2 || in.remaining() < length - std::size_t{2}) break;
    read_option(kind, in.take(length - std::size_t{2}), options);
  }
  return options;
}

// Blocks that fit beside the other options, as RFC 2018 section 3 counts them.
static std::size_t sack_blocks_written(const Options& options, std::size_t others) {
  if (options.sack.empty() || others + 4 + 8 > Options::bytes_max) return 0;
  return std::min(options.sack.list().size(), (Options::bytes_max - others - 4) / 8);
}

static std::size_t length_without_sack(const Options& options) {
  std::size_t length = 0;
  if (options.mss) length += 4;
  if (options.window_scale) length += 4;
  if (options.timestamps) length += 12;
  if (options.sack_permitted && !options.timestamps) length += 4;  // else in the timestamps' padding
  return length;
}

std::size_t Options::length() const {
  const std::size_t others = length_without_sack(*this);
  const std::size_t blocks = sack_blocks_written(*this, others);
  return padded(others + (blocks > 0 ? 4 + 8 * blocks : 0));
}

void Options::write(MutableBytes out) const {
  Writer to(out);
  if (mss) {
    to.u8(mss_kind);
    to.u8(4);
    to.u16(*mss);
  }
  // Two bytes come before the timestamps in any case: SACK permitted, or padding that aligns them.
  if (sack_permitted) {
    to.u8(permitted_kind);
    to.u8(2);
  }
  if (timestamps || sack_permitted) {
    if (!sack_permitted || !timestamps) {
      to.u8(nothing);
      to.u8(nothing);
    }
  }
  if (timestamps) {
    to.u8(timestamps_kind);
    to.u8(10);
    to.u32(timestamps->value);
    to.u32(timestamps->echo);
  }
  if (window_scale) {
    to.u8(nothing);
    to.u8(scale_kind);
    to.u8(3);
    to.u8(*window_scale);
  }
  const std::size_t blocks = sack_blocks_written(*this, length_without_sack(*this));
  if (blocks > 0) {
    to.u8(nothing);
    to.u8(nothing);
    to.u8(sack_kind);
    to.u8(static_cast<std::uint8_t>(2 + 8 * blocks));
    for (const SackBlock& block : sack.list().first(blocks)) {
      to.u32(block.left);
      to.u32(block.right);
    }
  }
}

}  // namespace quoin::netstack::tcp

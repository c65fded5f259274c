// TCP options: maximum segment size (RFC 9293, section 3.2), window scale and timestamps (RFC 7323), SACK permitted
// and SACK (RFC 2018).
//
//     kind 2  length 4   mss (2)                      SYN only
//     kind 3  length 3   shift (1)                    SYN only
//     kind 4  length 2                                SYN only
//     kind 5  length 2+8n  n times left edge (4), right edge (4)
//     kind 8  length 10  value (4), echo (4)
//
// Leniency: options of other kinds are skipped; an option whose length is impossible ends the list there, and what was
// read before it counts (hosts behind middleboxes that blank options are real). A shift above 14 means 14 (RFC 7323,
// section 2.3).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"

namespace quoin::netstack::tcp {

struct Timestamps {
  std::uint32_t value = 0;
  std::uint32_t echo = 0;
  bool operator==(const Timestamps&) const = default;
};

struct SackBlock {
  std::uint32_t left = 0;   // first sequence number of the block
  std::uint32_t right = 0;  // the one after its last
  bool operator==(const SackBlock&) const = default;
};

class SackBlocks {
 public:
  static constexpr std::size_t blocks_max = 4;  // what 40 bytes of options hold; 3 beside timestamps

  void add(SackBlock block) {
    if (count_ < blocks_max) blocks_[count_++] = block;
  }
  bool empty() const { return count_ == 0; }
  std::span<const SackBlock> list() const { return std::span(blocks_).first(count_); }
  bool operator==(const SackBlocks& other) const;

 private:
  std::array<SackBlock, blocks_max> blocks_{};
  std::uint8_t count_ = 0;
};

struct Options {
  static constexpr std::size_t bytes_max = 40;
  static constexpr std::uint8_t window_scale_max = 14;

  std::optional<std::uint16_t> mss{};
  std::optional<std::uint8_t> window_scale{};
  bool sack_permitted = false;
  std::optional<Timestamps> timestamps{};
  SackBlocks sack{};

  static Options parse(Bytes options);
  std::size_t length() const;          // as written: padded to a multiple of 4, at most bytes_max
  void write(MutableBytes out) const;  // out has length() bytes; SACK blocks that do not fit are left out
  bool operator==(const Options&) const = default;
};

}  // namespace quoin::netstack::tcp

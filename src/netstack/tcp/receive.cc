#include "netstack/tcp/receive.h"

#include <algorithm>
#include <cassert>

namespace quoin::netstack::tcp {

void Receiver::start(std::uint32_t peer_sequence, std::uint8_t shift) {
  first_ = begin_ = next_ = first_position(peer_sequence) + 1;
  window_.start(next_, shift);
}

bool Receiver::accept(Position start, std::span<const Bytes> payload, bool fin, std::size_t packet_bytes, Instant now,
                      Timers& timers) {
  std::size_t total = 0;
  for (const Bytes piece : payload) total += piece.size();
  packet_bytes_ = std::max(packet_bytes_, std::min(packet_bytes == 0 ? total : packet_bytes, mss_));

  Position end = start + total;
  const Position end_max = fin_ ? std::min(*fin_, window_.edge()) : window_.edge();
  if (end > end_max) {
    end = std::max(start, end_max);
    fin = false;
    acknowledge_now_ = true;
  }
  if (fin && !fin_ && end >= next_ && (early_.empty() || early_.back().end <= end)) fin_ = end;

  bool available = false;
  if (end <= next_) {
    if (end > start) {
      duplicate_ = Range{start, end};
      acknowledge_now_ = true;
    } else if (fin && finished_) {
      acknowledge_now_ = true;
    }
  } else if (start <= next_) {
    if (start < next_) duplicate_ = Range{start, next_};
    const bool had_early = !early_.empty();
    store(next_, end, payload, static_cast<std::size_t>(next_ - start));
    unacknowledged_ += static_cast<std::size_t>(end - next_);
    next_ = end;
    join_early();
    available = true;
    if (had_early || duplicate_ || unacknowledged_ >= 2 * packet_bytes_) acknowledge_now_ = true;
  } else {
    const Range* known = early_at(start);
    if (known != nullptr && known->end >= end) {
      duplicate_ = Range{start, end};
    } else if (early_.size() < early_ranges_max) {
      store(start, end, payload, 0);
      remember({start, end});
    }
    note_recent(start);
    acknowledge_now_ = true;
  }
  if (fin_ && next_ == *fin_ && !finished_) {
    finished_ = true;
    next_++;
    available = true;
    acknowledge_now_ = true;
  }
  if (available && !acknowledge_now_ && !timers.armed(Timer::delayed_ack)) {
    timers.set(Timer::delayed_ack, now + acknowledgment_delay);
  }
  return available;
}

void Receiver::store(Position start, Position end, std::span<const Bytes> payload, std::size_t skip) {
  const Position kept = std::max(bytes_end(), early_.empty() ? Position{0} : early_.back().end);
  ring_.reserve(begin_, kept, std::max(kept, end));
  for (Bytes piece : payload) {
    if (skip >= piece.size()) {
      skip -= piece.size();
      continue;
    }
    piece = piece.subspan(skip);
    skip = 0;
    piece = piece.first(std::min<std::size_t>(piece.size(), static_cast<std::size_t>(end - start)));
    ring_.write(start, piece);
    start += piece.size();
  }
}

void Receiver::remember(Range range) {
  const auto first = std::ranges::lower_bound(early_, range.start, {}, &Range::end);  // the first that may touch it
  auto last = first;
  while (last != early_.end() && last->start <= range.end) {
    range.start = std::min(range.start, last->start);
    range.end = std::max(range.end, last->end);
    ++last;
  }
  if (first == last) {
    early_.insert(first, range);
  } else {
    *first = range;
    early_.erase(first + 1, last);
  }
}

void Receiver::join_early() {
  auto gone = early_.begin();
  while (gone != early_.end() && gone->start <= next_) {
    next_ = std::max(next_, gone->end);
    ++gone;
  }
  early_.erase(early_.begin(), gone);
}

void Receiver::note_recent(Position position) {
  // The front is the newest; a range that is noted again moves there.
  const Range* range = early_at(position);
  auto place = std::ranges::find_if(
      recent_, [&](Position p) { return range != nullptr && p >= range->start && p < range->end; });
  if (place == recent_.end()) place = recent_.end() - 1;
  std::shift_right(recent_.begin(), place + 1, 1);
  recent_[0] = position;
}

const Receiver::Range* Receiver::early_at(Position position) const {
  const auto range = std::ranges::upper_bound(early_, position, {}, &Range::end);
  return range != early_.end() && range->start <= position ? &*range : nullptr;
}

SackBlocks Receiver::sack_blocks(std::size_t blocks_max) {
  SackBlocks blocks;
  const auto add = [&](const Range& range) {
    const SackBlock block{.left = on_wire(range.start), .right = on_wire(range.end)};
    if (blocks.list().size() < blocks_max && std::ranges::find(blocks.list(), block) == blocks.list().end()) {
      blocks.add(block);
    }
  };
  if (duplicate_) add(*duplicate_);
  duplicate_.reset();
  for (const Position position : recent_) {
    if (const Range* range = early_at(position)) add(*range);
  }
  for (const Range& range : early_) {
    if (blocks.list().size() >= blocks_max) break;
    add(range);
  }
  return blocks;
}

void Receiver::acknowledged(Timers& timers) {
  acknowledge_now_ = false;
  unacknowledged_ = 0;
  timers.clear(Timer::delayed_ack);
}

void Receiver::consume(std::size_t bytes, Instant now) {
  assert(bytes <= readable_bytes());
  begin_ += bytes;
  window_.consumed(bytes, now);
  if (!finished_ && window_.update_due(next_, begin_)) acknowledge_now_ = true;
  if (readable_bytes() == 0 && early_.empty() && ring_.capacity() > idle_bytes_kept) ring_.release();
}

void Receiver::discard() {
  begin_ = bytes_end();
  early_.clear();
  duplicate_.reset();
  ring_.release();
}

std::size_t Receiver::memory_used() const {
  return ring_.capacity() + early_.capacity() * sizeof(Range);
}

void Receiver::release_idle_memory() {
  if (readable_bytes() == 0 && early_.empty()) ring_.release();
}

}  // namespace quoin::netstack::tcp

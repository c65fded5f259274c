#include "netstack/timer_queue.h"

namespace quoin::netstack {

void TimerQueue::put(std::size_t position, Entry entry) {
  heap_[position] = entry;
  position_of_[entry.place] = static_cast<std::uint32_t>(position);
}

// Puts the entry where it belongs, starting from a position that is free.
void TimerQueue::settle(std::size_t position, Entry entry) {
  while (position > 0 && entry < heap_[(position - 1) / 2]) {
    put(position, heap_[(position - 1) / 2]);
    position = (position - 1) / 2;
  }
  while (true) {
    std::size_t child = position * 2 + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) child++;
    if (entry < heap_[child]) break;
    put(position, heap_[child]);
    position = child;
  }
  put(position, entry);
}

void TimerQueue::set(std::uint32_t place, Instant deadline) {
  if (place >= position_of_.size()) position_of_.resize(place + 1, none);
  if (position_of_[place] == none) {
    position_of_[place] = static_cast<std::uint32_t>(heap_.size());
    heap_.push_back({Instant::max(), place});
  }
  settle(position_of_[place], {deadline, place});
}

void TimerQueue::clear(std::uint32_t place) {
  if (place >= position_of_.size() || position_of_[place] == none) return;
  const std::size_t hole = position_of_[place];
  position_of_[place] = none;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (last.place != place) settle(hole, last);
}

std::optional<Instant> TimerQueue::earliest() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().deadline;
}

std::optional<std::uint32_t> TimerQueue::pop_due(Instant now) {
  if (heap_.empty() || heap_.front().deadline > now) return std::nullopt;
  const std::uint32_t place = heap_.front().place;
  clear(place);
  return place;
}

}  // namespace quoin::netstack

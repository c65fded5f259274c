#include "netstack/outbox.h"

#include <utility>

namespace quoin::netstack {

bool Outbox::push(const IpAddress& destination, Buffer packet) {
  if (packets_ == packets_max) return false;
  packets_++;
  lines_[destination].packets.push_back(std::move(packet));
  return true;
}

void Outbox::add_flow(const IpAddress& destination, std::uint32_t place) {
  if (place >= in_line_.size()) in_line_.resize(place + 1);
  if (in_line_[place]) return;
  in_line_[place] = true;
  lines_[destination].flows.push_back(place);
}

void Outbox::remove_flow(const IpAddress& destination, std::uint32_t place) {
  if (place >= in_line_.size() || !in_line_[place]) return;
  in_line_[place] = false;
  const auto line = lines_.find(destination);
  std::erase(line->second.flows, place);
  if (line->second.empty()) lines_.erase(line);
}

Outbox::Line* Outbox::next_line() {
  if (served_) {
    const auto last = lines_.find(*served_);
    if (last != lines_.end() && last->second.empty()) lines_.erase(last);
  }
  if (lines_.empty()) return nullptr;
  auto line = served_ ? lines_.upper_bound(*served_) : lines_.begin();
  if (line == lines_.end()) line = lines_.begin();
  served_ = line->first;
  return &line->second;
}

Buffer Outbox::pop_packet(Line& line) {
  Buffer packet = std::move(line.packets.front());
  line.packets.pop_front();
  packets_--;
  return packet;
}

std::uint32_t Outbox::pop_flow(Line& line) {
  const std::uint32_t place = line.flows.front();
  line.flows.pop_front();
  in_line_[place] = false;
  return place;
}

void Outbox::put_back(Line& line, std::uint32_t place) {
  in_line_[place] = true;
  line.flows.push_back(place);
}

void Outbox::put_front(Line& line, std::uint32_t place) {
  in_line_[place] = true;
  line.flows.push_front(place);
}

}  // namespace quoin::netstack

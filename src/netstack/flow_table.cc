#include "netstack/flow_table.h"

#include <array>
#include <cassert>

namespace quoin::netstack {

FlowTable::FlowTable(std::size_t flows_max, Random& random)
    : hash_(random), flows_max_(flows_max), buckets_(16, none) {}

std::size_t FlowTable::bucket(const FlowKey& key) const {
  std::array<std::byte, 1 + 2 * (16 + 2)> bytes;
  Writer writer(bytes);
  writer.u8(key.protocol);
  for (const Endpoint& end : {key.local, key.remote}) {
    writer.put(end.address.mapped());
    writer.u16(end.port);
  }
  return hash_(bytes) & (buckets_.size() - 1);
}

std::optional<FlowId> FlowTable::find(const FlowKey& key) const {
  for (std::uint32_t place = buckets_[bucket(key)]; place != none; place = places_[place].next) {
    if (places_[place].key == key) return at(place);
  }
  return std::nullopt;
}

std::optional<FlowId> FlowTable::insert(const FlowKey& key) {
  assert(!find(key));
  if (full()) return std::nullopt;
  std::uint32_t place = free_;
  if (place == none) {
    place = static_cast<std::uint32_t>(places_.size());
    places_.emplace_back();
  } else {
    free_ = places_[place].next;
  }
  size_++;
  if (size_ > buckets_.size()) grow();
  places_[place].key = key;
  places_[place].taken = true;
  link(place);
  return at(place);
}

void FlowTable::link(std::uint32_t place) {
  std::uint32_t& head = buckets_[bucket(places_[place].key)];
  places_[place].next = head;
  places_[place].linked = true;
  head = place;
}

void FlowTable::grow() {
  buckets_.assign(buckets_.size() * 2, none);
  for (std::uint32_t place = 0; place < places_.size(); place++) {
    if (places_[place].taken && places_[place].linked) link(place);
  }
}

void FlowTable::unlink(FlowId flow) {
  assert(holds(flow));
  Place& gone = places_[flow.index];
  if (!gone.linked) return;
  std::uint32_t* from = &buckets_[bucket(gone.key)];
  while (*from != flow.index) from = &places_[*from].next;
  *from = gone.next;
  gone.next = none;
  gone.linked = false;
}

void FlowTable::erase(FlowId flow) {
  unlink(flow);
  Place& gone = places_[flow.index];
  gone.taken = false;
  if (++gone.generation == 0) gone.generation = 1;
  gone.next = free_;
  free_ = flow.index;
  size_--;
}

bool FlowTable::holds(FlowId flow) const {
  return flow.index < places_.size() && places_[flow.index].taken && places_[flow.index].generation == flow.generation;
}

const FlowKey& FlowTable::key(FlowId flow) const {
  assert(holds(flow));
  return places_[flow.index].key;
}

}  // namespace quoin::netstack

// Which flow a packet belongs to: protocol, local and remote endpoint -> place.
//
// The remote end chooses its ports, so the hash is keyed with a random key (SipHash): chains cannot be made long on
// purpose. Places are numbers below flows_max, the last freed one given out first; everything a flow has is kept by its
// place elsewhere. Nothing here is ever walked in hash order.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "netstack/flow_id.h"

namespace quoin::netstack {

struct FlowKey {
  std::uint8_t protocol = 0;
  Endpoint local;
  Endpoint remote;
  auto operator<=>(const FlowKey&) const = default;
};

class FlowTable {
 public:
  FlowTable(std::size_t flows_max, Random& random);

  std::optional<FlowId> find(const FlowKey& key) const;
  std::optional<FlowId> insert(const FlowKey& key);  // the key is not there yet; none: the table is full
  // The key finds nothing any more and may be inserted again; the name and its place stay taken until erase.
  void unlink(FlowId flow);
  void erase(FlowId flow);

  bool holds(FlowId flow) const;
  bool linked(FlowId flow) const { return holds(flow) && places_[flow.index].linked; }
  const FlowKey& key(FlowId flow) const;
  FlowId at(std::uint32_t place) const { return {place, places_[place].generation}; }  // holds() says if it is one
  bool full() const { return size_ == flows_max_; }
  std::size_t size() const { return size_; }
  std::size_t places() const { return places_.size(); }  // that have ever been given out

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct Place {
    FlowKey key;
    std::uint32_t generation = 1;
    std::uint32_t next = none;  // in the chain, or of the free places
    bool taken = false;
    bool linked = false;
  };
  std::size_t bucket(const FlowKey& key) const;
  void link(std::uint32_t place);
  void grow();

  crypto::SipHash hash_;
  std::size_t flows_max_;
  std::size_t size_ = 0;
  std::uint32_t free_ = none;
  std::vector<Place> places_;
  std::vector<std::uint32_t> buckets_;  // a power of two of them
};

}  // namespace quoin::netstack

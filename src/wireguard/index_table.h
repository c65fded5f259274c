// Receiver indices that are in use, and whose they are (WireGuard paper, section 5.4.1: chosen at random).
//
// An index is held by a lease: whoever owns a handshake or a session owns its index, and when that is erased the index
// is free again. The table outlives all leases.
#pragma once

#include <optional>
#include <unordered_map>
#include <utility>

#include "base/random.h"
#include "wireguard/ids.h"

namespace quoin::wireguard {

class IndexTable;

class IndexLease {
 public:
  IndexLease() = default;
  IndexLease(IndexLease&& other) noexcept : table_(std::exchange(other.table_, nullptr)), index_(other.index_) {}
  IndexLease& operator=(IndexLease&& other) noexcept {
    std::swap(table_, other.table_);
    std::swap(index_, other.index_);
    return *this;
  }
  ~IndexLease();

  SessionIndex index() const { return index_; }

 private:
  friend class IndexTable;
  IndexLease(IndexTable& table, SessionIndex index) : table_(&table), index_(index) {}
  IndexTable* table_ = nullptr;
  SessionIndex index_;
};

class IndexTable {
 public:
  explicit IndexTable(Random& random) : random_(random) {}
  IndexTable(const IndexTable&) = delete;
  IndexTable& operator=(const IndexTable&) = delete;

  IndexLease take(PeerId peer);
  std::optional<PeerId> find(SessionIndex index) const;
  std::size_t size() const { return peers_.size(); }

 private:
  friend class IndexLease;
  Random& random_;
  std::unordered_map<std::uint32_t, PeerId> peers_;  // looked up, never iterated; we choose the keys
};

}  // namespace quoin::wireguard

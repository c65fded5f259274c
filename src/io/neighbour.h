// Which hardware address answers for an IP address on our own link, asked now (ARP, RFC 826; IPv6 neighbour discovery,
// RFC 4861; rtnetlink(7), neighbours).
//
// The kernel asks: an entry that it has confirmed within its reachable time counts; an older one is forgotten first
// (with CAP_NET_ADMIN), then an empty datagram to the discard port makes the kernel ask again. Without that right an
// old entry is reported as it stands, which is the one that the next packet would be sent to. `as_it_stands` asks for
// just that, and lets the kernel ask only where it has no entry.
#pragma once

#include <array>
#include <cstdint>

#include "base/address.h"
#include "io/timer.h"

namespace quoin::io {

using MacBytes = std::array<std::byte, 6>;

enum class NeighbourError : std::uint8_t {
  not_on_link,  // behind a router, or no route at all
  own_address,  // this host itself
  no_answer,
  failed,
};

// Destroying it gives up silently; `done` may destroy it.
class NeighbourLookup {
 public:
  enum class Entry : std::uint8_t { confirmed, as_it_stands };
  using Done = std::move_only_function<void(Result<MacBytes, NeighbourError>)>;
  NeighbourLookup(Loop& loop, IpAddress address, Duration within, Done done, Entry wanted = Entry::confirmed);

 private:
  void start();
  void look();
  void finish(Result<MacBytes, NeighbourError> result);

  Loop& loop_;
  IpAddress address_;
  std::uint32_t interface_ = 0;
  Done done_;
  Entry wanted_;
  Timer timer_;
  std::unique_ptr<Readiness> changes_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace quoin::io

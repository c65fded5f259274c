// Echo requests that wait for the device's own answer. Bounded: the oldest give way, as in a router's queue.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "netstack/events.h"
#include "netstack/wire/icmp.h"

namespace quoin::netstack {

class EchoRequests {
 public:
  static constexpr std::size_t waiting_max = 64;
  static constexpr std::size_t bytes_max = 1 << 20;  // of what their replies repeat

  struct Displaced {
    IpAddress local;
    IpAddress remote;
    bool told;
  };
  // `body` is what the reply repeats. Returns the oldest ones that had to go.
  std::vector<Displaced> add(const IpAddress& local, const IpAddress& remote, Bytes body);
  std::optional<EchoRequest> next_untold();

  struct Reply {
    IpAddress destination;
    Buffer packet;
  };
  std::optional<Reply> answer(std::uint64_t echo);
  void clear(const IpAddress& local);  // an address that is gone

 private:
  struct Waiting {
    std::uint64_t echo;
    IpAddress local;
    IpAddress remote;
    Buffer body;
    bool told = false;
  };
  std::deque<Waiting> waiting_;
  std::size_t bytes_ = 0;
  std::uint64_t next_ = 1;
};

}  // namespace quoin::netstack

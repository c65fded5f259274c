// Connecting: the only place that opens outgoing sockets. It is told where to, by endpoint; whether that is allowed was
// decided before (the dial guard).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "io/timer.h"

namespace quoin::io {

enum class DialError : std::uint8_t {
  refused,        // reset
  unreachable,    // no route, or no neighbour
  behind_router,  // a router said that it may not cross it
  timed_out,
  failed,  // no descriptor left, or anything else of our own
};

// How far packets may go: with TTL, or hop limit, 1 no router passes them on.
enum class Reach : std::uint8_t { anywhere, own_link };

// How packets leave this host.
struct Egress {
  Egress(Reach how_far = Reach::anywhere, std::uint32_t through = 0) : reach(how_far), interface(through) {}
  Reach reach;
  std::uint32_t interface;  // its index; 0: the one that the routing table names
};

struct Dialled {
  Descriptor socket;  // non-blocking, close-on-exec, TCP_NODELAY
  Endpoint to;
};

struct DialOptions {
  Egress egress = {};
  // From 512 to 1023, the range that programs take when they ask for a privileged port (rresvport(3)), the local port
  // is one of those as well where this process may bind it: this one if it is free, or another (RFC 1179, section 3.1).
  // Where none is found soon, and for any other number, any port.
  static constexpr std::uint16_t local_port_min = 512, local_port_max = 1023;
  std::uint16_t local_port = 0;
};

// Races TCP endpoints (RFC 8305, section 5): in their order, the next one as soon as the one before has failed or has
// not answered for `attempt_delay`. The first that connects is it, and the others are closed. Destroying it gives up
// silently; `done` may destroy it.
class Dial {
 public:
  static constexpr std::size_t endpoints_max = 16;
  static constexpr Duration attempt_delay = milliseconds(250);
  using Done = std::move_only_function<void(Result<Dialled, DialError>)>;

  // The error is that of the endpoint that failed last, and timed_out once `within` is over.
  Dial(Loop& loop, std::vector<Endpoint> endpoints, Duration within, Done done, DialOptions options = {});

 private:
  using Attempts = std::vector<std::unique_ptr<Readiness>>;  // by endpoint; none: not begun, or it has failed

  void next();
  Result<Descriptor, DialError> begin(const Endpoint& to) const;
  void connected(std::size_t index);
  void finish(Result<Dialled, DialError> result);

  Loop& loop_;
  std::vector<Endpoint> endpoints_;
  Done done_;
  DialOptions options_;
  Attempts attempts_;
  std::size_t under_way_ = 0;
  DialError error_ = DialError::failed;
  Timer patience_;
  Timer next_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// A UDP socket that sends to and hears from this endpoint only.
Result<Descriptor, DialError> connect_udp(const Endpoint& to, Egress egress = {});

// For a socket of this IP version; false if the system does not take it.
[[nodiscard]] bool set_egress(const Descriptor& socket, IpVersion version, Egress egress);

}  // namespace quoin::io

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

struct Dialled {
  Descriptor socket;  // non-blocking, close-on-exec, TCP_NODELAY
  Endpoint to;
};

// Tries TCP endpoints one after the other. Destroying it gives up silently; `done` may destroy it.
class Dial {
 public:
  static constexpr std::size_t endpoints_max = 16;
  using Done = std::move_only_function<void(Result<Dialled, DialError>)>;

  // The error is that of the last endpoint tried.
  Dial(Loop& loop, std::vector<Endpoint> endpoints, Duration each_within, Done done, Reach reach = Reach::anywhere);

 private:
  void next();
  void connected();
  void finish(Result<Dialled, DialError> result);

  Loop& loop_;
  std::vector<Endpoint> endpoints_;
  std::size_t tried_ = 0;
  Duration each_within_;
  Done done_;
  Reach reach_;
  DialError error_ = DialError::failed;
  Timer timer_;
  std::unique_ptr<Readiness> attempt_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// A UDP socket that sends to and hears from this endpoint only.
Result<Descriptor, DialError> connect_udp(const Endpoint& to, Reach reach = Reach::anywhere);

// For a socket of this IP version; false if the system does not take it.
[[nodiscard]] bool keep_within(const Descriptor& socket, IpVersion version, Reach reach);

}  // namespace quoin::io

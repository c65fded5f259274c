// One ICMP echo request and its reply (RFC 792; RFC 4443, section 4).
#pragma once

#include <cstdint>
#include <memory>

#include "base/address.h"
#include "base/random.h"
#include "io/dial.h"
#include "io/timer.h"

namespace quoin::io {

enum class PingError : std::uint8_t {
  unreachable,  // somebody on the way said so, or there is no way
  timed_out,
  failed,  // no right to send echo requests (CAP_NET_RAW or net.ipv4.ping_group_range), or no socket
};

// Destroying it gives up silently; `done` may destroy it. done gets the time the reply took.
class Ping {
 public:
  static constexpr std::size_t payload_bytes_max = 65'507;  // that one IPv4 datagram carries, in fragments
  using Done = std::move_only_function<void(Result<Duration, PingError>)>;
  Ping(Loop& loop, Random& random, IpAddress to, std::size_t payload_bytes, Duration within, Done done,
       Egress egress = {});

 private:
  bool open();
  void send();
  void receive();
  bool answers(Bytes packet) const;
  void finish(Result<Duration, PingError> result);

  Loop& loop_;
  IpAddress to_;
  Buffer request_;    // the whole ICMP message
  Buffer space_;      // for a reply of that length
  bool raw_ = false;  // the kernel gives us the IPv4 header and everybody's replies
  Instant sent_{};
  Done done_;
  Egress egress_;
  Timer timer_;
  std::unique_ptr<Readiness> socket_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace quoin::io

// Starting flows from here: the engineer's side of the tunnel, and tests. An archive of its own (netstack_active), so
// that the program at the customer's site has no code that could start anything.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "base/time.h"
#include "netstack/stack.h"

namespace quoin::netstack {

enum class OpenRefusal : std::uint8_t {
  no_address,  // the stack has none of this IP version
  no_port,     // every port tried is taken towards this remote endpoint
  too_many,    // flows, or no memory for one more
};

class ActiveOpen {
 public:
  // TCP: Connected or Closed follows. Bytes may be written at once.
  static Result<FlowId, OpenRefusal> connect(Stack& stack, const Endpoint& remote, Instant now);
  // UDP: may be used at once.
  static Result<FlowId, OpenRefusal> open_datagrams(Stack& stack, const Endpoint& remote, Instant now);

 private:
  static Result<FlowId, OpenRefusal> open(Stack& stack, std::uint8_t protocol, const Endpoint& remote, Instant now);
};

}  // namespace quoin::netstack

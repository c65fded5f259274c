// TSMP, the little that a Tailscale peer asks of an address itself: IP protocol 99, payload directly after the IP
// header (tailscale.com, net/packet/tsmp.go).
//
//   ping  'p' | 8 bytes                    what `tailscale ping --tsmp` sends
//   pong  'o' | the same 8 bytes | u16 port of the peer's API, which we have none of: 0
//
// It is answered here, without asking the device: it proves the tunnel and this host. Every other type ('!' reject,
// 'a' disco key, ...) is none of the stack's business.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "netstack/wire/ip.h"

namespace quoin::netstack {

std::optional<Buffer> tsmp_pong(const IpPacket& ping);  // a whole packet; none if it was no ping

}  // namespace quoin::netstack

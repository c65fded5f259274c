// What a place of the flow table holds.
//
//     PendingOpen ──accept──▶ TcpFlow ──▶ Ended        TCP: a SYN that waits, a connection, a last word to be told
//     UdpFlow (waiting) ──accept──▶ UdpFlow ──▶ Ended
//
// What the owner has not been told yet is a bit each, so that no event can pile up.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/bytes.h"
#include "base/time.h"
#include "netstack/events.h"
#include "netstack/tcp/connection.h"
#include "netstack/tcp_packets.h"
#include "netstack/udp_flow.h"

namespace quoin::netstack {

struct PendingOpen {
  Buffer syn_packet;       // as it came in: for the connection to begin with, or for an ICMP error to quote
  std::uint32_t sequence;  // of it
};

struct TcpFlow {
  tcp::Connection connection;
  std::optional<UnsentRest> rest;
  std::optional<Instant> quiet_at;  // when memory kept for speed is given back, unless something happens before
};

struct Ended {
  CloseReason why;
};

struct Flow {
  std::variant<PendingOpen, TcpFlow, UdpFlow, Ended> state;
  std::size_t bytes_charged = 0;  // to the memory budget

  struct Untold {
    bool incoming = false;
    bool connected = false;
    bool readable = false;
    bool writable = false;
    bool peer_finished = false;
    std::optional<tcp::Missing::Report> missing = {};
    bool closed = false;
    bool operator==(const Untold&) const = default;
  };
  Untold untold = {};
  bool telling = false;        // in the line of flows with something untold
  bool wants_room = false;     // the owner met a full queue or a full budget
  bool told_readable = false;  // UDP: since the last datagram was taken

  bool pending() const {
    const auto* udp = std::get_if<UdpFlow>(&state);
    return std::holds_alternative<PendingOpen>(state) || (udp != nullptr && !udp->accepted);
  }
};

}  // namespace quoin::netstack

// A user-space TCP/IP host that answers: packets out of a tunnel in bursts go in, flows come out as values.
//
// It has addresses but no sockets, no threads and no clock. A peer's SYN, first datagram or echo request becomes an
// event that the owner answers once it knows what the device behind it says; until then nothing is sent, so that the
// peer sees the device's own silence, refusal or answer. This class can only answer: starting a connection is a
// function of another archive (active_open.h), which the program at the customer's site does not link.
//
// Packets must be what one peer may send: the caller has checked their source against WireGuard's allowed addresses.
// Everything else is checked here, and what is refused is counted under its reason (statistics.h). Datagrams in
// fragments are put together first (reassembly.h), with memory of their own.
//
// Drive: after any call that is not const, drain poll_transmit and poll_event, then sleep until poll_timeout.
// Hosts: RFC 1122, RFC 9293; ICMP: RFC 792, RFC 4443; UDP: RFC 768.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/packet_batch.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "netstack/events.h"
#include "netstack/flow_id.h"
#include "netstack/statistics.h"

namespace quoin::netstack {

struct StackConfig {
  std::size_t mtu = 1280;  // what leaves is never longer; at least 1280
  std::size_t flows_max = 4'096;
  std::size_t pending_max = 320;            // flows that wait for accept or refuse
  Duration pending_lifetime = seconds(30);  // then TCP is reset and UDP forgotten
  std::size_t memory_bytes_max = 32 << 20;  // what all flows buffer together
  bool keepalive = false;  // of accepted TCP flows: after 15 s, every 5 s, four times; early: answers.cc
};

enum class DatagramRefusal : std::uint8_t {
  no_flow,    // the name is of no UDP flow, or of one not accepted
  no_room,    // too many wait to be sent: Writable follows
  too_large,  // over 65,507 bytes, or over the mtu where only fragments could carry it (IPv6)
};

class Stack {
 public:
  // What a connection takes before anything is buffered for it, at most.
  static constexpr std::size_t connection_bytes_min = 14 << 10;

  Stack(StackConfig config, Random& random, Instant now);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // Flows of addresses that are no longer here are closed.
  void set_addresses(std::vector<IpAddress> addresses);
  // Fragments of that peer's count no more: its address may become another's.
  void forget_fragments_of(const IpAddress& remote);

  // IP packets as they come out of the tunnel, in order; they are read in place and not kept.
  void handle_burst(std::span<const MutableBytes> packets, Instant now);
  void handle_timeout(Instant now);
  // Appends packets until the batch is full or nothing is left to send now; says whether it appended any. Packets of
  // one destination stand together.
  bool poll_transmit(PacketBatch& out, Instant now);
  std::optional<StackEvent> poll_event();
  std::optional<Instant> poll_timeout() const;  // none: nothing will happen by itself

  // The answers to Incoming. A name whose flow has ended is ignored, here and below.
  bool accept(FlowId flow, Instant now);  // false: it has ended, or there is no memory for it (TCP: it is reset)
  void refuse(FlowId flow, Refusal refusal);

  // TCP. What has arrived in order, borrowed until the next call that is not const; consume says how much was taken.
  std::array<Bytes, 2> readable(FlowId flow) const;
  void consume(FlowId flow, std::size_t bytes, Instant now);
  // Room at the end of the send queue, to be filled by the owner, who then says how much was. Both empty: Writable
  // follows.
  std::array<MutableBytes, 2> write_space(FlowId flow);
  void commit(FlowId flow, std::size_t bytes, Instant now);
  void finish(FlowId flow, Instant now);  // nothing follows what was written: FIN
  void abort(FlowId flow, Instant now);   // RST; the name is dead
  // RST once the peer has acknowledged all that was written, or after `delivery_max`; then Closed follows.
  static constexpr Duration delivery_max = seconds(10);
  void abort_when_delivered(FlowId flow, Instant now);

  // UDP. Datagrams in, oldest first; empty ones exist.
  std::optional<Buffer> receive_datagram(FlowId flow, Instant now);
  Result<void, DatagramRefusal> send_datagram(FlowId flow, Bytes datagram, Instant now);
  void unreachable(FlowId flow, Refusal why);  // of the device's port or host: passes it on, ends the flow
  void close_datagrams(FlowId flow);           // ends the flow in silence

  // The device answered the ping; the reply carries what the request did. Unanswered ones need no call.
  void answer_echo(std::uint64_t echo);

  const StackStatistics& statistics() const;
  std::size_t flows() const;
  std::size_t memory_bytes() const;  // what all flows buffer together, now

  class Rooms;  // what is inside, for the archive that opens connections

 private:
  friend class ActiveOpen;
  std::unique_ptr<Rooms> rooms_;
};

}  // namespace quoin::netstack

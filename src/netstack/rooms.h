// The inside of a Stack: what its rooms are and who walks between them. Not for owners of a stack (stack.h).
//
// A packet comes in through inbound.cc (and tcp_inbound.cc), finds its flow by its key, and ends in a call on that
// flow's connection or queue. After anything that may have changed a flow, attend() looks what there is to tell, when
// it wants to be woken, what it may buffer, and puts it into the outbox. outbound.cc takes packets out of there.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "netstack/echo_requests.h"
#include "netstack/flow.h"
#include "netstack/flow_table.h"
#include "netstack/outbox.h"
#include "netstack/rate_limit.h"
#include "netstack/reassembly.h"
#include "netstack/segment_runs.h"
#include "netstack/stack.h"
#include "netstack/tcp/isn.h"
#include "netstack/time_wait_table.h"
#include "netstack/timer_queue.h"
#include "netstack/wire/icmp.h"

namespace quoin::netstack {

class Stack::Rooms {
 public:
  // What a TCP flow takes before it buffers anything: itself, its controller, two rings of the smallest size.
  static constexpr std::size_t flow_bytes_floor = sizeof(tcp::Connection) + 2 * tcp::Ring::capacity_min + 1'024;
  static_assert(flow_bytes_floor <= connection_bytes_min);
  // What one TCP flow may buffer in one direction, whatever is free.
  static constexpr std::size_t flow_bytes_max = 16 << 20;
  static constexpr std::size_t flow_bytes_min = 16 << 10;
  static constexpr std::size_t write_bytes_max = 64 << 10;  // that one write_space offers
  // A flow that nothing happens to for this long gives memory back that it kept for speed, if it is worth it.
  static constexpr Duration quiet_time = seconds(1);
  static constexpr std::size_t quiet_bytes_min = 128 << 10;
  // Resets of strays and ICMP errors: so many at once, then one each interval.
  static constexpr std::uint32_t answers_burst = 64;
  static constexpr Duration answers_interval = milliseconds(10);

  Rooms(const StackConfig& config, Random& random, Instant now);

  // inbound.cc
  void set_addresses(std::vector<IpAddress> now_ours);
  void handle_burst(std::span<const MutableBytes> packets, Instant now);

  // outbound.cc
  bool poll_transmit(PacketBatch& out, Instant now);
  void send(const IpAddress& destination, Buffer packet);
  void send_limited(const IpAddress& destination, Buffer packet, Instant now);

  // flows.cc
  std::optional<FlowId> open(const FlowKey& key, Flow flow);  // none: the table is full
  // Datagrams leave an eighth of all places, and a quarter of those that wait, to connections.
  bool full(std::uint8_t protocol) const {
    return table.size() >= (protocol == IpProtocol::udp ? config.flows_max / 8 * 7 : config.flows_max);
  }
  Flow* find(FlowId id);  // none: it has ended
  template <class State>
  State* find(FlowId id) {
    Flow* flow = find(id);
    return flow == nullptr ? nullptr : std::get_if<State>(&flow->state);
  }
  void end(FlowId id, CloseReason why);  // and tell
  void forget(FlowId id);                // and tell nothing
  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const;
  std::optional<StackEvent> poll_event();

  // attend.cc
  void attend(FlowId id, Instant now);
  std::array<MutableBytes, 2> write_space(FlowId id, TcpFlow& tcp);
  std::size_t bytes_free() const { return config.memory_bytes_max - std::min(config.memory_bytes_max, bytes_used); }
  // What may still be buffered beyond the floors of flows. Half of the budget is for floors, so that two thousand flows
  // find room after a few have filled all they may.
  std::size_t bytes_for_buffers() const {
    const std::size_t kept = config.memory_bytes_max / 8;
    const std::size_t buffers_max = config.memory_bytes_max / 2;
    const std::size_t buffered = bytes_used - std::min(bytes_used, table.size() * flow_bytes_floor);
    return std::min(bytes_free() - std::min(bytes_free(), kept), buffers_max - std::min(buffers_max, buffered));
  }
  bool room_for_flow() const { return bytes_free() >= flow_bytes_floor; }

  // answers.cc
  bool accept(FlowId id, Instant now);
  void refuse(FlowId id, Refusal refusal);
  void abort(FlowId id, Instant now);
  void unreachable(FlowId id, Refusal why);
  void answer_too_large(FlowId id, Instant now);
  tcp::Config connection_config(const FlowKey& key, Instant now) const;

  StackConfig config;
  Random& random;
  StackStatistics statistics;
  std::vector<IpAddress> addresses;
  FlowTable table;
  std::vector<std::unique_ptr<Flow>> flows;  // by place
  TimerQueue timers;                         // by place
  TimeWaitTable time_waits;
  EchoRequests echoes;
  Reassembly reassembly;
  Outbox outbox;
  std::size_t bytes_used = 0;

 private:
  // inbound.cc
  void handle_packet(Bytes bytes, Instant now);
  void handle_whole(const IpPacket& packet, Instant now);
  bool is_for_us(const IpPacket& packet);
  void handle_udp(const IpPacket& packet, Instant now);
  void handle_icmp(const IpPacket& packet, Instant now);
  bool handle_icmp_error(const IpPacket& packet, const IcmpError& error, Instant now);
  bool handle_too_big(const IcmpError& error, Instant now);
  void handle_tsmp(const IpPacket& packet, Instant now);

  // fragments.cc
  void handle_fragment(Bytes bytes, Instant now);
  void handle_given_up(Instant now);
  void given_up_for_room(const IpPacket& first, Instant now);

  // tcp_inbound.cc
  void handle_tcp(const IpPacket& packet, Instant now);
  void end_run(Instant now);
  void handle_segment(FlowId id, TcpFlow& tcp, const tcp::Segment& segment, Instant now);
  void handle_syn(const FlowKey& key, const tcp::Segment& segment, const IpPacket& packet, Instant now);
  void handle_pending(FlowId id, PendingOpen& pending, const tcp::Segment& segment, const IpPacket& packet,
                      Instant now);
  void handle_stray(const FlowKey& key, const tcp::Segment& segment, Instant now);

  // outbound.cc
  enum class Said { all, a_segment, part };  // part: the batch is full
  bool serve(Outbox::Line& line, PacketBatch& out, Instant now);
  Said transmit(FlowId id, PacketBatch& out, Instant now);

  // flows.cc
  void tell(FlowId id, Flow& flow);
  void clear(FlowId id, Flow& flow);
  void handle_flow_timeout(FlowId id, Instant now);
  bool pending_full(std::uint8_t protocol) const {
    return pending_ >= (protocol == IpProtocol::udp ? config.pending_max / 4 * 3 : config.pending_max);
  }
  void lose(StackEvent what);

  // attend.cc
  void attend_tcp(FlowId id, Flow& flow, TcpFlow& tcp, Instant now);
  void attend_udp(FlowId id, Flow& flow, UdpFlow& udp);
  void set_timer(FlowId id, const TcpFlow& tcp);
  void charge(Flow& flow, std::size_t bytes);
  std::size_t fair_bytes() const;
  bool room_for(const tcp::Connection& connection, const tcp::Segment& segment) const;
  std::size_t room_to_write(const tcp::Connection& connection) const;
  void send_last_words(const FlowKey& key, TcpFlow& tcp, Instant now);

  // answers.cc
  void answer_syn(FlowId id, const PendingOpen& pending, Refusal refusal);
  std::optional<Buffer> complaint_about(FlowId id, const UdpFlow& udp, IcmpUnreachable what) const;

  tcp::InitialSequence initial_sequence_;
  RateLimit answers_;
  SegmentRun run_;
  std::deque<FlowId> telling_;
  static constexpr std::size_t lost_max = 4096;  // more packets than come in one burst
  std::deque<StackEvent> lost_;
  std::size_t pending_ = 0;
  std::uint16_t next_identification_;
};

}  // namespace quoin::netstack

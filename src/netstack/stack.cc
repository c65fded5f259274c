#include "netstack/stack.h"

#include <cassert>

#include "netstack/rooms.h"
#include "netstack/wire/udp.h"

namespace quoin::netstack {

Stack::Rooms::Rooms(const StackConfig& stack_config, Random& stack_random, Instant now)
    : config(stack_config),
      random(stack_random),
      table(stack_config.flows_max, stack_random),
      time_waits(stack_random),
      initial_sequence_(stack_random),
      answers_(answers_burst, answers_interval, now),
      next_identification_(static_cast<std::uint16_t>(stack_random.u32())) {
  assert(config.mtu >= 1'280);  // RFC 8200, section 5
}

Stack::Stack(StackConfig config, Random& random, Instant now) : rooms_(std::make_unique<Rooms>(config, random, now)) {}
Stack::~Stack() = default;

void Stack::set_addresses(std::vector<IpAddress> addresses) {
  rooms_->set_addresses(std::move(addresses));
}
void Stack::forget_fragments_of(const IpAddress& remote) {
  rooms_->reassembly.remove_of(remote);
}
void Stack::handle_burst(std::span<const MutableBytes> packets, Instant now) {
  rooms_->handle_burst(packets, now);
}
void Stack::handle_timeout(Instant now) {
  rooms_->handle_timeout(now);
}
bool Stack::poll_transmit(PacketBatch& out, Instant now) {
  return rooms_->poll_transmit(out, now);
}
std::optional<StackEvent> Stack::poll_event() {
  return rooms_->poll_event();
}
std::optional<Instant> Stack::poll_timeout() const {
  return rooms_->poll_timeout();
}
bool Stack::accept(FlowId flow, Instant now) {
  return rooms_->accept(flow, now);
}
void Stack::refuse(FlowId flow, Refusal refusal) {
  rooms_->refuse(flow, refusal);
}
void Stack::abort(FlowId flow, Instant now) {
  rooms_->abort(flow, now);
}
void Stack::unreachable(FlowId flow, Refusal why) {
  rooms_->unreachable(flow, why);
}

std::array<Bytes, 2> Stack::readable(FlowId flow) const {
  const TcpFlow* tcp = rooms_->find<TcpFlow>(flow);
  if (tcp == nullptr) return {};
  return tcp->connection.readable();
}

void Stack::consume(FlowId flow, std::size_t bytes, Instant now) {
  TcpFlow* tcp = rooms_->find<TcpFlow>(flow);
  if (tcp == nullptr || bytes == 0) return;
  tcp->connection.consume(bytes, now);
  rooms_->attend(flow, now);
}

std::array<MutableBytes, 2> Stack::write_space(FlowId flow) {
  TcpFlow* tcp = rooms_->find<TcpFlow>(flow);
  if (tcp == nullptr) return {};
  return rooms_->write_space(flow, *tcp);
}

void Stack::commit(FlowId flow, std::size_t bytes, Instant now) {
  TcpFlow* tcp = rooms_->find<TcpFlow>(flow);
  if (tcp == nullptr || bytes == 0) return;
  tcp->connection.commit(bytes, now);
  rooms_->attend(flow, now);
}

void Stack::finish(FlowId flow, Instant now) {
  TcpFlow* tcp = rooms_->find<TcpFlow>(flow);
  if (tcp == nullptr) return;
  tcp->connection.finish(now);
  rooms_->attend(flow, now);
}

void Stack::abort_when_delivered(FlowId flow, Instant now) {
  TcpFlow* tcp = rooms_->find<TcpFlow>(flow);
  if (tcp == nullptr) return rooms_->abort(flow, now);
  tcp->connection.abort_when_delivered(delivery_max, now);
  rooms_->attend(flow, now);
}

std::optional<Buffer> Stack::receive_datagram(FlowId flow, Instant now) {
  UdpFlow* udp = rooms_->find<UdpFlow>(flow);
  if (udp == nullptr || !udp->accepted || udp->in.empty()) return std::nullopt;
  Buffer datagram = udp->in.pop();
  // While some are left the owner is reading, and need not be told of more.
  rooms_->find(flow)->told_readable = !udp->in.empty();
  rooms_->attend(flow, now);
  return datagram;
}

Result<void, DatagramRefusal> Stack::send_datagram(FlowId flow, Bytes datagram, Instant now) {
  UdpFlow* udp = rooms_->find<UdpFlow>(flow);
  if (udp == nullptr || !udp->accepted) return failure(DatagramRefusal::no_flow);
  const bool v4 = rooms_->table.key(flow).local.address.is_v4();
  const std::size_t bytes_max = v4 ? udp_data_bytes_max : rooms_->config.mtu - ipv6_header_bytes - udp_header_bytes;
  if (datagram.size() > bytes_max) {
    rooms_->answer_too_large(flow, now);
    return failure(DatagramRefusal::too_large);
  }
  if (!udp->out.fits(datagram.size()) || datagram.size() > rooms_->bytes_for_buffers()) {
    rooms_->statistics.datagrams_out_dropped++;
    rooms_->find(flow)->wants_room = true;
    return failure(DatagramRefusal::no_room);
  }
  udp->out.push(to_buffer(datagram));
  udp->last_passed = now;
  rooms_->attend(flow, now);
  return {};
}

void Stack::close_datagrams(FlowId flow) {
  if (rooms_->find<UdpFlow>(flow) != nullptr) rooms_->forget(flow);
}

void Stack::answer_echo(std::uint64_t echo) {
  if (auto reply = rooms_->echoes.answer(echo)) rooms_->send(reply->destination, std::move(reply->packet));
}

const StackStatistics& Stack::statistics() const {
  return rooms_->statistics;
}
std::size_t Stack::flows() const {
  return rooms_->table.size();
}
std::size_t Stack::memory_bytes() const {
  return rooms_->bytes_used;
}

}  // namespace quoin::netstack

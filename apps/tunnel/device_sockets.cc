#include "device_sockets.h"

#include <algorithm>
#include <utility>

#include "io/clock.h"

namespace quoin::apps {
namespace {

bool tells_engineer(io::UdpFlowStop stop) {
  return stop == io::UdpFlowStop::refused || stop == io::UdpFlowStop::unreachable;
}
netstack::Refusal refusal(io::UdpFlowStop stop) {
  return stop == io::UdpFlowStop::unreachable ? netstack::Refusal::host_unreachable
                                              : netstack::Refusal::port_unreachable;
}

}  // namespace

DeviceSockets::DeviceSockets(io::Loop& loop, tunnel::Tunnel& tunnel, io::Callback moved)
    : loop_(loop), tunnel_(tunnel), moved_(std::move(moved)), datagram_space_(io::UdpFlow::datagram_bytes_max) {}

DeviceSockets::~DeviceSockets() = default;

void DeviceSockets::add(const tunnel::ForFlow& flow, io::Descriptor connected) {
  if (flow.transport == netstack::Transport::tcp) {
    tcp_[flow.flow].stream = std::make_unique<io::TcpStream>(loop_, std::move(connected));
    work(flow.flow);
  } else {
    udp_[flow.flow] = std::make_unique<io::UdpFlow>(loop_, std::move(connected));
    wait_for_datagram(flow.flow);
  }
}

void DeviceSockets::work(netstack::FlowId flow) {
  const auto found = tcp_.find(flow);
  if (found == tcp_.end()) return;
  Tcp& socket = found->second;
  const auto again = [this, flow](bool Tcp::* waits) {
    return [this, flow, waits] {
      if (const auto waiting = tcp_.find(flow); waiting != tcp_.end()) waiting->second.*waits = false;
      work(flow);
      moved_();
    };
  };
  const Outcome written = socket.has_broken ? Outcome::done : write(flow, socket);
  if (written == Outcome::failed) socket.has_broken = true;
  const Outcome was_read = read(flow, socket);
  if (was_read == Outcome::failed) {
    tunnel_.device_failed(flow, io::now());  // answered by CloseFlow
    return;
  }
  if (written == Outcome::would_block && !std::exchange(socket.waits_to_write, true)) {
    socket.stream->wait_writable(again(&Tcp::waits_to_write));
  }
  if (was_read == Outcome::would_block && !std::exchange(socket.waits_to_read, true)) {
    socket.stream->wait_readable(again(&Tcp::waits_to_read));
  }
}

DeviceSockets::Outcome DeviceSockets::write(netstack::FlowId flow, Tcp& socket) {
  if (socket.waits_to_write) return Outcome::would_block;
  for (;;) {
    const Bytes pending = tunnel_.device_pending(flow)[0];
    if (pending.empty()) break;
    const auto moved = socket.stream->write_some(pending);
    if (!moved) return moved.error() == io::StreamStop::would_block ? Outcome::would_block : Outcome::failed;
    tunnel_.device_sent(flow, *moved, io::now());
  }
  if (socket.finish_wanted && !std::exchange(socket.has_finished, true)) socket.stream->finish_writing();
  return Outcome::done;
}

DeviceSockets::Outcome DeviceSockets::read(netstack::FlowId flow, Tcp& socket) {
  if (socket.device_ended) return socket.has_broken ? Outcome::failed : Outcome::done;
  if (socket.waits_to_read && !socket.has_broken) return Outcome::would_block;
  for (std::size_t total = 0; total < bytes_per_turn;) {
    const MutableBytes space = tunnel_.device_space(flow)[0];
    if (space.empty()) return Outcome::done;  // FlowWork follows when there is room again
    const auto moved = socket.stream->read_some(space);
    if (!moved) {
      if (moved.error() == io::StreamStop::would_block) return Outcome::would_block;
      if (moved.error() != io::StreamStop::finished || socket.has_broken) return Outcome::failed;
      socket.device_ended = true;
      tunnel_.device_finished(flow, io::now());
      return Outcome::done;
    }
    tunnel_.device_received(flow, *moved, io::now());
    total += *moved;
  }
  return Outcome::would_block;  // its turn is over; readiness calls again at once
}

void DeviceSockets::finish(netstack::FlowId flow) {
  if (const auto found = tcp_.find(flow); found != tcp_.end()) {
    found->second.finish_wanted = true;
    work(flow);
  }
}

void DeviceSockets::send(netstack::FlowId flow, Bytes datagram) {
  const auto found = udp_.find(flow);
  if (found == udp_.end()) return;
  const auto sent = found->second->send(datagram);
  if (!sent && tells_engineer(sent.error())) tunnel_.device_refused(flow, refusal(sent.error()), io::now());
  if (!sent && sent.error() == io::UdpFlowStop::too_large) tunnel_.device_datagram_too_large(flow, io::now());
  // A full socket drops the datagram, as any network may.
}

void DeviceSockets::wait_for_datagram(netstack::FlowId flow) {
  udp_.at(flow)->wait_readable([this, flow] {
    receive_datagrams(flow);
    moved_();
  });
}

void DeviceSockets::receive_datagrams(netstack::FlowId flow) {
  for (int turn = 0; turn < datagrams_per_turn; turn++) {
    const auto found = udp_.find(flow);
    if (found == udp_.end()) return;
    const auto datagram = found->second->receive(datagram_space_);
    if (datagram) {
      tunnel_.device_datagram(flow, *datagram, io::now());
      continue;
    }
    if (datagram.error() == io::UdpFlowStop::would_block) return wait_for_datagram(flow);
    return tunnel_.device_refused(flow, refusal(datagram.error()), io::now());  // or broken: then nothing is there
  }
  if (udp_.contains(flow)) wait_for_datagram(flow);  // a device that never stops does not keep everything else waiting
}

void DeviceSockets::close(netstack::FlowId flow, bool reset) {
  if (reset) forget_ending(flow);
  if (auto found = tcp_.extract(flow); found && !reset) end(flow, std::move(found.mapped()));
  udp_.erase(flow);
}

void DeviceSockets::end(netstack::FlowId flow, Tcp socket) {
  if (!socket.has_finished) socket.stream->finish_writing();
  const Instant now = io::now();
  const std::uint64_t acknowledged = socket.stream->ending().bytes_acknowledged;
  ending_.emplace(flow, Ending{std::move(socket.stream), acknowledged, now, first_pause, now});
  looks_.emplace(now, flow);
}

void DeviceSockets::look(netstack::FlowId flow, Instant now) {
  Ending& ending = ending_.at(flow);
  looks_.erase({ending.next_look, flow});
  const io::TcpEnding known = ending.stream->ending();
  if (known.bytes_acknowledged != ending.bytes_acknowledged) ending.since = now;
  if (known.is_over || now - ending.since >= ending_patience) {
    ending_.erase(flow);
    return tunnel_.device_closed(flow, now);
  }
  ending.bytes_acknowledged = known.bytes_acknowledged;
  ending.next_look = now + ending.pause;
  ending.pause = std::min(ending.pause * 2, longest_pause);
  looks_.emplace(ending.next_look, flow);
}

void DeviceSockets::forget_ending(netstack::FlowId flow) {
  const auto found = ending_.find(flow);
  if (found == ending_.end()) return;
  looks_.erase({found->second.next_look, flow});
  ending_.erase(found);
}

void DeviceSockets::handle_timeout(Instant now) {
  while (!looks_.empty() && looks_.begin()->first <= now) look(looks_.begin()->second, now);
}

std::optional<Instant> DeviceSockets::poll_timeout() const {
  return looks_.empty() ? std::nullopt : std::optional(looks_.begin()->first);
}

}  // namespace quoin::apps

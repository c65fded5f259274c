#include "netstack/two_stacks_test.h"

#include <algorithm>

namespace quoin::netstack::testing {
namespace {

std::byte byte_at(std::uint64_t direction, std::uint64_t position) {
  const std::uint64_t mixed = (position + direction * 1'000'003) * 0x9e37'79b9'7f4a'7c15u;
  return std::byte(mixed >> 56);
}

template <class Event>
const Event* as(const StackEvent& event) {
  return std::get_if<Event>(&event);
}

}  // namespace

TwoStacks::TwoStacks(std::uint64_t seed, Line line, StackConfig config)
    : random(seed), near(config, random, now), far(config, random, now), line_(line) {
  near.set_addresses({*IpAddress::parse("100.64.0.1"), *IpAddress::parse("fd7a:115c:a1e0::1")});
  far.set_addresses({*IpAddress::parse("100.64.0.2"), *IpAddress::parse("fd7a:115c:a1e0::2")});
}

FlowId TwoStacks::connect(std::uint64_t to_far, std::uint64_t to_near, const char* remote, std::uint16_t port) {
  to_near_ = to_near;
  const FlowId flow = ActiveOpen::connect(near, {*IpAddress::parse(remote), port}, now).value();
  near_talks[flow].to_write = to_far;
  write(near_side_, flow, near_talks[flow]);
  return flow;
}

bool TwoStacks::run(Duration limit) {
  const Instant end = now + limit;
  settle(near_side_);
  settle(far_side_);
  while (!all_closed()) {
    const Instant next = next_moment();
    if (next > end) return false;
    // A deadline may be due at once, but something has to come of it.
    now = std::max(now, next);
    std::vector<Buffer> bursts[2];
    while (!on_the_line_.empty() && on_the_line_.begin()->first <= now) {
      auto [towards_far, packet] = std::move(on_the_line_.begin()->second);
      on_the_line_.erase(on_the_line_.begin());
      bursts[towards_far].push_back(std::move(packet));
    }
    for (Side* side : {&near_side_, &far_side_}) {
      std::vector<Buffer>& burst = bursts[side == &far_side_];
      const std::vector<MutableBytes> packets_in(burst.begin(), burst.end());
      side->stack.handle_burst(packets_in, now);
      side->stack.handle_timeout(now);
      settle(*side);
      const auto deadline = side->stack.poll_timeout();
      if (deadline && *deadline <= now) stuck = true;
    }
    if (stuck) return false;
  }
  return true;
}

Instant TwoStacks::next_moment() const {
  Instant next = Instant::max();
  if (!on_the_line_.empty()) next = on_the_line_.begin()->first;
  for (const Side* side : {&near_side_, &far_side_}) {
    if (const auto deadline = side->stack.poll_timeout()) next = std::min(next, *deadline);
    for (const auto& [flow, talk] : side->talks) {
      if (talk.next_read > now) next = std::min(next, talk.next_read);
    }
  }
  return next;
}

void TwoStacks::settle(Side& side) {
  for (auto& [flow, talk] : side.talks) {
    if (talk.closed.empty()) work(side, flow, talk);
  }
  send(side);
  while (const auto event = side.stack.poll_event()) {
    hear(side, *event);
    send(side);
  }
  most_memory = std::max(most_memory, side.stack.memory_bytes());
}

void TwoStacks::hear(Side& side, const StackEvent& event) {
  if (const auto* incoming = as<Incoming>(event)) {
    switch (answer) {
      case Answer::accept: {
        side.stack.accept(incoming->flow, now);
        Talk& talk = side.talks[incoming->flow] = far_template;
        talk.to_write = to_near_;
        work(side, incoming->flow, talk);
        break;
      }
      case Answer::reset: side.stack.refuse(incoming->flow, Refusal::reset); break;
      case Answer::unreachable: side.stack.refuse(incoming->flow, Refusal::host_unreachable); break;
      case Answer::silence: break;
    }
    return;
  }
  const auto about = [&](FlowId flow) -> Talk& {
    Talk& talk = side.talks[flow];
    if (!talk.closed.empty()) talk.events_after_closed++;
    return talk;
  };
  if (const auto* readable = as<Readable>(event)) {
    work(side, readable->flow, about(readable->flow));
  } else if (const auto* writable = as<Writable>(event)) {
    work(side, writable->flow, about(writable->flow));
  } else if (const auto* finished = as<PeerFinished>(event)) {
    about(finished->flow).peer_finished = true;
  } else if (const auto* closed = as<Closed>(event)) {
    about(closed->flow).closed.push_back(closed->why);
  }
}

void TwoStacks::work(Side& side, FlowId flow, Talk& talk) {
  read(side, flow, talk);
  write(side, flow, talk);
}

void TwoStacks::write(Side& side, FlowId flow, Talk& talk) {
  while (talk.written < talk.to_write) {
    const auto space = side.stack.write_space(flow);
    std::size_t filled = 0;
    for (const MutableBytes span : space) {
      for (std::byte& byte : span) {
        if (talk.written == talk.to_write) break;
        byte = byte_at(side.direction, talk.written++);
        filled++;
      }
    }
    if (filled == 0) return;
    side.stack.commit(flow, filled, now);
  }
  if (!talk.finished) side.stack.finish(flow, now);
  talk.finished = true;
}

void TwoStacks::read(Side& side, FlowId flow, Talk& talk) {
  if (talk.next_read > now) return;
  std::uint64_t taken = 0;
  for (const Bytes span : side.stack.readable(flow)) {
    for (const std::byte byte : span) {
      if (taken == talk.reads_per_wakeup) break;
      talk.corrupt = talk.corrupt || byte != byte_at(3 - side.direction, talk.read + taken);
      taken++;
    }
  }
  if (taken == 0) return;
  talk.read += taken;
  if (talk.pause > Duration(0)) talk.next_read = now + talk.pause;
  side.stack.consume(flow, taken, now);
}

void TwoStacks::send(Side& side) {
  PacketBatch batch(1'280);
  const auto chance = [&](std::uint64_t percent) { return percent > 0 && random.below(100) < percent; };
  while (side.stack.poll_transmit(batch, now)) {
    for (std::size_t i = 0; i < batch.size(); i++) {
      packets++;
      if (chance(line_.loss_percent)) continue;
      for (int copies = chance(line_.duplicate_percent) ? 2 : 1; copies > 0; copies--) {
        Duration delay = line_.delay;
        if (chance(line_.reorder_percent)) {
          delay +=
              Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(3 * line_.delay.count()))));
        }
        on_the_line_.emplace(now + delay, std::pair(&side == &near_side_, to_buffer(batch.packet(i))));
      }
    }
    batch.clear();
  }
}

bool TwoStacks::all_closed() const {
  const auto closed = [](const auto& entry) { return !entry.second.closed.empty(); };
  return std::ranges::all_of(near_talks, closed) && std::ranges::all_of(far_talks, closed);
}

}  // namespace quoin::netstack::testing

// The life of a flow inside the stack: opened, attended after each change, told about, ended.
#include <algorithm>
#include <utility>

#include "netstack/rooms.h"

namespace quoin::netstack {

std::optional<FlowId> Stack::Rooms::open(const FlowKey& key, Flow flow) {
  const auto id = full(key.protocol) ? std::nullopt : table.insert(key);
  if (!id) {
    statistics.flows_full++;
    return std::nullopt;
  }
  if (id->index >= flows.size()) flows.resize(id->index + 1);
  if (flow.pending()) pending_++;
  flows[id->index] = std::make_unique<Flow>(std::move(flow));
  return id;
}

Flow* Stack::Rooms::find(FlowId id) {
  return table.linked(id) ? flows[id.index].get() : nullptr;
}

void Stack::Rooms::tell(FlowId id, Flow& flow) {
  if (flow.telling || flow.untold == Flow::Untold{}) return;
  flow.telling = true;
  telling_.push_back(id);
}

void Stack::Rooms::clear(FlowId id, Flow& flow) {
  if (flow.pending()) pending_--;
  charge(flow, 0);
  timers.clear(id.index);
  outbox.remove_flow(table.key(id).remote.address, id.index);
}

void Stack::Rooms::end(FlowId id, CloseReason why) {
  Flow* flow = find(id);
  if (flow == nullptr) return;
  // What was never announced needs no last word either.
  if (flow->untold.incoming) return forget(id);
  clear(id, *flow);
  table.unlink(id);
  flow->state = Ended{why};
  flow->untold.readable = flow->untold.writable = false;  // no call would find anything
  flow->untold.closed = true;
  tell(id, *flow);
}

void Stack::Rooms::forget(FlowId id) {
  Flow* flow = find(id);
  if (flow == nullptr) return;
  clear(id, *flow);
  flows[id.index].reset();
  table.erase(id);
}

void Stack::Rooms::handle_timeout(Instant now) {
  time_waits.handle_timeout(now);
  reassembly.handle_timeout(now);
  handle_given_up(now);
  // Each flow once, whatever deadline it asks for next.
  std::vector<FlowId> due;
  while (const auto place = timers.pop_due(now)) due.push_back(table.at(*place));
  for (const FlowId id : due) handle_flow_timeout(id, now);
}

void Stack::Rooms::handle_flow_timeout(FlowId id, Instant now) {
  Flow* flow = find(id);
  if (flow == nullptr) return;
  if (flow->pending()) {
    statistics.pending_expired++;
    if (const auto* pending = std::get_if<PendingOpen>(&flow->state)) answer_syn(id, *pending, Refusal::reset);
    end(id, CloseReason::timed_out);
  } else if (auto* tcp = std::get_if<TcpFlow>(&flow->state)) {
    if (tcp->quiet_at && *tcp->quiet_at <= now) {
      tcp->quiet_at.reset();
      tcp->connection.release_idle_memory();
    }
    tcp->connection.handle_timeout(now);
    attend_tcp(id, *flow, *tcp, now);
  } else if (auto* udp = std::get_if<UdpFlow>(&flow->state)) {
    if (udp->idle_at() > now) {
      timers.set(id.index, udp->idle_at());
    } else {
      statistics.datagrams_idle_closed++;
      end(id, CloseReason::idle);
    }
  }
}

std::optional<Instant> Stack::Rooms::poll_timeout() const {
  std::optional<Instant> next;
  for (const auto& at : {timers.earliest(), time_waits.poll_timeout(), reassembly.poll_timeout()}) {
    if (at && (!next || *at < *next)) next = at;
  }
  return next;
}

void Stack::Rooms::lose(StackEvent what) {
  if (lost_.size() < lost_max) {
    lost_.push_back(what);
  } else {
    statistics.losses_untold++;
  }
}

std::optional<StackEvent> Stack::Rooms::poll_event() {
  while (!telling_.empty()) {
    const FlowId id = telling_.front();
    if (!table.holds(id)) {  // forgotten meanwhile
      telling_.pop_front();
      continue;
    }
    Flow& flow = *flows[id.index];
    Flow::Untold& untold = flow.untold;
    const FlowKey& key = table.key(id);
    if (std::exchange(untold.incoming, false)) {
      const Transport transport = key.protocol == IpProtocol::tcp ? Transport::tcp : Transport::udp;
      return Incoming{id, transport, key.local, key.remote};
    }
    if (std::exchange(untold.connected, false)) return Connected{id};
    if (std::exchange(untold.readable, false)) return Readable{id};
    if (std::exchange(untold.writable, false)) return Writable{id};
    if (std::exchange(untold.peer_finished, false)) return PeerFinished{id};
    if (const auto report = std::exchange(untold.missing, std::nullopt)) {
      return Missing{key.remote.address, report->since, report->certain};
    }
    telling_.pop_front();
    flow.telling = false;
    if (untold.closed) {
      const CloseReason why = std::get<Ended>(flow.state).why;
      flows[id.index].reset();
      table.erase(id);
      return Closed{id, why};
    }
  }
  if (!lost_.empty()) {
    const StackEvent lost = lost_.front();
    lost_.pop_front();
    return lost;
  }
  return echoes.next_untold();
}

}  // namespace quoin::netstack

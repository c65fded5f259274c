#include "host.h"

#include <algorithm>

namespace quoin::oracle {
namespace {

using netstack::FlowId;
using netstack::Transport;

constexpr const char* address_v4 = "10.9.0.2";
constexpr const char* address_v6 = "fd09::2";

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

const char* word_of(netstack::CloseReason reason) {
  using netstack::CloseReason;
  switch (reason) {
    case CloseReason::finished: return "finished";
    case CloseReason::reset_by_peer: return "reset_by_peer";
    case CloseReason::refused: return "refused";
    case CloseReason::timed_out: return "timed_out";
    case CloseReason::idle: return "idle";
    case CloseReason::port_unreachable: return "port_unreachable";
    case CloseReason::unreachable: return "unreachable";
    case CloseReason::address_removed: return "address_removed";
    case CloseReason::aborted: return "aborted";
  }
  return "";
}

}  // namespace

Host::Host(const HostConfig& config, Instant now)
    : random_(config.seed),
      stack_(config.stack, random_, now),
      link_(config.seed),
      at_kernel_(config.trace.empty() ? "" : config.trace + ".kernel.pcapng"),
      at_stack_(config.trace.empty() ? "" : config.trace + ".stack.pcapng"),
      batch_(config.stack.mtu) {
  stack_.set_addresses({*IpAddress::parse(address_v4), *IpAddress::parse(address_v6)});
}

void Host::from_kernel(Bytes packet, Instant now) {
  at_kernel_.packet(packet, now);
  link_.put(Direction::to_stack, packet, now);
}

std::optional<Buffer> Host::to_kernel(Instant now) {
  auto packet = link_.take(Direction::to_kernel, now);
  if (packet) at_kernel_.packet(*packet, now);
  return packet;
}

void Host::advance(Instant now) {
  std::vector<Buffer> burst;
  do {
    burst.clear();
    while (burst.size() < burst_max) {
      auto packet = link_.take(Direction::to_stack, now);
      if (!packet) break;
      at_stack_.packet(*packet, now);
      burst.push_back(std::move(*packet));
    }
    const std::vector<MutableBytes> packets(burst.begin(), burst.end());
    stack_.handle_burst(packets, now);
    stack_.handle_timeout(now);
    while (!wakes_.empty() && wakes_.begin()->first <= now) {
      const std::vector<FlowId> due = std::move(wakes_.begin()->second);
      wakes_.erase(wakes_.begin());
      for (const FlowId flow : due) work(flow, now);
    }
    transmit(now);
    while (const auto event = stack_.poll_event()) hear(*event, now);
    transmit(now);
  } while (burst.size() == burst_max);
}

void Host::transmit(Instant now) {
  while (stack_.poll_transmit(batch_, now)) {
    for (std::size_t i = 0; i < batch_.size(); i++) {
      at_stack_.packet(batch_.packet(i), now);
      link_.put(Direction::to_kernel, batch_.packet(i), now);
    }
    batch_.clear();
  }
}

std::optional<Instant> Host::poll_timeout() const {
  std::optional<Instant> next = stack_.poll_timeout();
  const auto consider = [&](const std::optional<Instant>& at) {
    if (at && (!next || *at < *next)) next = at;
  };
  consider(link_.poll_timeout());
  if (!wakes_.empty()) consider(wakes_.begin()->first);
  return next;
}

std::string Host::take_lines() {
  return std::exchange(lines_, {});
}

void Host::hear(const netstack::StackEvent& event, Instant now) {
  const auto number = [&](FlowId flow) { return std::to_string(flows_.at(flow).number); };
  std::visit(Overloaded{
                 [&](const netstack::Incoming& incoming) { hear_incoming(incoming, now); },
                 [&](const netstack::Connected& connected) {
                   say("connected " + number(connected.flow));
                   work(connected.flow, now);
                 },
                 [&](const netstack::Readable& readable) { work(readable.flow, now); },
                 [&](const netstack::Writable& writable) { work(writable.flow, now); },
                 [&](const netstack::PeerFinished& finished) {
                   say("peer_finished " + number(finished.flow));
                   Open& open = flows_.at(finished.flow);
                   if (open.conversation) open.conversation->peer_finished();
                   work(finished.flow, now);
                 },
                 [&](const netstack::Closed& closed) { ended(closed.flow, word_of(closed.why)); },
                 [&](const netstack::EchoRequest& request) { stack_.answer_echo(request.echo); },
                 [](const netstack::Missing&) {},  // of a direct way, which there is none here
                 [](const netstack::IncomingLost&) {},
                 [](const netstack::EchoRequestLost&) {},
             },
             event);
}

void Host::hear_incoming(const netstack::Incoming& incoming, Instant now) {
  const bool tcp = incoming.transport == Transport::tcp;
  const auto service = services_.find({incoming.transport, incoming.local.port});
  if (service == services_.end()) {
    stack_.refuse(incoming.flow, netstack::Refusal::reset);
    return;
  }
  Open open{.number = ++flows_heard_,
            .transport = incoming.transport,
            .script = service->second,
            .conversation = {},
            .answer_at = {}};
  numbers_[open.number] = incoming.flow;
  say("open " + std::to_string(open.number) + (tcp ? " tcp " : " udp ") + incoming.local.text() + " " +
      incoming.remote.text());
  const Script& script = open.script;
  if (script.answer_after > Duration(0)) {
    open.answer_at = now + script.answer_after;
    wakes_[*open.answer_at].push_back(incoming.flow);
  }
  const bool at_once = !open.answer_at;
  flows_.insert_or_assign(incoming.flow, std::move(open));
  if (at_once) answer(incoming.flow, now);
}

void Host::answer(FlowId flow, Instant now) {
  const Script& script = flows_.at(flow).script;
  switch (script.answer) {
    case Script::Answer::accept: return accept(flow, now);
    case Script::Answer::refuse: return refuse(flow, script.refusal);
    case Script::Answer::wait: return;
  }
}

void Host::accept(FlowId flow, Instant now) {
  Open& open = flows_.at(flow);
  if (!stack_.accept(flow, now)) return ended(flow, "not_accepted");
  if (open.transport == Transport::tcp) open.conversation.emplace(flow, open.number, open.script);
  work(flow, now);
}

void Host::refuse(FlowId flow, netstack::Refusal refusal) {
  stack_.refuse(flow, refusal);
  ended(flow, "turned_down");
}

void Host::work(FlowId flow, Instant now) {
  const auto found = flows_.find(flow);
  if (found == flows_.end()) return;
  Open& open = found->second;
  if (open.answer_at) {
    if (*open.answer_at > now) return;
    open.answer_at.reset();
    return answer(flow, now);
  }
  if (open.transport == Transport::udp) return read_datagrams(flow, open, now);
  if (!open.conversation) return;
  if (!open.conversation->work(stack_, now)) return ended(flow, "broken_off");
  if (const auto at = open.conversation->wakes_at(); at && *at > now) {
    auto& due = wakes_[*at];
    if (std::ranges::find(due, flow) == due.end()) due.push_back(flow);
  } else if (at) {
    wakes_[now + microseconds(1)].push_back(flow);  // a reader of little pieces that does not rest
  }
}

void Host::read_datagrams(FlowId flow, Open& open, Instant now) {
  while (const auto datagram = stack_.receive_datagram(flow, now)) {
    Digest digest;
    digest.add(*datagram);
    say("datagram " + std::to_string(open.number) + " " + std::to_string(datagram->size()) + " " + digest.text());
    if (open.script.reply_bytes) {
      Buffer reply(*open.script.reply_bytes);
      // The reply begins with the request, so that the other side knows its own.
      std::ranges::copy(Bytes(*datagram).first(std::min(datagram->size(), reply.size())), reply.begin());
      if (!stack_.send_datagram(flow, reply, now)) say("datagram_refused " + std::to_string(open.number));
    } else if (open.script.echo) {
      if (!stack_.send_datagram(flow, *datagram, now)) say("datagram_refused " + std::to_string(open.number));
    }
  }
}

void Host::ended(FlowId flow, const std::string& reason) {
  const auto found = flows_.find(flow);
  if (found == flows_.end()) return;
  const Open& open = found->second;
  say("end " + std::to_string(open.number) + " " + reason +
      (open.conversation ? " " + open.conversation->account() : ""));
  numbers_.erase(open.number);
  flows_.erase(found);
}

}  // namespace quoin::oracle

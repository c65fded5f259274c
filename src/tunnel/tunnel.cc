#include "tunnel/tunnel.h"

#include <algorithm>
#include <utility>

#include "pair/text.h"
#include "tunnel/translate.h"

namespace quoin::tunnel {
namespace {

node::NodeConfig node_config(const pair::Begin& begin) {
  const std::uint16_t usual_port = begin.control_tls ? 443 : 80;
  std::string authority = begin.control_host.contains(':') ? "[" + begin.control_host + "]" : begin.control_host;
  if (begin.control_port != usual_port) authority += ":" + std::to_string(begin.control_port);
  return {.hostname = begin.device_name,
          .control_authority = std::move(authority),
          .server_key = begin.server_key,
          .own_prefixes = begin.own_prefixes,
          .allowed_private = begin.allowed_private};
}

}  // namespace

Tunnel::Tunnel(const pair::Begin& begin, Random& random, Instant now, WallTime wall)
    : node_(node_config(begin), random, now, wall),
      stack_({.mtu = mtu, .keepalive = true}, random, now),
      services_(begin.services),
      deadline_(begin.deadline),
      endpoints_(now),
      admissions_(admissions_burst, admissions_interval, now),
      paths_(now),
      refusals_(now),
      requests_(requests_burst, requests_interval, now),
      ftp_announcements_(announcements_burst, announcements_interval, now) {
  settle(now);
}

// ---- the gate
// -----------------------------------------------------------------------------------------------------------

void Tunnel::handle(const pair::FromGate& message, Instant now) {
  if (const auto* failed = std::get_if<pair::Failed>(&message)) {
    handle_failed(*failed, now);
  } else if (const auto* resolved = std::get_if<pair::Resolved>(&message)) {
    handle_resolved(*resolved, now);
  } else if (const auto* pinged = std::get_if<pair::Pinged>(&message)) {
    if (const auto echo = echoes_.extract(pinged->request)) stack_.answer_echo(echo.mapped());
  } else if (const auto* admission = std::get_if<pair::Admission>(&message)) {
    node_.admit(admission->node_key, admission->admitted, now);
  } else if (const auto* key = std::get_if<pair::JoinKey>(&message)) {
    node_.provide_join_key(key->key, now);
  } else if (const auto* prefixes = std::get_if<pair::OwnPrefixes>(&message)) {
    node_.set_own_prefixes(prefixes->prefixes, now);
    forget_endpoint_sockets();
  } else if (const auto* extend = std::get_if<pair::Extend>(&message)) {
    if (now < deadline_) deadline_ = extend->deadline;  // what is over stays over
  } else if (std::holds_alternative<pair::Close>(message)) {
    begin_closing(EndReason::logged_out, now);
  }
  // Begin made this object; Connected and UdpSockets bring descriptors, which are the owner's.
  settle(now);
}

Purpose Tunnel::take_purpose(pair::RequestId request, Instant now) {
  if (const auto stream = streams_.extract(request)) return stream.mapped();
  if (const auto endpoint = endpoints_.connected(request, now)) return ForEndpoint{*endpoint};
  Flow* flow = flows_.find_request(request);
  if (!flow || flow->stage != FlowStage::dialling) {
    unwanted(request);
    return {};
  }
  if (!stack_.accept(flow->id, now)) {
    flows_.remove(flow->id);
    unwanted(request);
    return {};
  }
  flows_.opened(*flow);
  const ForFlow purpose{flow->id, flow->transport};
  if (flow->transport == netstack::Transport::udp) pass_datagrams(*flow, now);
  tell(FlowWork{flow->id});
  settle(now);
  return purpose;
}

// The gate has connected something that nobody waits for any more: the engineer has gone meanwhile. Of a flow it must
// hear that it is over; of a stream it does not mind.
void Tunnel::unwanted(pair::RequestId request) {
  send_to_gate(pair::FlowClosed{request, 0, 0});
}

void Tunnel::descriptor_lost(pair::RequestId request, Instant now) {
  if (endpoints_.waits_for(request)) {
    send_to_gate(pair::EndpointUnneeded{endpoints_.endpoint_of(request)});
  } else if (!streams_.contains(request)) {
    unwanted(request);
  }
  handle(pair::Failed{request, pair::Unanswered::too_many}, now);
}

void Tunnel::set_sockets(path::UdpFamilies families, Instant now) {
  forget_endpoint_sockets();
  node_.set_sockets(families, now);
  settle(now);
}

void Tunnel::handle_failed(const pair::Failed& failed, Instant now) {
  if (const auto stream = streams_.extract(failed.request)) {
    node_.stream_failed(stream.mapped().stream,
                        {node::StreamTrouble::unreachable, description(stream.mapped().to, failed.why)}, now);
  } else if (const auto resolution = resolutions_.extract(failed.request)) {
    node_.set_stun_addresses(resolution.mapped(), {}, now);
  } else if (const auto endpoint = endpoints_.failed(failed.request, failed.why, now)) {
    node_.udp_unreachable(*endpoint, now);
  } else if (echoes_.erase(failed.request) > 0) {
    return;  // the device is silent, and so are we
  } else if (Flow* flow = flows_.find_request(failed.request); flow && flow->stage == FlowStage::dialling) {
    stack_.refuse(flow->id, refusal(failed.why, flow->transport));
    flows_.remove(flow->id);
  }
}

void Tunnel::handle_resolved(const pair::Resolved& resolved, Instant now) {
  if (const auto resolution = resolutions_.extract(resolved.request))
    node_.set_stun_addresses(resolution.mapped(), resolved.endpoints, now);
}

// ---- the node
// -----------------------------------------------------------------------------------------------------------

void Tunnel::handled(Instant now) {
  settle(now);
}

void Tunnel::handle_datagrams(const Endpoint& from, MutableBytes datagrams, std::size_t segment_bytes, Instant now) {
  if (now >= deadline_) begin_closing(EndReason::deadline, now);
  if (closing_) return;
  endpoints_.note_heard(from, now);
  node_.handle_datagrams(from, datagrams, segment_bytes, now);
  settle(now);
}

void Tunnel::udp_unreachable(const Endpoint& to, Instant now) {
  node_.udp_unreachable(to, now);
  settle(now);
}

void Tunnel::deliver(Instant now) {
  const auto packets = node_.take_packets();
  if (packets.empty() || closing_) return;
  stack_.handle_burst(packets, now);
}

void Tunnel::handle(const node::Event& event, Instant now) {
  if (const auto* want = std::get_if<node::WantStream>(&event)) {
    const pair::RequestId request = next_request();
    streams_.emplace(request, ForStream{want->stream, want->to});
    if (const auto* relay = std::get_if<node::RelayStream>(&want->to)) {
      send_to_gate(pair::DialRelay{request, relay->region, pair::whole_text_or_none(relay->host), relay->ipv4,
                                   relay->ipv6, relay->port});
    } else {
      send_to_gate(pair::DialControl{request});
    }
  } else if (const auto* drop = std::get_if<node::DropStream>(&event)) {
    std::erase_if(streams_, [&](const auto& item) { return item.second.stream == drop->stream; });
    tell(CloseStream{drop->stream});
  } else if (std::holds_alternative<node::WantJoinKey>(event)) {
    if (!closing_) send_to_gate(pair::WantJoinKey{});
  } else if (const auto* registered = std::get_if<node::Registered>(&event)) {
    stack_.set_addresses(registered->addresses);
    const auto ipv4 = std::ranges::find_if(registered->addresses, &IpAddress::is_v4);
    if (ipv4 != registered->addresses.end()) overlay_ipv4_ = *ipv4;
    send_to_gate(pair::Registered{registered->node_key, pair::bounded_text(registered->name), registered->addresses});
  } else if (const auto* other = std::get_if<node::AddressesChanged>(&event)) {
    // The gate learns why this ends.
    send_to_gate(pair::Registered{other->now.node_key, pair::bounded_text(other->now.name), other->now.addresses});
    begin_closing(EndReason::addresses_changed, now);
  } else if (const auto* online = std::get_if<node::Online>(&event)) {
    send_to_gate(pair::Online{online->region, pair::bounded_text(online->region_code)});
  } else if (const auto* lost = std::get_if<node::AddressesLost>(&event)) {
    // Once it closes, what is left are connections that had ended in order, and they need no engineer.
    if (!closing_) close_flows_of(lost->addresses, now);
  } else if (std::holds_alternative<node::FilterChanged>(event)) {
    close_flows_that_may_not_pass(now);
  } else if (const auto* resolve = std::get_if<node::ResolveStun>(&event)) {
    const pair::RequestId request = next_request();
    resolutions_.emplace(request, resolve->region);
    send_to_gate(
        pair::ResolveStun{request, pair::whole_text_or_none(resolve->host), std::nullopt, std::nullopt, resolve->port});
  } else if (const auto* path = std::get_if<node::PathChanged>(&event)) {
    paths_.note({path->peer, to_pair(path->kind), pair::bounded_text(path->through), 0}, now);
  } else if (const auto* problem = std::get_if<node::Problem>(&event)) {
    send_to_gate(pair::Problem{to_pair(problem->kind), pair::bounded_text(problem->text)});
  } else if (const auto* solved = std::get_if<node::Solved>(&event)) {
    send_to_gate(pair::Solved{to_pair(solved->kind)});
  } else if (const auto* ignored = std::get_if<node::FeatureIgnored>(&event)) {
    send_to_gate(pair::ControlIgnored{pair::bounded_text(ignored->name)});
  } else if (const auto* out = std::get_if<node::LoggedOut>(&event)) {
    if (!closing_) return end(out->told);
    closing_->control_was_told = out->told;
    end_if_done(now);
  } else if (std::holds_alternative<node::TooMuchToTell>(event)) {
    begin_closing(EndReason::too_much_to_tell, now);
  }
}

// ---- the stack
// ----------------------------------------------------------------------------------------------------------

void Tunnel::handle(const netstack::StackEvent& event, Instant now) {
  if (const auto* incoming = std::get_if<netstack::Incoming>(&event)) {
    handle_incoming(*incoming, now);
  } else if (const auto* request = std::get_if<netstack::EchoRequest>(&event)) {
    handle_echo(*request, now);
  } else if (const auto* incoming_lost = std::get_if<netstack::IncomingLost>(&event)) {
    const bool is_tcp = incoming_lost->transport == netstack::Transport::tcp;
    note_refused(incoming_lost->remote.address, is_tcp ? pair::Protocol::tcp : pair::Protocol::udp,
                 incoming_lost->local.port, pair::RefusedFor::too_many, now);
  } else if (const auto* echo_lost = std::get_if<netstack::EchoRequestLost>(&event)) {
    const bool is_too_large = echo_lost->why == netstack::EchoLoss::too_large;
    note_refused(echo_lost->remote, pair::Protocol::icmp, 0,
                 is_too_large ? pair::RefusedFor::too_large : pair::RefusedFor::too_many, now);
  } else if (const auto* readable = std::get_if<netstack::Readable>(&event)) {
    Flow* flow = flows_.find(readable->flow);
    if (!flow || flow->stage != FlowStage::open) return;
    if (flow->transport == netstack::Transport::udp) {
      pass_datagrams(*flow, now);
    } else {
      tell(FlowWork{flow->id});
    }
  } else if (const auto* writable = std::get_if<netstack::Writable>(&event)) {
    if (Flow* flow = flows_.find(writable->flow)) {
      if (flow->ftp) flush_ftp(*flow, now);
      tell(FlowWork{writable->flow});
    }
  } else if (const auto* missing = std::get_if<netstack::Missing>(&event)) {
    node_.note_missing(missing->remote, missing->since, missing->certain, now);
  } else if (const auto* finished = std::get_if<netstack::PeerFinished>(&event)) {
    if (Flow* flow = flows_.find(finished->flow)) {
      flow->engineer_finished = true;
      tell(FlowWork{flow->id});
      engineer_finished_if_drained(*flow);
    }
  } else if (const auto* closed = std::get_if<netstack::Closed>(&event)) {
    close_flow(closed->flow,
               closed->why != netstack::CloseReason::finished && closed->why != netstack::CloseReason::idle);
  }
}

void Tunnel::pass_datagrams(Flow& flow, Instant now) {
  while (auto datagram = stack_.receive_datagram(flow.id, now)) {
    flow.bytes_to_device += datagram->size();
    flows_.passed(flow, false, now);
    tell(SendDatagram{flow.id, std::move(*datagram)});
  }
}

void Tunnel::engineer_finished_if_drained(Flow& flow) {
  const auto pending = stack_.readable(flow.id);
  if (!flow.engineer_finished || flow.finish_told || !pending[0].empty() || !pending[1].empty()) return;
  flow.finish_told = true;
  tell(FinishDevice{flow.id});
}

// ---- the device's sockets
// -----------------------------------------------------------------------------------------------

std::array<MutableBytes, 2> Tunnel::device_space(netstack::FlowId id) {
  Flow* flow = flows_.find(id);
  if (!flow) return {};
  if (flow->ftp) return {flow->ftp->room(), {}};
  return stack_.write_space(id);
}

void Tunnel::device_received(netstack::FlowId id, std::size_t bytes, Instant now) {
  Flow* flow = flows_.find(id);
  if (!flow) return;
  if (flow->ftp) {
    pass_ftp(*flow, bytes, now);
  } else {
    flow->bytes_to_engineer += bytes;
    stack_.commit(id, bytes, now);
  }
  settle(now);
}

void Tunnel::device_finished(netstack::FlowId id, Instant now) {
  Flow* flow = flows_.find(id);
  if (!flow || flow->device_finished) return;
  flow->device_finished = true;
  if (flow->ftp) {
    finish_ftp(*flow, true, now);
  } else {
    stack_.finish(id, now);
  }
  settle(now);
}

std::array<Bytes, 2> Tunnel::device_pending(netstack::FlowId flow) const {
  if (!flows_.contains(flow)) return {};
  return stack_.readable(flow);
}

void Tunnel::device_sent(netstack::FlowId id, std::size_t bytes, Instant now) {
  Flow* flow = flows_.find(id);
  if (!flow) return;
  flow->bytes_to_device += bytes;
  if (flow->ftp) ftp_sent(*flow, bytes);
  stack_.consume(id, bytes, now);
  engineer_finished_if_drained(*flow);
  settle(now);
}

// As on the LAN: what the device said before it ended the connection arrives before the end does.
void Tunnel::device_failed(netstack::FlowId id, Instant now) {
  Flow* flow = flows_.find(id);
  if (!flow) return;
  if (flow->stage == FlowStage::open) {
    if (flow->ftp) finish_ftp(*flow, false, now);
    flow->stage = FlowStage::delivering;
    tell(CloseFlow{id, true});
    stack_.abort_when_delivered(id, now);  // Closed follows
  } else if (flow->stage != FlowStage::delivering) {
    stack_.abort(id, now);
    close_flow(id, true);
  }
  settle(now);
}

void Tunnel::device_closed(netstack::FlowId id, Instant now) {
  const Flow* flow = flows_.find(id);
  if (!flow || flow->stage != FlowStage::ending) return;
  forget_flow(*flow);
  end_if_done(now);
  settle(now);
}

void Tunnel::device_datagram(netstack::FlowId id, Bytes datagram, Instant now) {
  Flow* flow = flows_.find(id);
  if (!flow) return;
  flows_.passed(*flow, true, now);
  if (const auto sent = stack_.send_datagram(id, datagram, now)) {
    flow->bytes_to_engineer += datagram.size();
  } else if (sent.error() == netstack::DatagramRefusal::too_large) {
    note_too_large(*flow, now);
  }  // else the stack has counted it
  settle(now);
}

void Tunnel::device_refused(netstack::FlowId id, netstack::Refusal why, Instant now) {
  if (!flows_.find(id)) return;
  stack_.unreachable(id, why);
  close_flow(id, false);
  settle(now);
}

// ---- time and effects
// ---------------------------------------------------------------------------------------------------

void Tunnel::tell(Effect effect) {
  if (ended_) return;  // End was the last word
  if (effects_.size() >= effects_max) {
    ended_ = true;  // an owner that does not drain cannot be served
    return;
  }
  effects_.push_back(std::move(effect));
}

void Tunnel::end_if_done(Instant now) {
  if (!closing_ || (now < closing_->until && (flows_.size() > 0 || !closing_->control_was_told))) return;
  end(closing_->control_was_told.value_or(false));
}

void Tunnel::end(bool control_was_told) {
  if (ended_) return;
  reset_flows([](const Flow&) { return true; });
  send_to_gate(pair::LoggedOut{control_was_told});
  tell(End{closing_ ? closing_->why : EndReason::logged_out});
  ended_ = true;
}

void Tunnel::begin_closing(EndReason why, Instant now) {
  if (closing_) return;
  closing_ = Closing{why, now + logout_time_max};
  reset_flows([](const Flow& flow) { return flow.stage != FlowStage::ending; });
  forget_endpoint_sockets();
  endpoints_.clear();
  for (std::size_t i = 0; i < Refusals::last_words_max; i++) {
    auto refused = refusals_.take_at_once();
    if (!refused) break;
    send_to_gate(*std::move(refused));
  }
  node_.log_out(now);
  settle(now);
}

void Tunnel::settle(Instant now) {
  if (now >= deadline_) begin_closing(EndReason::deadline, now);
  deliver(now);
  for (bool any = true; any;) {
    any = false;
    while (const auto event = node_.poll_event()) {
      handle(*event, now);
      any = true;
    }
    while (const auto event = stack_.poll_event()) {
      handle(*event, now);
      any = true;
    }
  }
  while (node_.wants_admission() && admissions_.take(now)) {
    const auto peer = node_.take_admission();
    send_to_gate(pair::Admit{peer->node_key, pair::whole_text_or_none(peer->login), peer->tagged});
  }
  while (auto report = paths_.take(now)) send_to_gate(*std::move(report));
  while (auto refused = refusals_.take(now)) send_to_gate(*std::move(refused));
}

std::optional<Effect> Tunnel::poll_effect() {
  if (effects_.empty()) return std::nullopt;
  Effect effect = std::move(effects_.front());
  effects_.pop_front();
  return effect;
}

void Tunnel::handle_timeout(Instant now) {
  if (now >= deadline_) begin_closing(EndReason::deadline, now);
  end_if_done(now);
  node_.handle_timeout(now);
  stack_.handle_timeout(now);
  endpoints_.handle_timeout(now);
  give_back_endpoints();
  paths_.look_who_is_silent([&](const auto& key) { return node_.last_heard(key); }, now);
  settle(now);
}

std::optional<Instant> Tunnel::poll_timeout() const {
  if (ended_) return std::nullopt;
  Instant next = closing_ ? closing_->until : deadline_;
  const auto asks_next = node_.wants_admission() ? admissions_.poll_timeout() : std::nullopt;
  for (const auto& at : {node_.poll_timeout(), stack_.poll_timeout(), asks_next, paths_.poll_timeout(),
                         refusals_.poll_timeout(), endpoints_.poll_timeout()}) {
    if (at) next = std::min(next, *at);
  }
  return next;
}

}  // namespace quoin::tunnel

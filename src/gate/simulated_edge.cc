#include "gate/simulated_edge.h"

#include <algorithm>

#include "gate/dial_guard.h"
#include "path/endpoint_guard.h"

namespace quoin::gate {

SimulatedEdge::SimulatedEdge(Config settings, HostView view) : config(std::move(settings)), host(std::move(view)) {
  for (const DeviceConfig& device : config.devices) {
    if (!device.macs.empty()) neighbours[device.address] = {device.macs.front()};
    if (device.serial) snmp[device.address] = {device.community, *device.serial};
  }
  restart();
}

void SimulatedEdge::restart() {
  for (auto& [session, tunnel] : tunnels) tunnel.running = false;
  handles.clear();
  bound_udp.clear();
  connected_udp.clear();
  inputs_.clear();
  held_dials_.clear();
  held_appends_.clear();
  held_looks_.clear();
  append_under_way_ = false;
  if (audit_files.empty()) audit_files.emplace_back();
  const AuditVerdict verdict = verify_audit();
  promise(!verdict.fault, "a restart finds the audit file whole");
  audit_file().resize(verdict.bytes_valid);
  std::optional<FileRepaired> repaired;
  if (!verdict.whole()) repaired = FileRepaired{verdict.records_beyond_head, verdict.bytes_torn};
  // Session ids begin anew with each gate; what earlier tunnels were told is kept out of the way.
  tunnels.clear();
  knows_host_ = host_is_readable;
  Result<HostView, std::string> view = host;
  if (!host_is_readable) view = failure<std::string>("ask the kernel: Operation not permitted");
  gate.emplace(config, std::move(view), AuditStart{{verdict.last, verdict.file, verdict.bytes_valid}, repaired}, wall,
               now);
  settle();
}

void SimulatedEdge::promise(bool kept, const char* what) {
  if (!kept) broken.emplace_back(what);
}

HandleId SimulatedEdge::new_handle() {
  handles.insert(++last_handle_);
  return last_handle_;
}

CommandId SimulatedEdge::command(Request request, Caller caller) {
  const CommandId id = ++last_command_;
  give(CommandArrived{id, std::move(caller), std::move(request)});
  return id;
}

void SimulatedEdge::exit_child(SessionId session, std::string how) {
  if (!tunnels.contains(session) || !std::exchange(tunnels[session].running, false)) return;
  give(ChildExited{session, std::move(how)});
}

void SimulatedEdge::give(Input input) {
  inputs_.push_back(std::move(input));
  settle();
}

void SimulatedEdge::settle() {
  for (;;) {
    if (auto effect = gate->poll_effect()) {
      perform(*std::move(effect));
    } else if (!inputs_.empty()) {
      Input input = std::move(inputs_.front());
      inputs_.pop_front();
      if (const auto* changed = std::get_if<HostChanged>(&input)) knows_host_ = changed->host.has_value();
      gate->handle(std::move(input), wall, now);
    } else {
      break;
    }
  }
  look_at_udp();
}

void SimulatedEdge::pass(Duration time) {
  const Instant until = now + time;
  for (int idle = 0;;) {
    const auto timeout = gate->poll_timeout();
    if (!timeout || *timeout > until) break;
    // A timeout that stays where it is would be a busy loop.
    idle = *timeout <= now ? idle + 1 : 0;
    promise(idle < 5, "timeouts move on");
    if (idle >= 5) break;
    const Duration step = std::max(*timeout - now, Duration(0));
    wall += step;
    now += step;
    gate->handle_timeout(wall, now);
    settle();
  }
  wall += until - now;
  now = until;
}

void SimulatedEdge::perform(Effect effect) {
  if (auto* start = std::get_if<StartChild>(&effect)) on(*start);
  if (auto* move = std::get_if<MoveChildsEnd>(&effect)) on(*move);
  if (auto* kill = std::get_if<KillChild>(&effect)) on(*kill);
  if (auto* send = std::get_if<SendToChild>(&effect)) on(*send);
  if (auto* dial = std::get_if<Dial>(&effect)) on(*dial);
  if (auto* append = std::get_if<AppendAudit>(&effect)) on(*append);
  if (auto* bind = std::get_if<BindUdp>(&effect)) on(*bind);
  if (auto* connect = std::get_if<ConnectUdp>(&effect)) on(*connect);
  if (auto* disconnect = std::get_if<DisconnectUdp>(&effect)) on(*disconnect);
  if (auto* close = std::get_if<CloseHandle>(&effect)) {
    promise(handles.erase(close->handle) + bound_udp.erase(close->handle) + connected_udp.erase(close->handle) == 1,
            "only descriptors that are held are closed");
    if (close->reset) reset_handles.insert(close->handle);
  }
  if (auto* resolve = std::get_if<Resolve>(&effect)) {
    inputs_.push_back(Resolved{resolve->task, names[resolve->host], name_servers_are_silent});
  }
  if (auto* ping = std::get_if<Ping>(&effect)) {
    pings.push_back(*ping);
    const bool pinned =
        std::ranges::find(config.devices, ping->address, &DeviceConfig::address) != config.devices.end();
    promise(knows_host_ && pinned && !guard_device(device_at(ping->address), host), "only devices are pinged");
    inputs_.push_back(Pinged{ping->task, answers_pings});
  }
  if (auto* lookup = std::get_if<LookupNeighbour>(&effect)) on(*lookup);
  if (auto* reading = std::get_if<ReadSerial>(&effect)) on(*reading);
  if (auto* key = std::get_if<ReadJoinKey>(&effect)) inputs_.push_back(JoinKeyRead{key->task, join_key});
  if (auto* cancel = std::get_if<CancelTask>(&effect)) {
    cancelled_.insert(cancel->task);
    held_looks_.erase(cancel->task);
    std::erase_if(held_dials_, [&](const Dial& dial) { return dial.task == cancel->task; });
  }
  if (auto* reply = std::get_if<SendReply>(&effect)) {
    promise(replies_.emplace(reply->command, reply->reply).second, "a command is answered once");
  }
  if (auto* update = std::get_if<SendUpdate>(&effect)) {
    promise(!replies_.contains(update->command), "who was answered is told nothing more");
    const auto before = updated_.find(update->command);
    promise(before == updated_.end() || now >= before->second + Gate::watch_every,
            "updates leave a second between them");
    updated_[update->command] = now;
    updates_[update->command].push_back(update->reply);
  }
  if (auto* line = std::get_if<WriteLog>(&effect)) {
    promise(!identifies_a_device(line->sentence), "the log has no device's address or serial number");
    log.push_back(line->sentence);
  }
  if (std::get_if<Finished>(&effect) != nullptr) finished = true;
}

const DeviceConfig& SimulatedEdge::device_at(const IpAddress& address) const {
  return *std::ranges::find(config.devices, address, &DeviceConfig::address);
}

bool SimulatedEdge::identifies_a_device(std::string_view sentence) const {
  const auto says = [&](const std::string& text) { return !text.empty() && sentence.contains(text); };
  for (const auto& [address, macs] : neighbours) {
    if (says(address.text())) return true;
    if (std::ranges::any_of(macs, [&](const MacAddress& mac) { return says(mac.text()); })) return true;
  }
  return std::ranges::any_of(snmp,
                             [&](const auto& each) { return says(each.first.text()) || says(each.second.serial); });
}

void SimulatedEdge::on(const LookupNeighbour& effect) {
  lookups.push_back(effect);
  promise(is_on_link(effect.address, host), "only neighbours are looked up");
  std::vector<MacAddress> macs = neighbours[effect.address];
  if (effect.which != Neighbours::all && effect.which != Neighbours::all_by_arp && macs.size() > 1) macs.resize(1);
  answer_look(NeighboursFound{effect.task, std::move(macs)}, effect.task);
}

void SimulatedEdge::on(const ReadSerial& effect) {
  readings.push_back(effect);
  const bool may_be_asked =
      knows_host_ && is_device(effect.device) && !guard_device(device_at(effect.device.address), host);
  promise(may_be_asked && effect.device.port == 161, "only devices are asked by SNMP");
  pair::SerialAnswer answer;
  const auto agent = snmp.find(effect.device.address);
  if (agent != snmp.end() && agent->second.community == effect.question.community) {
    answer = pair::serial_answer_of(bytes_of(agent->second.serial));
  }
  answer_look(SerialRead{effect.task, answer}, effect.task);
}

void SimulatedEdge::answer_look(Input answer, TaskId task) {
  if (hold_looks) {
    held_looks_.emplace(task, std::move(answer));
  } else {
    inputs_.push_back(std::move(answer));
  }
}

void SimulatedEdge::release_looks() {
  hold_looks = false;
  for (auto& [task, answer] : std::exchange(held_looks_, {})) inputs_.push_back(std::move(answer));
  settle();
}

void SimulatedEdge::on(const StartChild& effect) {
  promise(!tunnels.contains(effect.session), "a session is started once");
  promise(records("opened") > 0 && audit_head.find("\"seq\":0") == std::string::npos,
          "nothing starts without a record on disk");
  Tunnel& tunnel = tunnels[effect.session];
  tunnel.running = children_start;
  tunnel.killed_at = effect.killed_at;
  if (children_start) {
    inputs_.push_back(ChildStarted{effect.session});
  } else {
    inputs_.push_back(ChildFailed{effect.session, "no such program"});
  }
}

void SimulatedEdge::on(const MoveChildsEnd& effect) {
  Tunnel& tunnel = tunnels[effect.session];
  promise(!tunnel.killed, "a killed tunnel's end stays");
  tunnel.killed_at = effect.killed_at;
}

void SimulatedEdge::on(const KillChild& effect) {
  Tunnel& tunnel = tunnels[effect.session];
  if (!tunnel.running) return;
  tunnel.killed = true;
  if (hold_exits) return;
  tunnel.running = false;
  inputs_.push_back(ChildExited{effect.session, "signal 9"});
}

void SimulatedEdge::on(SendToChild& effect) {
  promise(tunnels.contains(effect.session), "only a tunnel that was started is told anything");
  Tunnel& tunnel = tunnels[effect.session];
  promise(!tunnel.killed, "a killed tunnel is told nothing");
  promise(effect.descriptors.size() == pair::descriptors_with(effect.message), "descriptors fit their message");
  promise(pair::encode(effect.message).size() <= pair::message_bytes_max, "messages fit a packet");
  for (const Descriptor& descriptor : effect.descriptors) {
    if (descriptor.kind == DescriptorKind::copy) {
      promise(bound_udp.contains(descriptor.handle) || connected_udp.contains(descriptor.handle),
              "only descriptors that are held are sent");
    }
    if (descriptor.kind != DescriptorKind::handle) continue;
    promise(handles.erase(descriptor.handle) == 1, "only descriptors that are held are sent");
    if (to_devices_.contains(descriptor.handle)) {
      promise(++flows_handed_over_ <= flow_records_, "no flow carries anything before its record is in the file");
    }
  }
  if (const auto* begin = std::get_if<pair::Begin>(&effect.message)) {
    promise(tunnel.received.empty(), "a tunnel is introduced once, first of all");
    tunnel.deadline = begin->deadline;
  }
  if (const auto* extend = std::get_if<pair::Extend>(&effect.message)) {
    promise(now < tunnel.deadline && now < extend->deadline, "what is over is not extended");
    promise(extend->deadline <= now + config.warrant.longest, "no extension reaches beyond the longest time");
    promise(++extensions_ <= records("extended"), "nothing is extended without a record on disk");
    tunnel.deadline = extend->deadline;
  }
  promise(tunnel.killed_at.at <= tunnel.deadline + seconds(1), "a tunnel is killed a second after its deadline");
  promise(tunnel.deadline <= tunnel.killed_at.at || tunnel.asked_to_go, "no tunnel is killed before its deadline");
  const bool is_close = std::holds_alternative<pair::Close>(effect.message);
  if (tunnel.asked_to_go) {
    promise(!is_close && !std::holds_alternative<pair::JoinKey>(effect.message) &&
                !std::holds_alternative<pair::Admission>(effect.message) &&
                !std::holds_alternative<pair::Extend>(effect.message),
            "a tunnel that was asked to go gets nothing to stay for");
  }
  promise(now < tunnel.deadline || is_close || tunnel.asked_to_go, "after the deadline a tunnel is only asked to go");
  tunnel.asked_to_go = tunnel.asked_to_go || is_close;
  tunnel.received.push_back(effect.message);
  if (tunnel.running && manner == Manner::honest) honest_answer(effect.session, effect.message);
}

void SimulatedEdge::honest_answer(SessionId session, const pair::FromGate& message) {
  const auto says = [&](pair::FromTunnel answer) { inputs_.push_back(ChildMessage{session, std::move(answer)}); };
  if (std::holds_alternative<pair::Begin>(message)) {
    says(pair::DialControl{1});
  } else if (const auto* connected = std::get_if<pair::Connected>(&message); connected && connected->request == 1) {
    says(pair::WantJoinKey{});
  } else if (std::holds_alternative<pair::JoinKey>(message)) {
    std::array<std::byte, 32> key{};
    key.fill(static_cast<std::byte>(0x40 + session));
    says(pair::Registered{crypto::NodePublicKey(key),
                          "node-" + std::to_string(session),
                          {*IpAddress::parse("100.64.0." + std::to_string(session))}});
    says(pair::Online{900, "lab"});
  } else if (std::holds_alternative<pair::Close>(message)) {
    says(pair::LoggedOut{true});
    tunnels[session].running = false;
    inputs_.push_back(ChildExited{session, "exit status 0"});
  }
}

bool SimulatedEdge::is_device(const Endpoint& to) const {
  return std::ranges::find(config.devices, to.address, &DeviceConfig::address) != config.devices.end();
}

void SimulatedEdge::on(const Dial& effect) {
  dials.push_back(effect);
  for (const Endpoint& to : effect.candidates) {
    const bool is_control =
        to.port == config.control.port &&
        (config.control.address() == to.address || std::ranges::count(names[config.control.host], to.address) > 0);
    const path::EndpointGuard guard(host.prefixes(), config.relay.allow);
    const bool is_proxy =
        !effect.through_proxy_to.empty() && config.proxy && to.port == config.proxy->port &&
        (config.proxy->address() == to.address || std::ranges::count(names[config.proxy->host], to.address) > 0);
    promise(is_proxy == !effect.through_proxy_to.empty(), "nobody but the proxy is asked to connect");
    promise(knows_host_ || is_proxy || is_control, "only control is dialled while the host's networks are not known");
    const bool is_server = is_proxy || is_control || guard.allows(to, path::EndpointUse::relay_or_stun);
    promise(is_device(to) ? !guard_device(device_at(to.address), host) : is_server,
            "only devices, control and relays are dialled");
    if (!is_device(to)) continue;
    promise(effect.candidates.size() == 1, "a device has one address");
    const DeviceConfig& device = device_at(to.address);
    promise(effect.on_own_link == !device.macs.empty(), "what must be on link leaves by that link");
    promise(effect.stays_on_link || device.macs.empty() || device.routed_bridge,
            "what must be on link is sent to with one hop");
    promise(std::ranges::none_of(held_appends_, &AppendAudit::sync),
            "nothing is dialled while a grave record is pending");
  }
  if (!effect.through_proxy_to.empty()) {
    const auto target = Endpoint::parse(effect.through_proxy_to);
    const std::string name = effect.through_proxy_to.substr(0, effect.through_proxy_to.rfind(':'));
    const path::EndpointGuard guard(host.prefixes(), config.relay.allow);
    promise(target
                ? target->address == config.control.address() || guard.allows(*target, path::EndpointUse::relay_or_stun)
                : name == config.control.host || config.proxy->takes_by_name(name),
            "a proxy is asked for what was judged, and by name only for what the configuration names");
  }
  promise(!effect.candidates.empty(), "a dial has somewhere to go");
  if (hold_dials) {
    held_dials_.push_back(effect);
  } else {
    answer_dial(effect);
  }
}

void SimulatedEdge::answer_dial(const Dial& dial) {
  if (const auto refusal = proxy_refuses.find(dial.through_proxy_to); refusal != proxy_refuses.end()) {
    return inputs_.push_back(DialFailed{dial.task, pair::Unanswered::behind_proxy, refusal->second});
  }
  for (const Endpoint& to : dial.candidates) {
    if (!listening.contains(to) && dial.transport == pair::Transport::tcp) continue;
    if (const auto fails = dial_fails.find(to); fails != dial_fails.end()) {
      return inputs_.push_back(DialFailed{dial.task, fails->second, std::nullopt, is_behind_router});
    }
    inputs_.push_back(Dialled{dial.task, new_handle(), to});
    if (is_device(to)) to_devices_.insert(last_handle_);
    return;
  }
  inputs_.push_back(DialFailed{dial.task, pair::Unanswered::refused});
}

void SimulatedEdge::release_dials() {
  for (const Dial& dial : std::exchange(held_dials_, {})) answer_dial(dial);
  settle();
}

void SimulatedEdge::on(const AppendAudit& effect) {
  promise(!std::exchange(append_under_way_, true), "one append at a time");
  if (hold_appends) {
    held_appends_.push_back(effect);
  } else {
    append(effect);
  }
}

void SimulatedEdge::append(const AppendAudit& effect) {
  append_under_way_ = false;
  if (disk_works) {
    if (effect.file == audit_files.size() + 1) {
      promise(effect.sync, "a new audit file is synced");
      audit_files.emplace_back();
    }
    promise(effect.file == audit_files.size(), "appended to the last audit file, or to the next");
    audit_file() += effect.lines;
    promise(audit_file().size() <= config.audit.file_bytes, "an audit file keeps to its size");
    constexpr std::string_view opening = "\"event\":\"flow_opened\"";
    for (std::size_t at = 0; (at = effect.lines.find(opening, at)) != std::string::npos; at++) flow_records_++;
    if (effect.sync) audit_head = effect.head;
  }
  inputs_.push_back(AuditAppended{disk_works});
}

void SimulatedEdge::release_appends() {
  hold_appends = false;
  for (const AppendAudit& effect : std::exchange(held_appends_, {})) append(effect);
  settle();
}

std::optional<Reply> SimulatedEdge::reply(CommandId id) const {
  const auto found = replies_.find(id);
  return found == replies_.end() ? std::nullopt : std::optional(found->second);
}

std::size_t SimulatedEdge::updates(CommandId id) const {
  const auto found = updates_.find(id);
  return found == updates_.end() ? 0 : found->second.size();
}

std::vector<std::string> SimulatedEdge::audit_lines() const {
  std::vector<std::string> lines;
  for (const std::string& file : audit_files) {
    for (std::size_t at = 0; at < file.size();) {
      const std::size_t end = file.find('\n', at);
      lines.push_back(file.substr(at, end - at));
      at = end + 1;
    }
  }
  return lines;
}

std::size_t SimulatedEdge::records(std::string_view event) const {
  const std::string wanted = "\"event\":\"" + std::string(event) + "\"";
  return static_cast<std::size_t>(std::ranges::count_if(
      audit_lines(), [&](const std::string& line) { return line.find(wanted) != std::string::npos; }));
}

std::string SimulatedEdge::last_record(std::string_view event) const {
  const std::string wanted = "\"event\":\"" + std::string(event) + "\"";
  std::string out;
  for (const std::string& line : audit_lines()) {
    if (line.find(wanted) != std::string::npos) out = line;
  }
  return out;
}

bool SimulatedEdge::audit_is_whole() const {
  const AuditVerdict verdict = verify_audit();
  return !verdict.fault && verdict.bytes_torn == 0;
}

AuditVerdict SimulatedEdge::verify_audit() const {
  AuditVerifier verifier(audit_head.empty() ? std::nullopt : std::optional<std::string_view>(audit_head));
  for (std::size_t i = 0; i < audit_files.size(); i++) {
    if (i > 0) verifier.next_file(i + 1);
    verifier.feed(bytes_of(audit_files[i]));
  }
  return verifier.finish();
}

std::size_t SimulatedEdge::running() const {
  return static_cast<std::size_t>(std::ranges::count_if(tunnels, [](const auto& each) { return each.second.running; }));
}

}  // namespace quoin::gate

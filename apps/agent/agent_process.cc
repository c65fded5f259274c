#include "agent_process.h"

#include <algorithm>
#include <utility>

#include "base/secret.h"
#include "current_host.h"
#include "dial_answers.h"
#include "gate/commands.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/route_netlink.h"
#include "io/socket_reset.h"
#include "io/udp_open.h"
#include "named_files.h"
#include "rights.h"
#include "start_files.h"

namespace quoin::apps {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Nothing: it must leave by the link that it is on, and is on none.
std::optional<io::Egress> egress_of(const auto& effect, const IpAddress& to) {
  const io::Reach reach = effect.stays_on_link ? io::Reach::own_link : io::Reach::anywhere;
  if (!effect.on_own_link) return io::Egress(reach);
  const auto interface = io::interface_on_link(to);
  return interface ? std::optional(io::Egress(reach, *interface)) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<AgentProcess>, StartFailure> AgentProcess::create(io::Loop& loop, gate::Config config,
                                                                         const ProgramPaths& paths) {
  const auto refuse = [](std::string sentence) {
    return failure(StartFailure{gate::ExitCode::wrong_usage, std::move(sentence)});
  };
  if (const auto readable = look_at_named_files(config); !readable) return refuse(readable.error());
  auto state = io::Folder::make(config.state_dir, {.mode = 0700, .group = std::nullopt});
  if (!state) return failure(of_file(state.error()));
  // One that exists may be the system's own, such as /run: its mode is left alone, and the socket has its own.
  const io::FolderRule run_rule{.mode = 0750, .group = LocalCommands::group, .narrows = false};
  auto run = io::Folder::make(folder_of(config.socket), run_rule);
  auto run_of_stops = io::Folder::make(folder_of(config.socket), run_rule);
  if (!run || !run_of_stops) return failure(of_file(run ? run_of_stops.error() : run.error()));
  auto lock = io::LockFile::take(*state, "lock");
  if (!lock && lock.error().error == io::FileError::taken) {
    return failure(StartFailure{gate::ExitCode::refused, "another quoin-agent already runs with the state folder " +
                                                             config.state_dir +
                                                             ": stop it, or give this one a state_dir of its own"});
  }
  if (!lock) return failure(of_file(lock.error()));
  auto audit = AuditFiles::open(std::move(*state));
  if (!audit) return failure(StartFailure{gate::ExitCode::failed, audit.error()});
  auto tunnel = find_program(paths.tunnel);
  if (!tunnel) return refuse(tunnel.error());
  auto snmp = find_program(paths.snmp);
  if (!snmp) return refuse(snmp.error());
  auto resolver = find_program(paths.resolver);
  if (!resolver) return refuse(resolver.error());
  auto socket = listen_at(config.socket, std::move(*run));
  if (!socket) return failure(std::move(socket.error()));
  auto stop_socket = listen_at(gate::stop_socket_beside(config.socket), std::move(*run_of_stops));
  if (!stop_socket) return failure(std::move(stop_socket.error()));
  // Before the first thread, because each has its own; what was read with all of root's rights must be readable
  // without.
  give_up_rights(config.state_dir, folder_of(config.socket));
  if (const auto readable = look_at_named_files(config); !readable) return refuse(readable.error());
  io::ProcessGuard::Options stops{.stop_socket = std::move(*stop_socket),
                                  .signals = io::catch_stop_signals(),
                                  .words = LocalCommands::words(config.device_names())};
  std::unique_ptr<AgentProcess> process(
      new AgentProcess(loop, std::move(config),
                       {.tunnel = std::move(*tunnel), .snmp = std::move(*snmp), .resolver = std::move(*resolver)},
                       std::move(*lock), std::move(*audit), std::move(stops)));
  if (const auto listening = process->listen(std::move(*socket)); !listening) return failure(listening.error());
  process->drain();
  return process;
}

AgentProcess::AgentProcess(io::Loop& loop, gate::Config config, Programs programs, io::LockFile lock,
                           AuditFiles::Opened audit, io::ProcessGuard::Options stops)
    : loop_(loop),
      config_(std::move(config)),
      snmp_program_(std::move(programs.snmp)),
      lock_(std::move(lock)),
      audit_(std::make_shared<AuditFiles>(std::move(audit.files))),
      gate_(config_, current_host_view(), std::move(audit.start), io::wall_time(), io::now()),
      timer_(loop,
             [this] {
               commands_.take_stops();
               gate_.handle_timeout(io::wall_time(), io::now());
               drain();
             }),
      host_again_(loop, [this] { host_changed(); }),
      guard_(loop, closer_, std::move(stops), [this] { commands_.take_stops(); }),
      reads_(loop),
      name_reads_(loop),
      names_(loop, guard_, closer_, name_reads_, std::move(programs.resolver)),
      disk_(loop),
      commands_(loop, guard_, closer_,
                {.arrived = [this](gate::CommandArrived command) { handle(std::move(command)); },
                 .gone = [this](gate::CommandId id) { handle(gate::CommandGone{id}); },
                 .stop = [this] { handle(gate::StopRequested{}); }}),
      children_(loop, guard_, closer_, std::move(programs.tunnel),
                {.started = [this](gate::SessionId session) { handle(gate::ChildStarted{session}); },
                 .failed = [this](gate::SessionId session, std::string why) { did_not_start(session, std::move(why)); },
                 .message = [this](gate::SessionId session,
                                   auto message) { handle(gate::ChildMessage{session, std::move(message)}); },
                 .exited =
                     [this](gate::SessionId session, std::string how) {
                       names_.end(session);
                       handle(gate::ChildExited{session, std::move(how)});
                     }}) {}

Result<void, StartFailure> AgentProcess::listen(io::ListeningSocket socket) {
  auto changes = io::HostChanges::watch(loop_, [this] { host_changed(); });
  if (!changes) return failure(StartFailure{gate::ExitCode::failed, changes.error().text()});
  host_changes_ = std::move(*changes);
  host_changed();  // they may have since they were read
  commands_.listen(std::move(socket));
  return {};
}

// ---- the core
// -----------------------------------------------------------------------------------------------------------

void AgentProcess::handle(gate::Input input) {
  commands_.take_stops();
  gate_.handle(std::move(input), io::wall_time(), io::now());
  drain();
}

void AgentProcess::host_changed() {
  auto view = current_host_view();
  if (!view) host_again_.set(io::now() + host_again_after);
  handle(gate::HostChanged{std::move(view)});
}

void AgentProcess::drain() {
  if (is_draining_) return;  // an effect that is answered at once comes back here; the loop below goes on
  is_draining_ = true;
  while (auto effect = gate_.poll_effect()) perform(*effect);
  is_draining_ = false;
  timer_.set(gate_.poll_timeout());
}

void AgentProcess::perform(gate::Effect& effect) {
  if (auto* start = std::get_if<gate::StartChild>(&effect)) return perform(*start);
  if (auto* move = std::get_if<gate::MoveChildsEnd>(&effect)) {
    names_.move_end(move->session, move->killed_at);
    return children_.move_end(move->session, move->killed_at);
  }
  if (auto* kill = std::get_if<gate::KillChild>(&effect)) return this->kill(kill->session);
  if (auto* send = std::get_if<gate::SendToChild>(&effect)) {
    perform(*send);
    if (auto* key = std::get_if<pair::JoinKey>(&send->message)) wipe(std::as_writable_bytes(std::span(key->key)));
    return;
  }
  if (auto* bind = std::get_if<gate::BindUdp>(&effect)) return perform(*bind);
  if (auto* connect = std::get_if<gate::ConnectUdp>(&effect)) return perform(*connect);
  if (auto* disconnect = std::get_if<gate::DisconnectUdp>(&effect)) {
    if (const auto kept = handles_.extract(disconnect->handle)) io::disconnect_udp(kept.mapped());
    return;
  }
  if (auto* close = std::get_if<gate::CloseHandle>(&effect)) {
    if (close->reset && handles_.contains(close->handle)) io::reset_at_close(handles_.at(close->handle).number());
    handles_.erase(close->handle);
    return;
  }
  if (auto* resolve = std::get_if<gate::Resolve>(&effect)) return perform(*resolve);
  if (auto* dial = std::get_if<gate::Dial>(&effect)) return perform(*dial);
  if (auto* ping = std::get_if<gate::Ping>(&effect)) return perform(*ping);
  if (auto* lookup = std::get_if<gate::LookupNeighbour>(&effect)) return perform(*lookup);
  if (auto* reading = std::get_if<gate::ReadSerial>(&effect)) return perform(*reading);
  if (auto* key = std::get_if<gate::ReadJoinKey>(&effect)) return perform(*key);
  if (auto* cancel = std::get_if<gate::CancelTask>(&effect)) {
    tasks_.erase(cancel->task);
    return;
  }
  if (auto* append = std::get_if<gate::AppendAudit>(&effect)) return perform(*append);
  if (auto* reply = std::get_if<gate::SendReply>(&effect)) return commands_.send_reply(reply->command, reply->reply);
  if (auto* update = std::get_if<gate::SendUpdate>(&effect))
    return commands_.send_update(update->command, update->reply);
  if (auto* line = std::get_if<gate::WriteLog>(&effect)) return io::log(io::LogLevel::warning, line->sentence);
  if (std::holds_alternative<gate::Finished>(effect)) loop_.stop();
}

// ---- children
// -----------------------------------------------------------------------------------------------------------

void AgentProcess::perform(const gate::StartChild& effect) {
  preparing_.insert(effect.session);
  names_.begin(effect.session, effect.device, effect.killed_at);
  reads_.begin<Children::Roots>(
      "a file of root certificates",
      [config = config_]() -> Result<Children::Roots, std::string> {
        auto control = TRY(open_control_roots(config));
        return Children::Roots{std::move(control), TRY(open_relay_roots(config))};
      },
      [this, effect](Result<Children::Roots, std::string> roots) {
        if (preparing_.erase(effect.session) == 0) return;  // it was killed meanwhile
        if (!roots) io::log(io::LogLevel::error, roots.error());
        if (!roots) return did_not_start(effect.session, roots.error());
        start_with(effect, std::move(*roots));
      });
}

void AgentProcess::start_with(const gate::StartChild& effect, Children::Roots roots) {
  const auto started = children_.start(effect.session, effect.device, effect.killed_at, std::move(roots));
  if (!started) did_not_start(effect.session, started.error());
}

void AgentProcess::did_not_start(gate::SessionId session, std::string why) {
  names_.end(session);
  handle(gate::ChildFailed{session, std::move(why)});
}

void AgentProcess::kill(gate::SessionId session) {
  if (preparing_.erase(session) > 0) return did_not_start(session, "it was closed meanwhile");
  children_.kill(session);
}

void AgentProcess::perform(const gate::SendToChild& effect) {
  std::vector<io::Descriptor> descriptors;
  bool has_all = true;
  Children::Roots roots;
  const bool wants_roots = std::holds_alternative<pair::Begin>(effect.message);
  if (wants_roots) roots = children_.take_roots(effect.session);
  for (const gate::Descriptor& wanted : effect.descriptors) {
    io::Descriptor descriptor;
    switch (wanted.kind) {
      case gate::DescriptorKind::control_roots: descriptor = std::move(roots.control); break;
      case gate::DescriptorKind::relay_roots: descriptor = std::move(roots.relay); break;
      case gate::DescriptorKind::copy:
        if (const auto kept = handles_.find(wanted.handle); kept != handles_.end()) {
          descriptor = io::duplicate(kept->second).value_or(io::Descriptor());
        }
        break;
      case gate::DescriptorKind::handle:
        if (auto kept = handles_.extract(wanted.handle)) descriptor = std::move(kept.mapped());
        break;
    }
    has_all = has_all && descriptor;
    descriptors.push_back(std::move(descriptor));
  }
  if (!has_all) return handle(gate::ChildUnreachable{effect.session, "what belongs to the message is gone"});
  if (!children_.send(effect.session, effect.message, std::move(descriptors))) {
    handle(gate::ChildUnreachable{effect.session, "it does not take a message"});
  }
}

gate::HandleId AgentProcess::keep(io::Descriptor descriptor) {
  const gate::HandleId id = ++last_id_;
  handles_.emplace(id, std::move(descriptor));
  return id;
}

void AgentProcess::perform(const gate::BindUdp& effect) {
  gate::UdpBound bound{.session = effect.session, .ipv4 = std::nullopt, .ipv6 = std::nullopt};
  if (auto socket = io::open_udp(IpVersion::v4)) bound.ipv4 = keep(std::move(*socket));
  if (auto socket = io::open_udp(IpVersion::v6)) bound.ipv6 = keep(std::move(*socket));
  handle(bound);
}

void AgentProcess::perform(const gate::ConnectUdp& effect) {
  const auto beside = handles_.find(effect.beside);
  auto socket = beside == handles_.end() ? failure(io::SystemError{"connect a UDP socket", EBADF})
                                         : io::open_udp_beside(beside->second, effect.to);
  if (socket) return handle(gate::Dialled{effect.task, keep(std::move(*socket)), effect.to});
  const bool is_way = io::is_about_the_way(socket.error());
  if (!is_way && !std::exchange(udp_failure_told_, true)) {
    io::log(io::LogLevel::error,
            "tunnels cannot send datagrams, so that all goes through relays: " + socket.error().text());
  }
  handle(gate::DialFailed{effect.task, is_way ? pair::Unanswered::unreachable : pair::Unanswered::too_many});
}

// ---- errands
// ------------------------------------------------------------------------------------------------------------

void AgentProcess::finish_task(gate::TaskId task, gate::Input input) {
  // The task object may be running this very call: it goes once it has returned.
  auto ended = tasks_.extract(task);
  if (!ended) return;
  if (ended.mapped()) {
    retired_.push_back(std::move(*ended.mapped()));
    loop_.post([this] { retired_.clear(); });
  }
  handle(std::move(input));
}

void AgentProcess::perform(const gate::Resolve& effect) {
  tasks_[effect.task] = std::nullopt;
  names_.resolve(effect.session, effect.host,
                 [this, task = effect.task](pair::NameOutcome outcome, std::vector<IpAddress> found) {
                   finish_task(task, gate::Resolved{task, std::move(found), outcome == pair::NameOutcome::failed});
                 });
}

void AgentProcess::perform(const gate::Dial& effect) {
  const gate::TaskId task = effect.task;
  if (effect.transport == pair::Transport::udp) {
    const auto egress = egress_of(effect, effect.candidates.front().address);
    auto socket = egress ? io::connect_udp(effect.candidates.front(), *egress) : failure(io::DialError::unreachable);
    if (!socket) return handle(gate::DialFailed{task, unanswered(socket.error())});
    return handle(gate::Dialled{task, keep(std::move(*socket)), effect.candidates.front()});
  }
  if (!effect.through_proxy_to.empty()) return dial_through_proxy(effect);
  const auto egress = egress_of(effect, effect.candidates.front().address);
  if (!egress) return handle(gate::DialFailed{task, pair::Unanswered::unreachable});
  tasks_[task] = std::make_unique<io::Dial>(
      loop_, effect.candidates, effect.timeout,
      [this, task](Result<io::Dialled, io::DialError> done) {
        if (!tasks_.contains(task)) return;
        if (!done) {
          gate::DialFailed failed{task, unanswered(done.error())};
          failed.is_behind_router = done.error() == io::DialError::behind_router;
          return finish_task(task, failed);
        }
        const Endpoint peer = done->to;
        finish_task(task, gate::Dialled{task, keep(std::move(done->socket)), peer});
      },
      io::DialOptions{.egress = *egress, .local_port = effect.local_port});
}

void AgentProcess::dial_through_proxy(const gate::Dial& effect) {
  tasks_[effect.task] = std::nullopt;
  reads_.begin<SecretText>(
      "proxy.password_file", [proxy = *config_.proxy] { return proxy_authorization(proxy); },
      [this, effect](Result<SecretText, std::string> authorization) {
        if (!tasks_.contains(effect.task)) return;
        if (authorization) return dial_through_proxy(effect, authorization->text);
        io::log(io::LogLevel::error, authorization.error());
        finish_task(effect.task, gate::DialFailed{effect.task, pair::Unanswered::behind_proxy,
                                                  gate::ProxyTrouble{gate::ProxyFault::no_password}});
      });
}

void AgentProcess::dial_through_proxy(const gate::Dial& effect, std::string_view authorization) {
  const gate::TaskId task = effect.task;
  std::string request = http::http_connect_request(effect.through_proxy_to, authorization);
  tasks_[task] = std::make_unique<io::HttpConnectDial>(
      loop_, effect.candidates, std::move(request), effect.timeout,
      [this, task](Result<io::Dialled, io::HttpConnectFailure> done) {
        if (!tasks_.contains(task)) return;
        if (!done) return finish_task(task, proxy_failure(task, done.error()));
        const Endpoint proxy = done->to;
        finish_task(task, gate::Dialled{task, keep(std::move(done->socket)), proxy});
      });
}

void AgentProcess::perform(const gate::Ping& effect) {
  const gate::TaskId task = effect.task;
  const auto egress = egress_of(effect, effect.address);
  if (!egress) return handle(gate::Pinged{task, false});
  tasks_[task] = std::make_unique<io::Ping>(
      loop_, random_, effect.address, std::min<std::size_t>(effect.payload_bytes, io::Ping::payload_bytes_max),
      effect.timeout,
      [this, task](Result<Duration, io::PingError> done) { finish_task(task, gate::Pinged{task, done.has_value()}); },
      *egress);
}

void AgentProcess::perform(const gate::LookupNeighbour& effect) {
  const gate::TaskId task = effect.task;
  if (effect.which == gate::Neighbours::first || effect.which == gate::Neighbours::in_use) {
    const auto entry = effect.which == gate::Neighbours::first ? io::NeighbourLookup::Entry::confirmed
                                                               : io::NeighbourLookup::Entry::as_it_stands;
    tasks_[task] = std::make_unique<io::NeighbourLookup>(
        loop_, effect.address, effect.timeout,
        [this, task](Result<io::MacBytes, io::NeighbourError> found) {
          gate::NeighboursFound answer{task, {}};
          if (found) answer.macs.push_back(gate::MacAddress(*found));
          finish_task(task, std::move(answer));
        },
        entry);
    return;
  }
  tasks_[task] = std::make_unique<io::NeighbourSurvey>(
      loop_, effect.address, effect.timeout,
      [this, task](Result<std::vector<io::MacBytes>, io::NeighbourError> found) {
        gate::NeighboursFound answer{task, {}};
        for (const io::MacBytes& mac : found.value_or(std::vector<io::MacBytes>{})) answer.macs.emplace_back(mac);
        finish_task(task, std::move(answer));
      },
      effect.which == gate::Neighbours::all_by_arp ? io::NeighbourSurvey::Otherwise::nobody
                                                   : io::NeighbourSurvey::Otherwise::kernel_asks);
}

void AgentProcess::perform(const gate::ReadSerial& effect) {
  const gate::TaskId task = effect.task;
  const auto egress = egress_of(effect, effect.device.address);
  auto socket = egress ? io::connect_udp(effect.device, *egress) : failure(io::DialError::unreachable);
  if (!socket) return handle(gate::SerialRead{task, {}});
  const auto done = [this, task](pair::SerialAnswer answer) {
    finish_task(task, gate::SerialRead{task, std::move(answer)});
  };
  auto reading = SerialReading::start({loop_, closer_, guard_, snmp_processes_, snmp_program_},
                                      {effect.device_name, std::move(*socket), effect.question, effect.timeout}, done);
  if (!reading) {
    io::log(io::LogLevel::error, reading.error());
    return handle(gate::SerialRead{task, {}});
  }
  tasks_[task] = std::move(*reading);
}

void AgentProcess::perform(const gate::AppendAudit& effect) {
  const bool is_begun = disk_.run([this, audit = audit_, append = effect] {
    const auto done = audit->perform(append);
    return io::Callback([this, done] {
      if (!done) io::log(io::LogLevel::error, done.error());
      handle(gate::AuditAppended{done.has_value()});
    });
  });
  if (!is_begun) handle(gate::AuditAppended{false});
}

void AgentProcess::perform(const gate::ReadJoinKey& effect) {
  const gate::TaskId task = effect.task;
  tasks_[task] = std::nullopt;
  reads_.begin<SecretText>(
      "control.join_key_file", [control = config_.control] { return read_join_key(control); },
      [this, task](Result<SecretText, std::string> key) {
        if (!key) io::log(io::LogLevel::error, key.error());
        if (!tasks_.contains(task)) return;
        finish_task(task, gate::JoinKeyRead{task, key ? std::optional(std::exchange(key->text, {})) : std::nullopt});
      });
}

}  // namespace quoin::apps

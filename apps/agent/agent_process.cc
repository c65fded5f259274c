#include "agent_process.h"

#include <algorithm>
#include <utility>

#include "base/secret.h"
#include "current_host.h"
#include "dial_answers.h"
#include "gate/commands.h"
#include "io/accounts.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/socket_reset.h"
#include "io/udp_open.h"
#include "named_files.h"

namespace quoin::apps {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

io::Reach reach_of(const auto& effect) {
  return effect.stays_on_link ? io::Reach::own_link : io::Reach::anywhere;
}

StartFailure of_file(const io::FileFailure& file) {
  const bool of_system = file.error == io::FileError::full || file.error == io::FileError::failed;
  return {of_system ? gate::ExitCode::failed : gate::ExitCode::wrong_usage, file.text};
}

}  // namespace

Result<std::unique_ptr<AgentProcess>, StartFailure> AgentProcess::create(io::Loop& loop, gate::Config config,
                                                                         Programs programs) {
  const auto refuse = [](std::string sentence) {
    return failure(StartFailure{gate::ExitCode::wrong_usage, std::move(sentence)});
  };
  if (const auto readable = look_at_named_files(config); !readable) return refuse(readable.error());
  auto state = io::Folder::make(config.state_dir, {.mode = 0700, .group = std::nullopt});
  if (!state) return failure(of_file(state.error()));
  // One that exists may be the system's own, such as /run: its mode is left alone, and the socket has its own.
  auto run = io::Folder::make(folder_of(config.socket), {.mode = 0750, .group = group, .narrows = false});
  if (!run) return failure(of_file(run.error()));
  auto lock = io::LockFile::take(*state, "lock");
  if (!lock && lock.error().error == io::FileError::taken) {
    return failure(StartFailure{gate::ExitCode::refused, "another quoin-agent already runs with the state folder " +
                                                             config.state_dir +
                                                             ": stop it, or give this one a state_dir of its own"});
  }
  if (!lock) return failure(of_file(lock.error()));
  auto audit = AuditFiles::open(std::move(*state));
  if (!audit) return failure(StartFailure{gate::ExitCode::failed, audit.error()});
  for (const std::string& program : {programs.tunnel, programs.snmp}) {
    if (const auto found = io::open_for_reading(program); !found) {
      return refuse(program.substr(program.rfind('/') + 1) + " must stand beside quoin-agent: " + found.error().text);
    }
    if (io::may_give(Children::users) && !io::may_be_run_by_others(program)) {
      return refuse(program +
                    " may not be run by others, and each such process is a user of its own; give them that right "
                    "(chmod o+x)");
    }
  }
  std::unique_ptr<AgentProcess> process(
      new AgentProcess(loop, std::move(config), std::move(programs), std::move(*lock), std::move(*audit)));
  if (const auto listening = process->listen(std::move(*run)); !listening) return failure(listening.error());
  process->drain();
  return process;
}

AgentProcess::AgentProcess(io::Loop& loop, gate::Config config, Programs programs, io::LockFile lock,
                           AuditFiles::Opened audit)
    : loop_(loop),
      config_(std::move(config)),
      snmp_program_(std::move(programs.snmp)),
      lock_(std::move(lock)),
      audit_(std::make_shared<AuditFiles>(std::move(audit.files))),
      gate_(config_, current_host_view(), std::move(audit.start), io::wall_time(), io::now()),
      timer_(loop,
             [this] {
               gate_.handle_timeout(io::wall_time(), io::now());
               drain();
             }),
      host_again_(loop, [this] { host_changed(); }),
      stop_signals_(loop, [this] { handle(gate::StopRequested{}); }),
      resolver_(loop),
      disk_(loop),
      directory_(loop),
      children_(loop, closer_, std::move(programs.tunnel),
                {.message = [this](gate::SessionId session,
                                   auto message) { handle(gate::ChildMessage{session, std::move(message)}); },
                 .exited = [this](gate::SessionId session,
                                  std::string how) { handle(gate::ChildExited{session, std::move(how)}); }}) {}

Result<void, StartFailure> AgentProcess::listen(io::Folder run) {
  auto changes = io::HostChanges::watch(loop_, [this] { host_changed(); });
  if (!changes) return failure(StartFailure{gate::ExitCode::failed, changes.error().text()});
  host_changes_ = std::move(*changes);
  auto listener = io::UnixListener::open(
      loop_, std::move(run),
      {.name = config_.socket.substr(config_.socket.rfind('/') + 1), .mode = 0660, .group = group}, closer_,
      [this](std::unique_ptr<io::LineConnection> connection) { accept(std::move(connection)); });
  if (!listener) {
    const bool taken = listener.error().error == io::FileError::taken;
    return failure(StartFailure{taken ? gate::ExitCode::refused : gate::ExitCode::wrong_usage,
                                taken ? "another quoin-agent already listens on " + config_.socket +
                                            ": stop it, or give this one a socket of its own"
                                      : listener.error().text});
  }
  listener_ = std::move(*listener);
  host_changed();  // they may have since they were read; nothing is recorded before it is clear that this one listens
  return {};
}

// ---- commands
// -----------------------------------------------------------------------------------------------------------

void AgentProcess::accept(std::unique_ptr<io::LineConnection> connection) {
  if (connections_.size() >= connections_max) return;  // destroyed: closed
  const gate::CommandId id = ++last_id_;
  // Whoever connects and says nothing takes the place of somebody who wants to close a device.
  auto& patience = connections_[id].patience;
  patience = std::make_unique<io::Timer>(loop_, [this, id] { connections_.erase(id); });
  patience->set(io::now() + silence_max);
  auto& line = connections_[id].line;
  line = std::move(connection);
  line->start({.line = [this, id](std::string_view text) { listen_to(id, text); },
               .closed =
                   [this, id] {
                     loop_.post([this, id] {
                       if (connections_.erase(id) > 0) handle(gate::CommandGone{id});
                     });
                   }});
}

void AgentProcess::listen_to(gate::CommandId id, std::string_view text) {
  Connection& connection = connections_.at(id);
  if (std::exchange(connection.has_asked, true)) return;  // one command a connection: the gate knows both by one id
  connection.request = gate::decode_request(bytes_of(text));
  const io::PeerCredentials peer = connection.line->peer();
  // Root needs no directory to be root, nor does a member need one now: the group is the one that the socket was given,
  // and the kernel knows who is in it. Only for a name one is asked, and who closes a device does not wait for it long.
  if (peer.user == 0) return present(id, {.uid = 0, .name = "root"});
  const auto number = listener_->group();
  const gate::Caller unknown{
      .uid = peer.user, .name = std::to_string(peer.user), .in_group = number && peer.in_group(*number)};
  connection.patience = std::make_unique<io::Timer>(loop_, [this, id, unknown] { present(id, unknown); });
  connection.patience->set(io::now() + directory_patience);
  const bool is_asked = directory_.run([this, id, unknown] {
    gate::Caller caller = unknown;
    if (auto name = io::user_name(caller.uid)) caller.name = *std::move(name);
    return io::Callback([this, id, caller = std::move(caller)]() mutable { present(id, std::move(caller)); });
  });
  if (!is_asked) present(id, unknown);
}

void AgentProcess::present(gate::CommandId id, gate::Caller caller) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second.request) return;  // it has hung up, or was not waited for
  auto request = *std::exchange(found->second.request, std::nullopt);
  found->second.patience.reset();
  handle(gate::CommandArrived{id, std::move(caller), std::move(request)});
}

namespace {

std::string line_of(const gate::Reply& reply) {
  std::string line = gate::encode(reply);
  while (line.ends_with('\n')) line.pop_back();  // send_line adds it
  return line;
}

}  // namespace

void AgentProcess::perform(const gate::SendUpdate& effect) {
  const auto found = connections_.find(effect.command);
  if (found != connections_.end()) found->second.line->send_line(line_of(effect.reply));
}

void AgentProcess::perform(const gate::SendReply& effect) {
  const auto found = connections_.find(effect.command);
  if (found == connections_.end()) return;
  found->second.line->send_line(line_of(effect.reply));
  found->second.line->finish();
}

// ---- the core
// -----------------------------------------------------------------------------------------------------------

void AgentProcess::handle(gate::Input input) {
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
  if (auto* move = std::get_if<gate::MoveChildsEnd>(&effect)) return children_.move_end(move->session, move->killed_at);
  if (auto* kill = std::get_if<gate::KillChild>(&effect)) return children_.kill(kill->session);
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
  if (auto* reply = std::get_if<gate::SendReply>(&effect)) return perform(*reply);
  if (auto* update = std::get_if<gate::SendUpdate>(&effect)) return perform(*update);
  if (auto* line = std::get_if<gate::WriteLog>(&effect)) return io::log(io::LogLevel::warning, line->sentence);
  if (std::holds_alternative<gate::Finished>(effect)) loop_.stop();
}

// ---- children
// -----------------------------------------------------------------------------------------------------------

void AgentProcess::perform(const gate::StartChild& effect) {
  const auto started = children_.start(effect.session, effect.killed_at);
  if (started) return handle(gate::ChildStarted{effect.session});
  handle(gate::ChildFailed{effect.session, started.error()});
}

Result<io::Descriptor, std::string> AgentProcess::take(const gate::Descriptor& wanted) {
  switch (wanted.kind) {
    case gate::DescriptorKind::control_roots: return open_control_roots(config_);
    case gate::DescriptorKind::relay_roots: return open_relay_roots(config_);
    case gate::DescriptorKind::copy: {
      const auto kept = handles_.find(wanted.handle);
      if (kept == handles_.end()) return failure<std::string>("what belongs to the message is gone");
      auto copy = io::duplicate(kept->second);
      if (!copy) return failure(copy.error().text());
      return std::move(*copy);
    }
    case gate::DescriptorKind::handle: break;
  }
  auto kept = handles_.extract(wanted.handle);
  if (!kept) return failure<std::string>("what belongs to the message is gone");
  return std::move(kept.mapped());
}

void AgentProcess::perform(const gate::SendToChild& effect) {
  std::vector<io::Descriptor> descriptors;
  std::string why;
  for (const gate::Descriptor& wanted : effect.descriptors) {
    auto descriptor = take(wanted);
    if (!descriptor) {
      why = descriptor.error();
      io::log(io::LogLevel::error, why);
      break;
    }
    descriptors.push_back(std::move(*descriptor));
  }
  if (why.empty() && !children_.send(effect.session, effect.message, std::move(descriptors))) {
    why = "it does not take a message";
  }
  if (!why.empty()) handle(gate::ChildUnreachable{effect.session, std::move(why)});
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
  if (ended.mapped()) loop_.post([task = std::move(*ended.mapped())] {});
  handle(std::move(input));
}

void AgentProcess::perform(const gate::Resolve& effect) {
  tasks_[effect.task] = std::nullopt;
  resolver_.resolve(effect.host, seconds(5),
                    [this, task = effect.task](Result<std::vector<IpAddress>, io::ResolveError> found) {
                      finish_task(task, gate::Resolved{task, found ? std::move(*found) : std::vector<IpAddress>{}});
                    });
}

void AgentProcess::perform(const gate::Dial& effect) {
  const gate::TaskId task = effect.task;
  if (effect.transport == pair::Transport::udp) {
    auto socket = effect.candidates.empty() ? failure(io::DialError::failed)
                                            : io::connect_udp(effect.candidates.front(), reach_of(effect));
    if (!socket) return handle(gate::DialFailed{task, unanswered(socket.error())});
    return handle(gate::Dialled{task, keep(std::move(*socket)), effect.candidates.front()});
  }
  if (!effect.through_proxy_to.empty()) return dial_through_proxy(effect);
  const auto attempts = static_cast<std::int64_t>(std::max<std::size_t>(effect.candidates.size(), 1));
  tasks_[task] = std::make_unique<io::Dial>(
      loop_, effect.candidates, effect.timeout / attempts,
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
      reach_of(effect));
}

void AgentProcess::dial_through_proxy(const gate::Dial& effect) {
  const gate::TaskId task = effect.task;
  auto authorization = proxy_authorization(*config_.proxy);
  if (!authorization) {
    io::log(io::LogLevel::error, authorization.error());
    return handle(
        gate::DialFailed{task, pair::Unanswered::behind_proxy, gate::ProxyTrouble{gate::ProxyFault::no_password}});
  }
  std::string request = io::http_connect_request(effect.through_proxy_to, *authorization);
  wipe(std::as_writable_bytes(std::span(*authorization)));
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
  tasks_[task] = std::make_unique<io::Ping>(
      loop_, random_, effect.address, std::min<std::size_t>(effect.payload_bytes, io::Ping::payload_bytes_max),
      effect.timeout,
      [this, task](Result<Duration, io::PingError> done) { finish_task(task, gate::Pinged{task, done.has_value()}); },
      reach_of(effect));
}

void AgentProcess::perform(const gate::LookupNeighbour& effect) {
  const gate::TaskId task = effect.task;
  if (effect.which != gate::Neighbours::all) {
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
      loop_, effect.address, effect.timeout, [this, task](Result<std::vector<io::MacBytes>, io::NeighbourError> found) {
        gate::NeighboursFound answer{task, {}};
        for (const io::MacBytes& mac : found.value_or(std::vector<io::MacBytes>{})) answer.macs.emplace_back(mac);
        finish_task(task, std::move(answer));
      });
}

void AgentProcess::perform(const gate::ReadSerial& effect) {
  const gate::TaskId task = effect.task;
  auto socket = io::connect_udp(effect.device, reach_of(effect));
  if (!socket) return handle(gate::SerialRead{task, {}});
  const auto done = [this, task](pair::SerialAnswer answer) {
    finish_task(task, gate::SerialRead{task, std::move(answer)});
  };
  auto reading = SerialReading::start(loop_, closer_, snmp_processes_, snmp_program_, std::move(*socket),
                                      effect.community, effect.timeout, done);
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
  auto key = read_join_key(config_.control);
  if (!key) io::log(io::LogLevel::error, key.error());
  handle(gate::JoinKeyRead{effect.task, key ? std::optional(std::move(*key)) : std::nullopt});
}

}  // namespace quoin::apps

#include "gate/errands.h"

#include <algorithm>

#include "gate/control_url.h"
#include "gate/join_key.h"
#include "gate/sentences.h"
#include "gate/service_list.h"

namespace quoin::gate {
namespace {

// Not where a cloud keeps its metadata, either.
bool is_one_host(const IpAddress& address) {
  return !is_unspecified(address) && !is_multicast(address) && !is_limited_broadcast(address) &&
         !is_link_local(address);
}

Outcome outcome_of(pair::Unanswered why) {
  switch (why) {
    case pair::Unanswered::refused: return Outcome::refused;
    case pair::Unanswered::timed_out: return Outcome::unanswered;
    case pair::Unanswered::not_allowed: return Outcome::not_opened;
    case pair::Unanswered::identity_changed: return Outcome::unrecognised;
    case pair::Unanswered::too_many: return Outcome::too_many;
    case pair::Unanswered::unreachable:
    case pair::Unanswered::not_resolved:
    case pair::Unanswered::names_unanswered:
    case pair::Unanswered::behind_proxy: return Outcome::unreachable;
  }
  return Outcome::unreachable;
}

bool may_have_ftp_data(const Warrant& warrant, std::uint16_t port) {
  return warrant.services.allows(pair::Transport::tcp, pair::ftp_control_port) && port >= pair::ftp_data_port_min;
}

}  // namespace

template <class T>
std::size_t Errands::under_way() const {
  std::size_t count = static_cast<std::size_t>(
      std::ranges::count_if(errands_, [](const auto& each) { return std::holds_alternative<T>(each.second); }));
  if constexpr (std::is_constructible_v<ForDevice, T>) {
    count += static_cast<std::size_t>(
        std::ranges::count_if(awaiting_look_, [](const auto& each) { return std::holds_alternative<T>(each.errand); }));
    count += static_cast<std::size_t>(
        std::ranges::count_if(awaiting_record_, [](const auto& each) { return std::holds_alternative<T>(each.what); }));
  }
  return count;
}

template <class T>
std::size_t Errands::under_way_of(const std::string& engineer) const {
  const auto is_his = [&](const auto& errand) {
    const auto* each = std::get_if<T>(&errand);
    return each != nullptr && each->engineer == engineer;
  };
  const auto count = std::ranges::count_if(errands_, [&](const auto& each) { return is_his(each.second); }) +
                     std::ranges::count_if(awaiting_look_, [&](const auto& each) { return is_his(each.errand); }) +
                     std::ranges::count_if(awaiting_record_, [&](const auto& each) { return is_his(each.what); });
  return static_cast<std::size_t>(count);
}

// Datagrams leave a quarter of what may be under way to connections; of what is open their tunnel sees to that.
bool Errands::is_crowded(const std::string& engineer, pair::Transport transport) const {
  const bool leaves_some = transport == pair::Transport::udp;
  const auto share_of = [&](std::size_t max) { return leaves_some ? max / 4 * 3 : max; };
  const std::size_t dials = under_way<ServiceDial>();
  const std::size_t his = under_way_of<ServiceDial>(engineer);
  return dials >= share_of(device_dials_max) || his >= share_of(device_dials_of_one_max) ||
         (leaves_some ? desk_.audit.busy() : desk_.audit.crowded()) || flows_.open() + dials >= Flows::open_max ||
         flows_.open_of(engineer) + his >= Flows::open_of_one_max;
}

bool Errands::is_in_use(pair::RequestId request) const {
  return flows_.has(request) || owed_.contains(request) || endpoint_sockets_.owes(request);
}

bool Errands::claim(pair::RequestId request) {
  return !is_in_use(request) && owed_.insert(request).second;
}

void Errands::fail(pair::RequestId request, pair::Unanswered why) {
  owed_.erase(request);
  desk_.send(session_, pair::Failed{request, why});
}

// ---- servers ----------------------------------------------------------------------------------------------------

Errands::Trouble Errands::handle(const pair::DialControl& request, Instant now) {
  std::vector<IpAddress> given;
  if (const auto address = desk_.config.control.address()) given.push_back(*address);
  return seek_server({request.request, Server::control, desk_.config.control.port}, desk_.config.control.host, given,
                     now);
}

Errands::Trouble Errands::handle(const pair::DialRelay& request, Instant now) {
  std::vector<IpAddress> given;
  if (request.ipv4) given.push_back(*request.ipv4);
  if (request.ipv6) given.push_back(*request.ipv6);
  return seek_server({request.request, Server::relay, request.port}, request.host, given, now);
}

Errands::Trouble Errands::handle(const pair::ResolveStun& request, Instant now) {
  std::vector<IpAddress> given;
  if (request.ipv4) given.push_back(*request.ipv4);
  if (request.ipv6) given.push_back(*request.ipv6);
  return seek_server({request.request, Server::stun, request.port}, request.host, given, now);
}

Errands::Trouble Errands::seek_server(ServerName name, const std::string& host, const std::vector<IpAddress>& given,
                                      Instant now) {
  if (!claim(name.request)) return Trouble::broke_rules;
  if (under_way<ServerName>() + under_way<ProxyName>() + under_way<ServerDial>() >= server_dials_max ||
      !servers_.take(now)) {
    fail(name.request, pair::Unanswered::too_many);
  } else if (goes_through_proxy(name, host, given)) {
    seek_behind_proxy(std::move(name), host, given);
  } else if (!given.empty()) {
    reach_server(name, given);
  } else if (const auto literal = IpAddress::parse(host)) {
    reach_server(name, {*literal});
  } else if (!is_host_name(host)) {
    fail(name.request, pair::Unanswered::not_resolved);
  } else {
    const TaskId task = desk_.new_task(session_);
    errands_.emplace(task, std::move(name));
    desk_.emit(Resolve{task, session_, host});
  }
  return Trouble::none;
}

// No server is looked for at a device's address, whatever somebody vouched for.
bool Errands::is_a_device(const IpAddress& address) const {
  return std::ranges::find(desk_.config.devices, address, &DeviceConfig::address) != desk_.config.devices.end();
}

// The proxy is where the person at the agent said it is, and its name is the site's own.
bool Errands::may_be_proxy(const IpAddress& address) const {
  return !is_a_device(address) && is_one_host(address);
}

bool Errands::may_be_server(const ServerName& name, const IpAddress& address) const {
  if (is_a_device(address)) return false;
  // An address that the person wrote down is theirs to choose. What a name leads to is for whoever answers for it.
  if (name.server == Server::control && IpAddress::parse(desk_.config.control.host)) return is_one_host(address);
  return desk_.knows_host() && desk_.endpoints().allows(Endpoint{address, name.port}, path::EndpointUse::relay_or_stun);
}

void Errands::reach_server(const ServerName& name, const std::vector<IpAddress>& addresses, pair::Unanswered if_none) {
  if (addresses.empty()) return fail(name.request, if_none);
  std::vector<Endpoint> candidates;
  for (const IpAddress& address : addresses) {
    if (may_be_server(name, address) && candidates.size() < candidates_max) {
      candidates.push_back(Endpoint{address, name.port});
    }
  }
  if (candidates.empty()) return fail(name.request, pair::Unanswered::not_allowed);
  if (name.server == Server::stun) {
    owed_.erase(name.request);
    desk_.send(session_, pair::Resolved{name.request, std::move(candidates)});
    return;
  }
  const TaskId task = desk_.new_task(session_);
  errands_.emplace(task, ServerDial{name.request, name.server});
  desk_.emit(Dial{task, pair::Transport::tcp, std::move(candidates), dial_timeout});
}

Errands::Trouble Errands::handle(const Resolved& result) {
  if (auto proxy = finish<ProxyName>(result.task)) {
    reach_proxy(*std::move(proxy), result.addresses, result.no_server_answers);
  } else if (auto name = finish<ServerName>(result.task)) {
    if (name->behind_proxy.empty()) {
      reach_server(*name, result.addresses,
                   result.no_server_answers ? pair::Unanswered::names_unanswered : pair::Unanswered::not_resolved);
    } else {
      judged_behind_proxy(*name, result.addresses, result.no_server_answers);
    }
  }
  return Trouble::none;
}

Errands::Trouble Errands::handle(const pair::WantJoinKey&) {
  if (under_way<Key>() > 0 || ++join_keys_ > join_keys_max) return Trouble::broke_rules;
  const TaskId task = desk_.new_task(session_);
  errands_.emplace(task, Key{});
  desk_.emit(ReadJoinKey{task});
  return Trouble::none;
}

Errands::Trouble Errands::handle(JoinKeyRead&& result) {
  if (!finish<Key>(result.task)) return Trouble::none;
  if (!result.key || !is_join_key(*result.key)) return Trouble::join_key_gone;
  desk_.send(session_, pair::JoinKey{std::move(*result.key)});
  return Trouble::none;
}

// ---- the device -------------------------------------------------------------------------------------------------

Errands::Trouble Errands::handle(const pair::DialService& request, const Warrant& warrant, WallTime wall, Instant now) {
  if (!claim(request.request)) return Trouble::broke_rules;
  const std::string* engineer = admissions_.engineer(request.engineer);
  auto service = engineer == nullptr ? std::nullopt : service_of(request, *engineer, warrant, now);
  if (!service) {
    note_failed(request, Outcome::not_opened, wall, now);
    fail(request.request, pair::Unanswered::not_allowed);
    return Trouble::none;
  }
  if (is_crowded(*engineer, request.transport) || !flows_.may_open(*engineer, request.transport, now)) {
    note_failed(request, Outcome::too_many, wall, now);
    fail(request.request, pair::Unanswered::too_many);
    return Trouble::none;
  }
  return for_device(
      ServiceDial{request.request, *engineer, request.transport, request.port, *std::move(service), request.from_port},
      wall, now);
}

std::optional<std::string> Errands::service_of(const pair::DialService& request, const std::string& engineer,
                                               const Warrant& warrant, Instant now) {
  if (request.port == 0) return std::nullopt;
  if (warrant.services.allows(request.transport, request.port)) return service_name(request.transport, request.port);
  const bool is_ftp_data = request.transport == pair::Transport::tcp && may_have_ftp_data(warrant, request.port) &&
                           flows_.has_tcp(engineer, pair::ftp_control_port) &&
                           ftp_ports_.take(request.engineer, request.port, now);
  return is_ftp_data ? std::optional<std::string>("ftp-data") : std::nullopt;
}

// A tunnel of ours announces only what a device said over a control connection that is open. What the device may say is
// another matter, and no fault of the tunnel.
Errands::Trouble Errands::handle(const pair::FtpData& announced, const Warrant& warrant, WallTime wall, Instant now) {
  const std::string* engineer = admissions_.engineer(announced.engineer);
  const bool follows_control = engineer != nullptr && may_have_ftp_data(warrant, announced.port) &&
                               flows_.has_tcp(*engineer, pair::ftp_control_port);
  if (!follows_control) return Trouble::broke_rules;
  switch (ftp_ports_.announce(announced.engineer, *engineer, announced.port, now)) {
    case FtpDataPorts::Announced::taken: break;
    case FtpDataPorts::Announced::too_many:
      flows_.attempts().add(*engineer, pair::Protocol::tcp, announced.port, Outcome::too_many, wall, now);
      break;
    case FtpDataPorts::Announced::not_passive:
      flows_.attempts().add(*engineer, pair::Protocol::tcp, announced.port, Outcome::not_passive, wall, now);
      if (!std::exchange(said_not_passive_, true)) desk_.emit(WriteLog{not_passive_sentence(device_, announced.port)});
      break;
  }
  return Trouble::none;
}

Errands::Trouble Errands::handle(const pair::PingDevice& request, const Warrant& warrant, WallTime wall, Instant now) {
  if (!claim(request.request)) return Trouble::broke_rules;
  const std::string* engineer = admissions_.engineer(request.engineer);
  if (engineer == nullptr || !warrant.services.ping || request.payload_bytes > ping_payload_bytes_max) {
    note_failed(request, Outcome::not_opened, wall, now);
    fail(request.request, pair::Unanswered::not_allowed);
    return Trouble::none;
  }
  const bool is_full = under_way<Echo>() >= pings_max || under_way_of<Echo>(*engineer) >= pings_of_one_max ||
                       flows_.open() + under_way<ServiceDial>() >= Flows::open_max;
  const bool is_new_series = !flows_.has_pings_of(*engineer);
  if (is_full || (is_new_series && (desk_.audit.crowded() || !flows_.may_open(*engineer, pair::Transport::udp, now)))) {
    note_failed(request, Outcome::too_many, wall, now);
    fail(request.request, pair::Unanswered::too_many);
    return Trouble::none;
  }
  const AuditQueue::Ticket record = flows_.open_ping(request.request, *engineer, wall);
  if (record == 0) {
    note_failed(request, Outcome::too_many, wall, now);
    fail(request.request, pair::Unanswered::too_many);
    return Trouble::none;
  }
  return for_device(Echo{request.request, *engineer, request.payload_bytes, record}, wall, now);
}

Errands::Trouble Errands::for_device(ForDevice errand, WallTime wall, Instant now) {
  if (guard_device(device_, desk_.host())) {
    std::visit([&](const auto& each) { note_failed(each, Outcome::unrecognised, wall, now); }, errand);
    return Trouble::guard_refuses;
  }
  look_first(std::move(errand), wall, now);
  return Trouble::none;
}

void Errands::look_first(ForDevice errand, WallTime wall, Instant now) {
  const AuditQueue::Ticket record = record_before(errand);
  if (desk_.audit.is_written(record)) return admit({std::move(errand), recognition_.next_glance()}, wall, now);
  std::visit([&](auto& each) { awaiting_record_.push_back({record, std::move(each)}); }, errand);
}

void Errands::admit(Waiting waiting, WallTime wall, Instant now) {
  const auto refuse = [&](pair::Unanswered why) {
    std::visit([&](const auto& each) { fail(each, why, Outcome::unrecognised, wall, now); }, waiting.errand);
  };
  if (!desk_.knows_host()) return refuse(pair::Unanswered::unreachable);
  switch (recognition_.ask(waiting.since)) {
    case Recognition::Answer::yes: return begin(std::move(waiting.errand), wall, now);
    case Recognition::Answer::later: awaiting_look_.push_back(std::move(waiting)); return;
    case Recognition::Answer::no: break;
  }
  refuse(recognition_.is_another_device() ? pair::Unanswered::identity_changed : pair::Unanswered::unreachable);
}

void Errands::device_looked_at(WallTime wall, Instant now) {
  if (recognition_.is_gone()) give_up_dials(wall, now);
  for (Waiting& each : std::exchange(awaiting_look_, {})) admit(std::move(each), wall, now);
}

// The kernel would go on for as long as it trusts what its neighbour table had.
void Errands::give_up_dials(WallTime wall, Instant now) {
  for (auto each = errands_.begin(); each != errands_.end();) {
    const auto* dial = std::get_if<ServiceDial>(&each->second);
    if (dial == nullptr) {
      ++each;
      continue;
    }
    desk_.cancel(each->first);
    fail(*dial, pair::Unanswered::unreachable, Outcome::unreachable, wall, now);
    each = errands_.erase(each);
  }
}

// Nothing is begun at the device while a record that must be on disk is not.
AuditQueue::Ticket Errands::record_before(const ForDevice& errand) const {
  const auto* echo = std::get_if<Echo>(&errand);
  return std::max(echo != nullptr ? echo->record : 0, desk_.audit.newest_grave());
}

void Errands::begin(ForDevice errand, WallTime wall, Instant now) {
  // What has to wait for another record now is looked before anew.
  if (!desk_.audit.is_written(record_before(errand))) return look_first(std::move(errand), wall, now);
  std::visit([&](const auto& each) { perform(each, wall, now); }, errand);
}

void Errands::records_written(WallTime wall, Instant now) {
  for (Later& each : std::exchange(awaiting_record_, {})) {
    if (!desk_.audit.is_written(each.record)) {
      awaiting_record_.push_back(std::move(each));
    } else if (const auto* connected = std::get_if<HandOver>(&each.what)) {
      look_before(*connected);
    } else if (auto* dial = std::get_if<ServiceDial>(&each.what)) {
      look_first(std::move(*dial), wall, now);
    } else {
      look_first(std::move(std::get<Echo>(each.what)), wall, now);
    }
  }
}

// Some printers take jobs by LPD only from the ports that RFC 1179 names, or from privileged ones.
std::uint16_t Errands::local_port_for(const ServiceDial& dial) const {
  if (dial.transport != pair::Transport::tcp || dial.port != lpd_port) return 0;
  const auto dialling = std::ranges::count_if(errands_, [](const auto& each) {
    const auto* other = std::get_if<ServiceDial>(&each.second);
    return other != nullptr && other->port == lpd_port;
  });
  return static_cast<std::size_t>(dialling) + flows_.open_to(lpd_port) < privileged_ports_max ? dial.from_port : 0;
}

void Errands::perform(const ServiceDial& dial, WallTime wall, Instant now) {
  if (recognition_.is_gone()) {
    return fail(dial, pair::Unanswered::unreachable, Outcome::unrecognised, wall, now);
  }
  if (dial.transport == pair::Transport::tcp) recognition_.dial_began(now);
  const TaskId task = desk_.new_task(session_);
  desk_.emit(Dial{.task = task,
                  .transport = dial.transport,
                  .candidates = {Endpoint{device_.address, dial.port}},
                  .timeout = dial_timeout,
                  .stays_on_link = device_.stays_on_link(),
                  .on_own_link = device_.is_on_own_link(),
                  .local_port = local_port_for(dial)});
  errands_.emplace(task, dial);
}

void Errands::perform(const Echo& echo, WallTime wall, Instant now) {
  // The tunnel may have said meanwhile that they are over, and their end is recorded.
  if (!flows_.count_ping(echo.engineer, echo.record, echo.payload_bytes)) {
    return fail(echo, pair::Unanswered::not_allowed, Outcome::cut_short, wall, now);
  }
  const TaskId task = desk_.new_task(session_);
  desk_.emit(
      Ping{task, device_.address, echo.payload_bytes, ping_timeout, device_.stays_on_link(), device_.is_on_own_link()});
  errands_.emplace(task, echo);
}

Errands::Trouble Errands::handle(const DialFailed& result, WallTime wall, Instant now) {
  if (const auto dial = finish<ServiceDial>(result.task)) {
    if (result.is_behind_router) port_trouble_.behind_router(dial->port, wall);
    if (result.why == pair::Unanswered::timed_out) port_trouble_.timed_out(dial->transport, dial->port, wall);
    if (result.why == pair::Unanswered::timed_out || result.why == pair::Unanswered::unreachable) {
      recognition_.dial_failed(now);
    }
    if (result.why == pair::Unanswered::refused) recognition_.dial_answered();
    fail(*dial, result.why, outcome_of(result.why), wall, now);
  } else if (auto server = finish<ServerDial>(result.task)) {
    if (result.proxy && server->behind) {
      refused_by_proxy(*std::move(server), *result.proxy);
    } else {
      fail(server->request, result.why);
    }
  }
  return Trouble::none;
}

Errands::Trouble Errands::handle(const Pinged& result) {
  const auto echo = finish<Echo>(result.task);
  if (!echo) return Trouble::none;
  if (!result.answered) {
    fail(echo->request, pair::Unanswered::timed_out);
    return Trouble::none;
  }
  if (!flows_.count_answer(echo->engineer, echo->record, echo->payload_bytes)) {
    fail(echo->request, pair::Unanswered::not_allowed);
    return Trouble::none;
  }
  owed_.erase(echo->request);
  desk_.send(session_, pair::Pinged{echo->request});
  return Trouble::none;
}

void Errands::cancel_all(WallTime wall, Instant now) {
  for (const auto& [task, errand] : errands_) {
    desk_.cancel(task);
    if (const auto* dial = std::get_if<ServiceDial>(&errand)) note_failed(*dial, Outcome::cut_short, wall, now);
    if (const auto* connected = std::get_if<HandOver>(&errand)) desk_.emit(CloseHandle{connected->socket, true});
  }
  errands_.clear();
  for (const Waiting& waiting : std::exchange(awaiting_look_, {})) {
    std::visit([&](const auto& each) { note_failed(each, Outcome::cut_short, wall, now); }, waiting.errand);
  }
  for (const Later& each : std::exchange(awaiting_record_, {})) {
    if (const auto* dial = std::get_if<ServiceDial>(&each.what)) note_failed(*dial, Outcome::cut_short, wall, now);
    if (const auto* echo = std::get_if<Echo>(&each.what)) note_failed(*echo, Outcome::cut_short, wall, now);
    if (const auto* connected = std::get_if<HandOver>(&each.what)) desk_.emit(CloseHandle{connected->socket, true});
  }
  owed_.clear();
}

}  // namespace quoin::gate

#include "gate/recognition.h"

#include <algorithm>

namespace quoin::gate {
namespace {

constexpr std::uint16_t snmp_port = 161;

// What the hardware addresses that answered tell by themselves; `described` if they leave nothing to be said against.
Finding judge(std::vector<MacAddress> macs, const std::vector<MacAddress>& described) {
  if (macs.empty()) return {Finding::Kind::no_neighbour};
  std::ranges::sort(macs);
  macs.erase(std::ranges::unique(macs).begin(), macs.end());
  const bool are_described =
      std::ranges::all_of(macs, [&](const MacAddress& mac) { return std::ranges::count(described, mac) > 0; });
  if (!described.empty() && are_described) return {};
  if (macs.size() > 1) return {Finding::Kind::several_macs, std::move(macs)};
  if (!described.empty()) return {Finding::Kind::other_mac, std::move(macs)};
  return {};
}

// Two addresses of the device's network that nobody is known to have, in its upper half, where few hosts are.
std::vector<IpAddress> addresses_of_nobody(const IpAddress& device, const HostView& host, const Config& config) {
  constexpr int shortest = 8, longest = 27;
  constexpr std::size_t wanted = 2;
  std::vector<IpAddress> out;
  for (const InterfaceAddress& own : host.interfaces) {
    if (!device.is_v4() || !own.address.is_v4()) continue;
    const Prefix network = Prefix::containing(own.address, own.prefix_length);
    if (!network.contains(device) || own.prefix_length < shortest || own.prefix_length > longest) continue;
    const std::uint32_t size = std::uint32_t{1} << (32 - own.prefix_length);
    for (std::uint32_t number = size - size / 8; number + 1 < size && out.size() < wanted; number++) {
      const IpAddress address = IpAddress::v4(network.network().v4_host_order() + number);
      const bool is_known = std::ranges::count(host.interfaces, address, &InterfaceAddress::address) > 0 ||
                            std::ranges::count(host.gateways, address) > 0 ||
                            std::ranges::count(host.dns_servers, address) > 0 ||
                            std::ranges::count(config.devices, address, &DeviceConfig::address) > 0;
      if (!is_known) out.push_back(address);
    }
    break;
  }
  return out;
}

}  // namespace

bool is_silence(Finding::Kind kind) {
  return kind == Finding::Kind::no_neighbour || kind == Finding::Kind::no_snmp || kind == Finding::Kind::no_serial;
}

bool is_another(Finding::Kind kind) {
  return kind != Finding::Kind::described && !is_silence(kind);
}

// ---- when -------------------------------------------------------------------------------------------------------

void Recognition::check(Instant now) {
  if (look_ != Look::none) return;
  began_ = now;
  next_.reset();
  if (!desk_.knows_host()) {
    next_ = now + pause_min;
    return;
  }
  if (is_on_link()) return look_for_neighbours();
  // What the guard refuses ends the session; until then there is nothing to be asked.
  if (!look_for_serial()) next_ = now + every_while_silent;
}

void Recognition::dial_began(Instant now) {
  if (!doubt_) doubt_ = now + dial_is_slow;
}

void Recognition::dial_answered() {
  doubt_.reset();
}

void Recognition::dial_failed(Instant now) {
  if (state_ != State::recognised || look_ != Look::none) return;
  const Instant soon = std::max(now, began_ + after_failed_dial);
  if (!next_ || soon < *next_) next_ = soon;
}

void Recognition::host_changed(Instant now) {
  if (state_ == State::another) return;
  if (state_ == State::recognised) {  // the same address may lead somewhere else now
    state_ = State::unknown;
    patience_ends_ = now + unknown_max;
  }
  glances_void_ = glances_begun_;
  if (look_ != Look::none) {
    look_again_ = true;
    return;
  }
  const Instant soon = std::max(now, ended_ ? *ended_ + pause_min : now);
  if (!next_ || soon < *next_) next_ = soon;
  if (now >= *next_) check(now);
}

bool Recognition::handle_timeout(Instant now) {
  if (doubt_ && now >= *doubt_) {
    doubt_.reset();
    dial_failed(now);
  }
  if (next_ && now >= *next_) check(now);
  if (!patience_ends_ || now < *patience_ends_) return false;
  patience_ends_.reset();
  state_ = State::silent;
  return true;
}

std::optional<Instant> Recognition::next_timeout() const {
  std::optional<Instant> next = look_ == Look::none ? next_ : std::nullopt;
  for (const auto& each : {doubt_, patience_ends_}) {
    if (each && (!next || *each < *next)) next = each;
  }
  return next;
}

void Recognition::cancel_all() {
  for (auto* task : {&task_, &glance_}) {
    if (*task) desk_.cancel(**task);
    task->reset();
  }
  look_ = Look::none;
  proxies_.reset();
  look_again_ = false;
  next_.reset();
  doubt_.reset();
  patience_ends_.reset();
}

Recognition::Answer Recognition::ask(Glance since) {
  switch (state_) {
    case State::unknown: return Answer::later;
    case State::silent:
    case State::another: return Answer::no;
    case State::recognised: break;
  }
  if (!needs_glance() || glances_ended_ >= std::max(since, glances_void_ + 1)) return Answer::yes;
  if (!glance_) {
    glances_begun_++;
    glance_ = desk_.new_task(session_);
    desk_.emit(LookupNeighbour{*glance_, device_.address, neighbour_timeout, Neighbours::first});
  }
  return Answer::later;
}

Finding Recognition::judge_in_use(const std::vector<MacAddress>& macs) {
  Finding finding = judge(macs, device_.macs);
  if (is_another(finding.kind)) {
    next_.reset();
    state_ = State::another;
  }
  return finding;
}

// ---- how --------------------------------------------------------------------------------------------------------

void Recognition::look_for_neighbours() {
  look_ = Look::neighbours;
  task_ = desk_.new_task(session_);
  desk_.emit(LookupNeighbour{*task_, device_.address, neighbour_timeout, Neighbours::all});
}

bool Recognition::look_for_serial() {
  if (guard_device(device_, desk_.host())) return false;
  look_ = Look::serial;
  task_ = desk_.new_task(session_);
  desk_.emit(ReadSerial{*task_,
                        device_.name,
                        Endpoint{device_.address, snmp_port},
                        {device_.community, snmp_version_},
                        serial_timeout,
                        device_.stays_on_link(),
                        device_.is_on_own_link()});
  return true;
}

std::optional<Finding> Recognition::handle(const NeighboursFound& found, Instant now) {
  if (glance_ == found.task) return glanced(judge(found.macs, device_.macs), now);
  if (task_ != found.task) return std::nullopt;
  task_.reset();
  if (proxies_) return handle_proxies(found, now);
  Finding finding = judge(found.macs, device_.macs);
  if (finding.kind == Finding::Kind::described && device_.serial) {
    if (look_for_serial()) return std::nullopt;
    finding.kind = Finding::Kind::no_snmp;
  }
  if (is_another(finding.kind) && look_for_proxies(finding)) return std::nullopt;
  return finished(std::move(finding), now);
}

// Only before anything is open: later, the session ends at once, whoever it is.
bool Recognition::look_for_proxies(const Finding& finding) {
  if (state_ != State::unknown || ended_ || device_.macs.empty()) return false;
  ProxySearch search{.finding = finding, .answered_all = finding.macs, .left = {}};
  std::erase_if(search.answered_all, [&](const MacAddress& mac) { return std::ranges::count(device_.macs, mac) > 0; });
  search.left = addresses_of_nobody(device_.address, desk_.host(), desk_.config);
  if (search.left.size() < 2) return false;
  proxies_ = std::move(search);
  look_ = Look::proxies;
  ask_for_nobody();
  return true;
}

void Recognition::ask_for_nobody() {
  task_ = desk_.new_task(session_);
  desk_.emit(LookupNeighbour{*task_, proxies_->left.back(), proxy_timeout, Neighbours::all_by_arp});
  proxies_->left.pop_back();
}

std::optional<Finding> Recognition::handle_proxies(const NeighboursFound& found, Instant now) {
  std::erase_if(proxies_->answered_all,
                [&](const MacAddress& mac) { return std::ranges::count(found.macs, mac) == 0; });
  if (!proxies_->answered_all.empty() && !proxies_->left.empty()) {
    ask_for_nobody();
    return std::nullopt;
  }
  Finding finding = std::move(proxies_->finding);
  if (!proxies_->answered_all.empty()) finding.proxy = proxies_->answered_all.front();
  proxies_.reset();
  return finished(std::move(finding), now);
}

// It speaks for the dials that waited for it; only a check tells that a device is recognised again.
std::optional<Finding> Recognition::glanced(Finding finding, Instant now) {
  glance_.reset();
  glances_ended_ = glances_begun_;
  if (is_another(finding.kind)) {
    next_.reset();
    state_ = State::another;
    return finding;
  }
  if (finding.kind == Finding::Kind::described || state_ != State::recognised) return std::nullopt;
  gone_ = true;
  state_ = State::silent;
  if (look_ == Look::none) {
    began_ = now;
    next_ = began_ + every_while_silent;
  }
  return finding;
}

std::optional<Finding> Recognition::handle(const SerialRead& read, Instant now) {
  if (task_ != read.task) return std::nullopt;
  task_.reset();
  snmp_version_ = read.answer.version;
  switch (read.answer.outcome) {
    case pair::SerialOutcome::silent: return finished({Finding::Kind::no_snmp}, now);
    case pair::SerialOutcome::unreadable: return finished({Finding::Kind::no_serial, {}, read.answer.text}, now);
    case pair::SerialOutcome::read: break;
  }
  if (read.answer.text == device_.serial) return finished({}, now);
  return finished({Finding::Kind::other_serial, {}, read.answer.text}, now);
}

std::optional<Finding> Recognition::finished(Finding finding, Instant now) {
  look_ = Look::none;
  const bool look_again = std::exchange(look_again_, false);
  ended_ = now;
  gone_ = finding.kind == Finding::Kind::no_neighbour;
  if (finding.kind == Finding::Kind::described) {
    if (look_again) {  // it may have been found where this host no longer is
      next_ = now + pause_min;
      return std::nullopt;
    }
    next_ = began_ + every;
    state_ = State::recognised;
  } else if (is_silence(finding.kind)) {
    next_ = now + pause_min;
    if (!look_again) next_ = std::max(*next_, began_ + every_while_silent);
    state_ = State::silent;
  } else {
    next_.reset();
    state_ = State::another;
  }
  patience_ends_.reset();
  return finding;
}

}  // namespace quoin::gate

// What a session does with what its tunnel says. The tunnel is taken for hostile: nothing here opens, widens or
// prolongs anything.
#include <algorithm>

#include "gate/calendar.h"
#include "gate/engineers.h"
#include "gate/sentences.h"
#include "gate/service_list.h"
#include "gate/session.h"

namespace quoin::gate {
namespace {

struct OwnAddress {
  IpAddress address;
  Prefix network;
};

// An address of the node that means something else at the site: nobody could tell which of the two is spoken of.
std::optional<OwnAddress> own_address(const std::vector<IpAddress>& given, const DeviceConfig& device,
                                      const HostView& host) {
  std::vector<Prefix> networks = host.prefixes();
  networks.push_back(Prefix::host(device.address));
  for (const IpAddress& address : given) {
    for (const Prefix& network : networks) {
      if (network.contains(address)) return OwnAddress{address, network};
    }
  }
  return std::nullopt;
}

// A region's code or an endpoint, and no sentence that a tunnel might like a person to read.
std::string place_in(std::string_view text) {
  constexpr std::size_t bytes_max = 64;
  std::string out(text.substr(0, bytes_max));
  std::ranges::replace_if(
      out,
      [](char c) {
        const bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return !is_word && !std::string_view("-_.:[]%").contains(c);
      },
      '?');
  return out;
}

}  // namespace

bool Session::takes_message(Instant now) {
  const auto whole_seconds = static_cast<std::uint64_t>(
      std::clamp<std::int64_t>((now - messages_counted_) / seconds(1), 0, messages_burst / messages_per_second));
  if (whole_seconds > 0) {
    messages_left_ = std::min(messages_burst, messages_left_ + whole_seconds * messages_per_second);
    messages_counted_ = now;
  }
  if (messages_left_ == 0) return false;
  messages_left_--;
  return true;
}

void Session::handle(const Result<pair::FromTunnel, pair::MessageError>& message, WallTime wall, Instant now) {
  if (child_ != Child::running || past_deadline(wall, now)) return;
  if (!message) return end_and_kill(rules_ending("a message that cannot be read"), wall, now);
  if (!takes_message(now)) return end_and_kill(rules_ending("too many messages"), wall, now);
  if (phase_ == Phase::closing) {
    // To log out it may need the control server once more; and what its flows carried is worth knowing.
    if (const auto* dial = std::get_if<pair::DialControl>(&*message)) return on(*dial, wall, now);
    if (const auto* closed = std::get_if<pair::FlowClosed>(&*message)) return on(*closed, wall, now);
    if (const auto* refused = std::get_if<pair::Refused>(&*message)) return on(*refused, wall, now);
    return;
  }
  std::visit([&](const auto& m) { on(m, wall, now); }, *message);
}

void Session::trouble(Errands::Trouble trouble, WallTime wall, Instant now) {
  switch (trouble) {
    case Errands::Trouble::none: return;
    case Errands::Trouble::broke_rules: return end_and_kill(rules_ending("a request that may not be made"), wall, now);
    case Errands::Trouble::guard_refuses: {
      const auto refusal = guard_device(device_, desk_.host());
      const std::string what = refusal ? sentence_of(*refusal, device_.address) : "this host has too many networks";
      return end({.why = "the dial guard refuses the device: " + what,
                  .code = ExitCode::refused,
                  .sentence = "The device may not be dialled any more: " + what + ".",
                  .by = {}},
                 wall, now);
    }
    case Errands::Trouble::join_key_gone:
      return end({.why = "the join key cannot be read",
                  .code = ExitCode::wrong_usage,
                  .sentence = "The join key cannot be read; put the control server's key, and nothing else, into " +
                              desk_.config.control.join_key_file + ".",
                  .by = {}},
                 wall, now);
  }
}

void Session::on(const pair::DialService& m, WallTime wall, Instant now) {
  trouble(errands_.handle(m, warrant_, wall, now), wall, now);
}
void Session::on(const pair::FtpData& m, WallTime wall, Instant now) {
  trouble(errands_.handle(m, warrant_, wall, now), wall, now);
}
void Session::on(const pair::PingDevice& m, WallTime wall, Instant now) {
  trouble(errands_.handle(m, warrant_, wall, now), wall, now);
}

void Session::on(const pair::WantEndpoint& m, WallTime wall, Instant now) {
  if (errands_.is_in_use(m.request)) return trouble(Errands::Trouble::broke_rules, wall, now);
  endpoint_sockets_.handle(m, now);
}

void Session::on(const pair::Admit& m, WallTime wall, Instant) {
  const crypto::NodePublicKey own_key = registered_ ? registered_->node_key : crypto::NodePublicKey();
  const Admissions::Answer answer = admissions_.judge(m, warrant_.engineers, own_key);
  switch (answer.verdict) {
    case Admissions::Verdict::recording: {
      const Admissions::Node& node = admissions_.nodes().at(m.node_key);
      if (node.record != 0) return;  // asked again before the record was on disk
      admissions_.recorded_under(
          m.node_key,
          desk_.audit.add(EngineerAdmitted{.device = device_.name, .engineer = m.login, .node_key = m.node_key.text()},
                          wall));
      return;
    }
    case Admissions::Verdict::refused:
      if (!answer.refusal.empty()) {
        desk_.audit.add(EngineerRefused{.device = device_.name,
                                        .engineer = m.login,
                                        .node_key = m.node_key.text(),
                                        .why = std::string(answer.refusal)},
                        wall);
      }
      desk_.send(id_, pair::Admission{m.node_key, false});
      return;
    case Admissions::Verdict::admitted: desk_.send(id_, pair::Admission{m.node_key, true}); return;
  }
}

void Session::on(const pair::Registered& m, WallTime wall, Instant now) {
  const bool other_key = registered_ && registered_->node_key != m.node_key;
  if (m.node_key.is_zero() || other_key) return end_and_kill(rules_ending("a second node key"), wall, now);
  const bool moved = registered_ && registered_->addresses != m.addresses;
  const bool news = !registered_ || registered_->name != m.name || registered_->addresses != m.addresses;
  registered_ = m;
  if (news && registrations_written_++ < registrations_written_max) {
    WarrantRegistered record{.device = device_.name, .node_key = m.node_key.text(), .name = m.name, .addresses = {}};
    for (const IpAddress& address : m.addresses) record.addresses.push_back(address.text());
    desk_.audit.add(std::move(record), wall);
  }
  if (moved) return end(moved_ending(device_), wall, now);
  if (const auto own = own_address(m.addresses, device_, desk_.host())) {
    return end(own_network_ending(device_, own->address, own->network, desk_.config), wall, now);
  }
  opened(wall, now);
}

void Session::on(const pair::Online& m, WallTime wall, Instant now) {
  online_ = m;
  opened(wall, now);
}

void Session::on(const pair::Problem& m, WallTime wall, Instant now) {
  problems_[m.kind] = m.text;
  newest_problem_ = m.kind;
  const auto& by_proxy = proxy_refusal(m.kind);
  if (is_opening() && (is_final(m.kind) || (by_proxy && by_proxy->is_final))) {
    end(problem_ending(m.kind, detail_of(m.kind), desk_.config), wall, now);
  }
}

const std::optional<Errands::ProxyRefusal>& Session::proxy_refusal(pair::ProblemKind kind) const {
  static const std::optional<Errands::ProxyRefusal> none;
  if (kind == pair::ProblemKind::control_unreachable) return errands_.proxy_refused_control();
  if (kind == pair::ProblemKind::relay_unreachable) return errands_.proxy_refused_relay();
  return none;
}

std::string Session::detail_of(pair::ProblemKind kind) const {
  if (const auto& by_proxy = proxy_refusal(kind)) return by_proxy->sentence;
  const auto found = problems_.find(kind);
  return found == problems_.end() ? "" : found->second;
}

void Session::on(const pair::ControlIgnored& m, WallTime wall, Instant) {
  if (features_ignored_.size() >= features_written_max) return;
  if (std::ranges::find(features_ignored_, m.feature) != features_ignored_.end()) return;
  features_ignored_.push_back(m.feature);
  desk_.audit.add(FeatureIgnored{.device = device_.name, .feature = m.feature}, wall);
}

void Session::handle(Resolved&& result, WallTime wall, Instant now) {
  trouble(errands_.handle(result), wall, now);
}
void Session::handle(Pinged&& result, WallTime wall, Instant now) {
  trouble(errands_.handle(result), wall, now);
}
void Session::handle(JoinKeyRead&& result, WallTime wall, Instant now) {
  trouble(errands_.handle(std::move(result)), wall, now);
}

DeviceStatus Session::status(WallTime wall, Instant now) const {
  DeviceStatus out;
  out.device = device_.name;
  out.state = phase_ == Phase::open ? "open" : is_opening() ? "opening" : "closing";
  if (registered_) {
    out.name = registered_->name;
    out.node_key = registered_->node_key.text();
    for (const IpAddress& address : registered_->addresses) out.addresses.push_back(address.text());
  }
  out.until = calendar_text(warrant_.ends_wall);
  out.seconds_left = std::max<std::int64_t>(0, std::chrono::ceil<seconds>(left(wall, now)).count());
  out.ends_soon = phase_ == Phase::open && left(wall, now) <= ends_soon;
  out.opened_by = warrant_.opened_by;
  out.reason = warrant_.reason;
  out.engineers = warrant_.engineers;
  out.every_person = names_everyone(warrant_.engineers);
  out.services = service_names(warrant_.services);
  if (online_) out.relay = online_->region_code;
  if (newest_problem_ && problems_.contains(*newest_problem_)) {
    out.problem = problem_word(*newest_problem_);
    if (const std::string text = detail_of(*newest_problem_); !text.empty()) out.problem += " (" + text + ")";
  }
  if (phase_ == Phase::open) out.device_problem = device_problem();
  out.refused = flows_.attempts().shortage().sentence(wall);
  out.flows = flows_.open();
  for (const auto& [key, node] : admissions_.nodes()) {
    if (node.verdict != Admissions::Verdict::admitted || out.paths.size() >= paths_shown_max) continue;
    constexpr const char* words[] = {"none", "relay", "direct", "relay"};
    out.paths.push_back({.engineer = node.login,
                         .node_key = key.text(),
                         .path = words[static_cast<std::size_t>(node.path)],
                         .through = place_in(node.through),
                         .last_heard = node.silent_since ? calendar_text(*node.silent_since) : "",
                         .past_narrow = node.path == pair::PathKind::relay_past_narrow});
  }
  return out;
}

}  // namespace quoin::gate

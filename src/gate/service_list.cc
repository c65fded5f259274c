#include "gate/service_list.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "pair/ftp_ports.h"
#include "pair/text.h"

namespace quoin::gate {
namespace {

using pair::PortRange;
using pair::Services;
using pair::Transport;

struct NamedService {
  std::string_view name;
  std::vector<PortRange> ports;
  bool ping = false;
};

constexpr std::string_view ftp = "ftp";

const std::vector<NamedService>& named() {
  static const std::vector<NamedService> list = {
      {"web",
       {{Transport::tcp, 80, 80},
        {Transport::tcp, 443, 443},
        {Transport::tcp, 8000, 8000},
        {Transport::tcp, 8080, 8080},
        {Transport::tcp, 8443, 8443}}},
      {"ipp", {{Transport::tcp, 631, 631}}},
      {"snmp", {{Transport::udp, 161, 161}}},
      {"raw", {{Transport::tcp, 9100, 9103}}},
      {"lpd", {{Transport::tcp, 515, 515}}},
      {ftp, {{Transport::tcp, pair::ftp_control_port, pair::ftp_control_port}}},
      {"telnet", {{Transport::tcp, 23, 23}}},
      {"ssh", {{Transport::tcp, 22, 22}}},
      {"ping", {}, true},
  };
  return list;
}

std::optional<PortRange> parse_port(std::string_view name) {
  const bool tcp = name.starts_with("tcp/");
  if (!tcp && !name.starts_with("udp/")) return std::nullopt;
  const std::string_view digits = name.substr(4);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port == 0 || digits.front() == '0') {
    return std::nullopt;
  }
  return PortRange{tcp ? Transport::tcp : Transport::udp, port, port};
}

Services everything() {
  return {{{Transport::tcp, 1, 65535}, {Transport::udp, 1, 65535}}, true};
}

std::optional<Services> parse_service(std::string_view name) {
  if (name == "all") return everything();
  const auto known = std::ranges::find(named(), name, &NamedService::name);
  if (known != named().end()) return Services{known->ports, known->ping};
  if (const auto port = parse_port(name)) return Services{{*port}, false};
  return std::nullopt;
}

bool overlap(const Services& a, const Services& b) {
  if (a.ping && b.ping) return true;
  return std::ranges::any_of(a.ports, [&](const PortRange& one) {
    return std::ranges::any_of(b.ports, [&](const PortRange& other) {
      return one.transport == other.transport && one.first <= other.last && other.first <= one.last;
    });
  });
}

bool is_everything(const Services& services) {
  const auto whole = [&](Transport transport) {
    return std::ranges::find(services.ports, PortRange{transport, 1, 65535}) != services.ports.end();
  };
  return services.ping && whole(Transport::tcp) && whole(Transport::udp);
}

std::string port_name(Transport transport, std::uint16_t port) {
  return (transport == Transport::tcp ? "tcp/" : "udp/") + std::to_string(port);
}

}  // namespace

Result<Services, std::string> parse_services(std::string_view list) {
  Services services;
  std::vector<std::pair<std::string_view, Services>> entries;
  for (bool more = true; more;) {
    const std::size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) list.remove_prefix(comma + 1);
    if (entries.size() == service_entries_max) {
      return failure("The list of services has more than " + std::to_string(service_entries_max) +
                     " entries; use all for every port.");
    }
    const auto one = parse_service(name);
    if (!one) {
      return failure("There is no service \"" + pair::printable(name, 40) +
                     "\"; use web, ipp, snmp, raw, lpd, ftp, telnet, ssh, ping, tcp/PORT, udp/PORT or all.");
    }
    for (const auto& [earlier, grants] : entries) {
      if (earlier == name) return failure("The service " + std::string(name) + " is named twice; name it once.");
      if (!overlap(grants, *one)) continue;
      return failure("The services " + std::string(earlier) + " and " + std::string(name) +
                     " overlap; leave one of them out.");
    }
    for (const PortRange& range : one->ports) services.ports.push_back(range);
    services.ping = services.ping || one->ping;
    entries.emplace_back(name, *one);
  }
  return services;
}

Services usual_services() {
  Services services;
  for (const NamedService& service : named()) {
    if (service.name == ftp) continue;
    services.ports.insert(services.ports.end(), service.ports.begin(), service.ports.end());
    services.ping = services.ping || service.ping;
  }
  return services;
}

std::vector<std::string> service_names(const Services& services) {
  if (is_everything(services)) return {"all"};
  std::vector<std::string> out;
  std::vector<PortRange> said;
  for (const NamedService& service : named()) {
    const bool whole = std::ranges::all_of(service.ports, [&](const PortRange& range) {
      return std::ranges::find(services.ports, range) != services.ports.end();
    });
    if (!whole || (service.ping && !services.ping)) continue;
    out.emplace_back(service.name);
    said.insert(said.end(), service.ports.begin(), service.ports.end());
  }
  for (const PortRange& range : services.ports) {
    if (std::ranges::find(said, range) != said.end()) continue;
    std::string name = port_name(range.transport, range.first);
    if (range.last != range.first) name += "-" + std::to_string(range.last);
    out.push_back(std::move(name));
  }
  return out;
}

std::string service_name(Transport transport, std::uint16_t port) {
  for (const NamedService& service : named()) {
    if (Services{service.ports, false}.allows(transport, port)) return std::string(service.name);
  }
  return port_name(transport, port);
}

bool is_named_port(std::uint16_t port) {
  return std::ranges::any_of(named(), [&](const NamedService& service) {
    const Services services{service.ports, false};
    return services.allows(Transport::tcp, port) || services.allows(Transport::udp, port);
  });
}

}  // namespace quoin::gate

// Errands to servers behind the configured proxy. Who is asked for there is a name or an address in a CONNECT, and what
// connects to it is the proxy: what can be judged of it is judged here, before.
#include <algorithm>

#include "gate/control_url.h"
#include "gate/errands.h"

namespace quoin::gate {

std::optional<Errands::ProxyRefusal>& Errands::proxy_refusal(Server server) {
  return server == Server::control ? proxy_refused_control_ : proxy_refused_relay_;
}

// STUN is UDP, which no HTTP proxy carries.
bool Errands::goes_through_proxy(const ServerName& name, const std::string& host,
                                 const std::vector<IpAddress>& given) const {
  const auto& proxy = desk_.config.proxy;
  if (!proxy || name.server == Server::stun || proxy->none_for.has(host)) return false;
  return std::ranges::none_of(given, [&](const IpAddress& address) { return proxy->none_for.has(address); });
}

void Errands::seek_behind_proxy(ServerName name, const std::string& host, const std::vector<IpAddress>& given) {
  const bool of_configuration = name.server == Server::control;
  const auto literal = IpAddress::parse(host);
  const bool all_may = std::ranges::all_of(given, [&](const auto& address) { return may_be_server(name, address); });
  const bool may = all_may && name.port != 0 && (literal ? may_be_server(name, *literal) : true) &&
                   (literal || of_configuration || is_public_name(host));
  if (!may) return fail(name.request, pair::Unanswered::not_allowed);
  name.through_proxy_to = connect_target(host, name.port);
  if (literal || of_configuration) return seek_proxy({name.request, name.server, name.through_proxy_to});
  // Inside the site the name may be one of the site's own hosts, which the proxy would reach.
  const TaskId task = desk_.new_task(session_);
  errands_.emplace(task, std::move(name));
  desk_.emit(Resolve{task, host});
}

void Errands::judged_behind_proxy(const ServerName& name, const std::vector<IpAddress>& addresses) {
  if (std::ranges::all_of(addresses, [&](const IpAddress& address) { return may_be_server(name, address); })) {
    seek_proxy({name.request, name.server, name.through_proxy_to});  // also where nobody here knows the name
  } else {
    fail(name.request, pair::Unanswered::not_allowed);
  }
}

void Errands::seek_proxy(ProxyName name) {
  if (const auto address = desk_.config.proxy->address()) return reach_proxy(name, {*address});
  const TaskId task = desk_.new_task(session_);
  errands_.emplace(task, std::move(name));
  desk_.emit(Resolve{task, desk_.config.proxy->host});
}

void Errands::reach_proxy(const ProxyName& name, const std::vector<IpAddress>& addresses) {
  std::vector<Endpoint> candidates;
  for (const IpAddress& address : addresses) {
    // The proxy is where the person at the agent said it is, as the control server is.
    const std::uint16_t port = desk_.config.proxy->port;
    if (may_be_server({name.request, Server::control, port}, address) && candidates.size() < candidates_max) {
      candidates.push_back(Endpoint{address, port});
    }
  }
  if (candidates.empty()) {
    const auto fault = addresses.empty() ? ProxyFault::not_resolved : ProxyFault::not_allowed;
    return proxy_failed(name.request, name.server, name.target, {fault});
  }
  const TaskId task = desk_.new_task(session_);
  errands_.emplace(task, ServerDial{name.request, name.server, name.target});
  desk_.emit(Dial{task, pair::Transport::tcp, std::move(candidates), dial_timeout, name.target});
}

void Errands::proxy_failed(pair::RequestId request, Server server, const std::string& target,
                           const ProxyTrouble& trouble) {
  proxy_refusal(server) = {.sentence = sentence_of(trouble, *desk_.config.proxy, target),
                           .is_final = is_final(trouble)};
  fail(request, pair::Unanswered::behind_proxy);
}

}  // namespace quoin::gate

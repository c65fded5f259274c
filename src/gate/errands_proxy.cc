// Errands to servers behind the configured proxy. What connects to them is the proxy, so it is told the very address
// that was judged here; TLS on top of it still asks for the name.
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
  const auto literal = IpAddress::parse(host);
  if (name.port == 0) return fail(name.request, pair::Unanswered::not_allowed);
  if (name.server == Server::control) {
    if (literal && !may_be_server(name, *literal)) return fail(name.request, pair::Unanswered::not_allowed);
    return seek_proxy({name.request, name.server, {.host = host, .targets = {connect_target(host, name.port)}}});
  }
  if (!literal && !is_host_name(host)) return fail(name.request, pair::Unanswered::not_resolved);
  if (desk_.config.proxy->takes_by_name(host)) {
    return seek_proxy({name.request, name.server, {.host = host, .targets = {connect_target(host, name.port)}}});
  }
  name.behind_proxy = host;
  if (literal) return judged_behind_proxy(name, {*literal});
  if (!given.empty()) return judged_behind_proxy(name, given);
  const TaskId task = desk_.new_task(session_);
  errands_.emplace(task, std::move(name));
  desk_.emit(Resolve{task, session_, host});
}

void Errands::judged_behind_proxy(const ServerName& name, const std::vector<IpAddress>& addresses,
                                  bool no_server_answers) {
  if (addresses.empty()) {
    const ProxyTrouble trouble{no_server_answers ? ProxyFault::relay_unanswered : ProxyFault::relay_not_resolved};
    return proxy_failed(name.request, name.server, sentence_of(trouble, *desk_.config.proxy, name.behind_proxy),
                        trouble);
  }
  BehindProxy behind{.host = name.behind_proxy, .targets = {}};
  for (const IpAddress& address : addresses) {
    if (may_be_server(name, address) && behind.targets.size() < candidates_max) {
      behind.targets.push_back(connect_target(address.text(), name.port));
    }
  }
  if (behind.targets.empty()) return fail(name.request, pair::Unanswered::not_allowed);
  seek_proxy({name.request, name.server, std::move(behind)});
}

void Errands::seek_proxy(ProxyName name) {
  if (const auto address = desk_.config.proxy->address()) return reach_proxy(std::move(name), {*address});
  const TaskId task = desk_.new_task(session_);
  errands_.emplace(task, std::move(name));
  desk_.emit(Resolve{task, session_, desk_.config.proxy->host});
}

void Errands::reach_proxy(ProxyName name, const std::vector<IpAddress>& addresses, bool no_server_answers) {
  BehindProxy& behind = name.behind;
  for (const IpAddress& address : addresses) {
    const std::uint16_t port = desk_.config.proxy->port;
    if (may_be_proxy(address) && behind.proxy.size() < candidates_max) {
      behind.proxy.push_back(Endpoint{address, port});
    }
  }
  if (behind.proxy.empty()) {
    const ProxyTrouble trouble{!addresses.empty()  ? ProxyFault::not_allowed
                               : no_server_answers ? ProxyFault::unanswered
                                                   : ProxyFault::not_resolved};
    return proxy_failed(name.request, name.server, sentence_of(trouble, *desk_.config.proxy, behind.targets.front()),
                        trouble);
  }
  behind.each_within = dial_timeout / static_cast<std::int64_t>(behind.targets.size());
  dial_behind_proxy({name.request, name.server, std::move(behind)});
}

void Errands::dial_behind_proxy(ServerDial dial) {
  const TaskId task = desk_.new_task(session_);
  desk_.emit(Dial{.task = task,
                  .transport = pair::Transport::tcp,
                  .candidates = dial.behind->proxy,
                  .timeout = dial.behind->each_within,
                  .through_proxy_to = dial.behind->targets.front()});
  errands_.emplace(task, std::move(dial));
}

// The next address, where it may be this one that the proxy did not like. Never the name instead: it would be the
// proxy's resolver, then, that says where it leads.
void Errands::refused_by_proxy(ServerDial dial, const ProxyTrouble& trouble) {
  std::vector<std::string>& targets = dial.behind->targets;
  if (targets.size() > 1 && is_of_target(trouble)) {
    targets.erase(targets.begin());
    return dial_behind_proxy(std::move(dial));
  }
  std::string sentence = sentence_of(trouble, *desk_.config.proxy, targets.front());
  const std::string& host = dial.behind->host;
  const bool was_by_address = is_host_name(host) && !desk_.config.proxy->takes_by_name(host);
  if (dial.server != Server::control && was_by_address && is_of_target(trouble)) {
    sentence += "; if it takes no addresses, list " + host + " in proxy.by_name";
  }
  proxy_failed(dial.request, dial.server, std::move(sentence), trouble);
}

void Errands::proxy_failed(pair::RequestId request, Server server, std::string sentence, const ProxyTrouble& trouble) {
  proxy_refusal(server) = {.sentence = std::move(sentence), .is_final = is_final(trouble)};
  fail(request, pair::Unanswered::behind_proxy);
}

}  // namespace quoin::gate

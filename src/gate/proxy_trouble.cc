#include "gate/proxy_trouble.h"

namespace quoin::gate {
namespace {

std::string answer_of(int status, const ProxyConfig& proxy, const std::string& target) {
  const std::string number = " (status " + std::to_string(status) + ")";
  if (status == 407 || status == 401) {  // 401 is tinyproxy's word for a wrong password
    return (proxy.user.empty() ? "asks for a user and a password" : "does not take the user and password") + number;
  }
  if (status == 403 || status == 405) return "does not allow connections to " + target + number;
  if (status >= 500) return "could not connect to " + target + number;
  return "does not do what it was asked for" + number + ": is it an HTTP proxy?";
}

std::string unknown_relay_sentence(ProxyFault fault, const ProxyConfig& proxy, std::string_view host) {
  const char* why = fault == ProxyFault::relay_unanswered ? ", since no name server has an answer" : "";
  return "no address of the relay " + std::string(host) + " can be found from here" + why + ", so the proxy " +
         proxy.url() + " was not asked for it; have this host's DNS know it, or list it in proxy.by_name";
}

}  // namespace

bool is_final(const ProxyTrouble& trouble) {
  switch (trouble.fault) {
    case ProxyFault::not_allowed:
    case ProxyFault::not_a_proxy:
    case ProxyFault::no_password:
    case ProxyFault::signs_in_otherwise: return true;
    case ProxyFault::status: return trouble.status < 500;
    case ProxyFault::not_resolved:
    case ProxyFault::unanswered:
    case ProxyFault::relay_not_resolved:
    case ProxyFault::relay_unanswered:
    case ProxyFault::refused:
    case ProxyFault::unreachable:
    case ProxyFault::timed_out:
    case ProxyFault::closed: return false;
  }
  return false;
}

bool is_of_target(const ProxyTrouble& trouble) {
  switch (trouble.fault) {
    case ProxyFault::closed:
    case ProxyFault::timed_out: return true;
    case ProxyFault::status: return trouble.status != 407 && trouble.status != 401;
    case ProxyFault::not_allowed:
    case ProxyFault::not_a_proxy:
    case ProxyFault::no_password:
    case ProxyFault::signs_in_otherwise:
    case ProxyFault::not_resolved:
    case ProxyFault::unanswered:
    case ProxyFault::relay_not_resolved:
    case ProxyFault::relay_unanswered:
    case ProxyFault::refused:
    case ProxyFault::unreachable: return false;
  }
  return false;
}

std::string sentence_of(const ProxyTrouble& trouble, const ProxyConfig& proxy, std::string_view target) {
  const std::string who = "the proxy " + proxy.url() + " ";
  switch (trouble.fault) {
    case ProxyFault::not_resolved: return who + "has a name without an address";
    case ProxyFault::unanswered:
      return who + "has a name that no name server has an answer for; check the name servers in /etc/resolv.conf";
    case ProxyFault::not_allowed: return who + "has an address that no proxy can have";
    case ProxyFault::refused: return who + "refused the connection";
    case ProxyFault::unreachable: return who + "cannot be reached: no route to it";
    case ProxyFault::timed_out: return who + "did not answer in time";
    case ProxyFault::closed: return who + "ended the connection without an answer";
    case ProxyFault::not_a_proxy: return who + "does not answer in HTTP";
    case ProxyFault::no_password: return who + "needs a password, and proxy.password_file cannot be read";
    case ProxyFault::signs_in_otherwise:
      return who + "offers no way of signing in that the agent knows, which is Basic alone (status 407)";
    case ProxyFault::relay_not_resolved:
    case ProxyFault::relay_unanswered: return unknown_relay_sentence(trouble.fault, proxy, target);
    case ProxyFault::status: return who + answer_of(trouble.status, proxy, std::string(target));
  }
  return who + "did not connect";
}

}  // namespace quoin::gate

// What a proxy did instead of connecting, and how that is said to the person at the agent. Of the proxy's answer only
// its status is used: its words are anybody's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gate/proxy.h"

namespace quoin::gate {

enum class ProxyFault : std::uint8_t {
  not_resolved,        // the proxy's name has no address
  unanswered,          // no name server answers
  not_allowed,         // it has the address of a device, or of no one host
  relay_not_resolved,  // it was not asked: nobody here knows an address of the relay, which could be judged
  relay_unanswered,    // nor does any name server answer
  refused,             // nobody listens there
  unreachable,         // no route, or no neighbour
  timed_out,           // no connection, or no answer
  closed,              // it ended the connection without an answer
  not_a_proxy,         // it answered with something else than HTTP
  no_password,         // proxy.password_file cannot be read
  signs_in_otherwise,  // 407, and it does not offer Basic
  status,              // any other answer
};

struct ProxyTrouble {
  ProxyFault fault;
  int status = 0;  // of the answer, where there is one
};

// True where trying again is of no use before somebody has changed something.
bool is_final(const ProxyTrouble& trouble);
// True where it may be what the proxy was asked for that it did not like or could not reach.
bool is_of_target(const ProxyTrouble& trouble);

// "the proxy http://proxy.example.com:3128 does not take the user and password (status 407)". `target` is what it was
// asked for.
std::string sentence_of(const ProxyTrouble& trouble, const ProxyConfig& proxy, std::string_view target);

}  // namespace quoin::gate

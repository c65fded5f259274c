#include "gate/port_trouble.h"

#include <algorithm>

#include "gate/calendar.h"

namespace quoin::gate {
namespace {

// FTP's control connection, SSH, telnet, the web and IPP: who sends something there is owed an answer. Elsewhere (print
// data, FTP's data, whatever a person has named) a flow that goes one way is as it should be.
constexpr std::uint16_t answering_ports[] = {21, 22, 23, 80, 443, 631};

}  // namespace

void PortTrouble::timed_out(pair::Transport transport, std::uint16_t port, WallTime wall) {
  if (transport == pair::Transport::tcp) remember(Kind::no_connection, port, wall);
}

void PortTrouble::behind_router(std::uint16_t port, WallTime wall) {
  remember(Kind::behind_router, port, wall);
}

void PortTrouble::connected(pair::Transport transport, std::uint16_t port) {
  const bool is_solved =
      newest_ && transport == pair::Transport::tcp && newest_->port == port && newest_->kind != Kind::no_answer;
  if (is_solved) newest_.reset();
}

void PortTrouble::ended(const std::string& transport, std::uint16_t port, std::uint64_t bytes_to_device,
                        std::uint64_t bytes_to_engineer, WallTime wall) {
  // What answers anywhere does not hang.
  const bool is_disproved =
      newest_ && (newest_->kind == Kind::no_answer || (transport == "tcp" && newest_->port == port));
  if (is_disproved && bytes_to_engineer > 0) newest_.reset();
  const bool is_owed_one = transport == "tcp" && std::ranges::find(answering_ports, port) != std::end(answering_ports);
  if (is_owed_one && bytes_to_device > 0 && bytes_to_engineer == 0) remember(Kind::no_answer, port, wall);
}

void PortTrouble::remember(Kind kind, std::uint16_t port, WallTime wall) {
  if (newest_ && newest_->kind == kind && newest_->port == port) return;  // since when it first was so
  newest_ = {.kind = kind, .port = port, .since = wall};
}

std::string PortTrouble::sentence(const std::string& device) const {
  if (!newest_) return {};
  const std::string where = device + ", port " + std::to_string(newest_->port) + ", ";
  const std::string from = " since " + calendar_text(newest_->since);
  if (newest_->kind == Kind::no_connection) {
    return where + "has not answered a connection" + from +
           ": it hangs, or a filter there or on the way drops what this host sends";
  }
  if (newest_->kind == Kind::behind_router) {
    return where + "has been behind a router" + from +
           ", where a device with a mac must not be: check its address and mac; where a bridge that routes, or proxy "
           "ARP, is meant to stand between, set routed_bridge = true";
  }
  return where + "has taken what was sent and answered nothing" + from + ": it hangs, or speaks another protocol there";
}

}  // namespace quoin::gate

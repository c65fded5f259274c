#include "gate/port_trouble.h"

#include <algorithm>

#include "gate/calendar.h"

namespace quoin::gate {
namespace {

// Print data is taken without a word.
constexpr std::uint16_t one_way_ports[] = {515, 9100, 9101, 9102};

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
  if (transport != "tcp" || std::ranges::find(one_way_ports, port) != std::end(one_way_ports)) return;
  if (bytes_to_device > 0 && bytes_to_engineer == 0) return remember(Kind::no_answer, port, wall);
  if (newest_ && newest_->port == port && bytes_to_engineer > 0) newest_.reset();
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

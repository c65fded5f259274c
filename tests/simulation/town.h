// The usual scene: an agent with a printer behind one NAT, an engineer behind another, two relays, a control server.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "agent.h"
#include "engineer.h"
#include "internet.h"
#include "servers.h"
#include "world.h"

namespace quoin::simulation {

struct Scene {
  std::uint64_t seed = 1;
  GateScript script = {};
  NatBehaviour customer = {};
  NatBehaviour desk = {};
};

class Town {
 public:
  explicit Town(Scene scene = {})
      : world(scene.seed),
        internet(world),
        servers(world, internet),
        customer(internet.add_site("the customer", "203.0.113.1", scene.customer, prefixes("192.168.77.0/24"))),
        desk(internet.add_site("the desk", "203.0.113.2", scene.desk, prefixes("10.0.1.0/24"))),
        agent(world, internet, servers, customer, std::move(scene.script)),
        alice(world, internet, servers, desk, "alice-key", Endpoint::parse("10.0.1.2:41641").value()) {
    agent.printer.tcp[7] = [] { return std::make_shared<Echo>(); };
    agent.printer.tcp[80] = [] { return std::make_shared<WebPage>(); };
    agent.printer.tcp[9100] = [] { return std::make_shared<PrintQueue>(); };
    agent.printer.tcp[9101] = [] { return std::make_shared<PrintQueue>(7'000); };
    agent.printer.udp[161] = [](Bytes asked) { return to_buffer(asked); };
  }

  static std::vector<Prefix> prefixes(std::string_view text) { return {Prefix::parse(text).value()}; }

  World world;
  Internet internet;
  Servers servers;
  Site& customer;
  Site& desk;
  Agent agent;
  Engineer alice;

  // Both are there and know of each other.
  [[nodiscard]] bool open() {
    const bool online = world.run_until([&] { return agent.is_online() && alice.is_online(); }, seconds(20));
    world.run(seconds(1));
    return online;
  }
  IpAddress printer(IpVersion version = IpVersion::v4) const { return agent.address(version); }

  // What a browser gets; "" if nothing came within `limit`.
  std::string fetch(std::uint16_t port = 80, Duration limit = seconds(30)) {
    const auto flow = alice.connect(printer(), port);
    alice.send(flow, "GET / HTTP/1.0\r\n\r\n");
    return world.run_until([&] { return alice.flow(flow).finished_by_peer || alice.flow(flow).closed; }, limit)
               ? alice.flow(flow).received
               : std::string();
  }
  // A conversation that goes on: true if what is said comes back.
  bool echoes(netstack::FlowId flow, std::string_view text, Duration limit = seconds(60)) {
    const std::uint64_t wanted = alice.flow(flow).received_bytes + text.size();
    alice.send(flow, text);
    return world.run_until([&] { return alice.flow(flow).received_bytes == wanted; }, limit);
  }
  bool is_direct() const { return agent.path() && agent.path()->kind == pair::PathKind::direct; }
  bool is_relayed() const { return agent.path() && agent.path()->kind == pair::PathKind::relay; }
  // Speaks until both sides have a direct path.
  [[nodiscard]] bool go_direct(netstack::FlowId echo, Duration limit = seconds(60)) {
    const Instant end = world.now + limit;
    while (world.now < end) {
      if (!echoes(echo, "x")) return false;
      if (is_direct() && alice.path_to(*agent.node_key()) == node::PathKind::direct) return true;
      world.run(milliseconds(500));
    }
    return false;
  }
  void no_udp() { customer.udp_passes = desk.udp_passes = false; }
};

}  // namespace quoin::simulation

// The customer's site that the gate's tests run at: an agent at 192.168.77.2 with a multifunction printer and a laser
// printer beside it, a control server and a relay outside.
#pragma once

#include "gate/simulated_edge.h"

namespace quoin::gate {

inline IpAddress at(std::string_view text) {
  return *IpAddress::parse(text);
}

inline Config site_config() {
  Config config;
  config.control.host = "control.example.com";
  config.control.port = 443;
  config.control.join_key_file = "/etc/quoin/join.key";
  config.relay.allow = {*Prefix::parse("10.1.2.3/32")};
  config.warrant.longest = hours(4);
  config.warrant.engineers = {"alice@example.com", "bob@example.com"};
  config.devices = {{"mfp", at("192.168.77.21"), {*MacAddress::parse("02:da:00:00:4d:15")}},
                    {"laser", at("192.168.77.22"), {*MacAddress::parse("02:da:00:00:4d:16")}}};
  return config;
}

inline HostView site_host() {
  return {.interfaces = {{at("127.0.0.1"), 8}, {at("::1"), 128}, {at("192.168.77.2"), 24}},
          .gateways = {at("192.168.77.1")},
          .dns_servers = {at("192.168.77.3")}};
}

inline crypto::NodePublicKey node_key(int seed) {
  std::array<std::byte, 32> bytes{};
  bytes.fill(static_cast<std::byte>(seed));
  return crypto::NodePublicKey(bytes);
}

struct Site : SimulatedEdge {
  explicit Site(Config with = site_config(), HostView on = site_host())
      : SimulatedEdge(std::move(with), std::move(on)) {
    names["control.example.com"] = {at("203.0.113.10")};
    names["relay.example.com"] = {at("203.0.113.20"), at("2001:db8::20")};
    listening = {{at("203.0.113.10"), 443},
                 {at("203.0.113.20"), 443},
                 {at("10.1.2.3"), 443},
                 {at("192.168.77.21"), 80},
                 {at("192.168.77.22"), 80}};
  }

  CommandId open(std::string device, std::string lasts = "30m") {
    return command(OpenRequest{std::move(device), std::move(lasts), {}, {}, ""});
  }
  // Opens the first device with this edge's first session, an engineer admitted under node_key(1).
  SessionId open_with_alice(std::string device = "mfp", std::string lasts = "30m") {
    open(std::move(device), std::move(lasts));
    const SessionId session = tunnels.rbegin()->first;
    say(session, pair::Admit{node_key(1), "alice@example.com", false});
    return session;
  }
  std::size_t device_dials() const {
    std::size_t count = 0;
    for (const Dial& dial : dials)
      count += config.devices[0].address == dial.candidates.front().address ||
               config.devices[1].address == dial.candidates.front().address;
    return count;
  }
};

}  // namespace quoin::gate

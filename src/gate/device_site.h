// A site whose multifunction printer is open for alice, for tests of what becomes of it.
#pragma once

#include <algorithm>

#include "gate/recognition.h"
#include "gate/simulated_site.h"

namespace quoin::gate {

inline const IpAddress mfp = at("192.168.77.21");
inline const MacAddress mfp_mac = *MacAddress::parse("02:da:00:00:4d:15");
inline const MacAddress other_mac = *MacAddress::parse("02:da:00:00:4d:3c");

inline Config with_serial() {
  Config config = site_config();
  config.devices[0].serial = "3089LAB00021";
  config.devices[0].community = "fleet-read";
  return config;
}
inline Config behind_a_router() {
  Config config = with_serial();
  config.devices[0].address = at("192.168.78.21");
  config.devices[0].macs.clear();
  return config;
}

struct DeviceSite : Site {
  explicit DeviceSite(Config with = site_config()) : Site(std::move(with)) {
    listening.insert({at("192.168.78.21"), 80});
    session = open_with_alice();
  }
  bool is_open() const { return running() == 1; }
  std::string problem() { return reply(command(StatusRequest{}))->open->front().device_problem; }
  // What a new connection comes to: nothing if it is made.
  std::optional<pair::Unanswered> dial(std::uint16_t port = 80) {
    const pair::RequestId id = next++;
    say(session, pair::DialService{id, node_key(1), pair::Transport::tcp, port});
    for (const auto& failed : told<pair::Failed>(session)) {
      if (failed.request == id) return failed.why;
    }
    for (const auto& connected : told<pair::Connected>(session)) {
      if (connected.request == id) return std::nullopt;
    }
    return pair::Unanswered::too_many;  // not answered at all
  }
  std::size_t looked(Neighbours which) const {
    return static_cast<std::size_t>(std::ranges::count(lookups, which, &LookupNeighbour::which));
  }
  std::size_t surveys() const { return looked(Neighbours::all); }
  void change_networks() {  // a router's advertisement comes, or its time runs out
    const IpAddress advertised = at("2001:db8:5::2");
    if (host.interfaces.back().address == advertised) {
      host.interfaces.pop_back();
    } else {
      host.interfaces.push_back({advertised, 64});
    }
    give(HostChanged{host});
  }
  SessionId session = 0;
  pair::RequestId next = 1000;
};

}  // namespace quoin::gate

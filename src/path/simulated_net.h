// A small internet for tests of Paths: hosts behind NATs, STUN servers, relays, a control server; one virtual clock.
//
//     host -- NAT (one mapping, filtering by choice) -- internet -- STUN server of each region
//       \______________ relay of each region ____________/
//
// The rules that every test shares are checked here: no datagram goes to an address that a rule of the test forbids,
// and no poll_timeout stands in the past after handle_timeout.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "path/paths.h"
#include "stun/messages.h"

namespace quoin::path {

inline Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

// Who may send to a mapping (RFC 4787, section 5). Mapping is endpoint-independent unless said otherwise.
enum class Filtering { endpoint_independent, address_and_port_dependent, blocks_udp };
enum class Mapping { endpoint_independent, address_and_port_dependent };

class SimulatedNet {
 public:
  static constexpr Duration internet_latency = milliseconds(10);
  static constexpr Duration relay_latency = milliseconds(30);

  struct Host {
    std::string name;
    crypto::NodePublicKey node_key;
    std::unique_ptr<SeededRandom> random;
    std::unique_ptr<Paths> paths;
    Endpoint mapped;  // what the internet sees
    Filtering filtering = Filtering::endpoint_independent;
    Mapping mapping = Mapping::endpoint_independent;
    std::set<Endpoint> sent_to;               // opens the filter
    std::map<Endpoint, std::uint16_t> ports;  // of an address-and-port-dependent mapping
    std::set<RegionId> relays;                // connected
    RegionId home = 0;
    std::vector<Endpoint> published;
    std::vector<Event> events;
    std::vector<Transmit> transmitted;
    bool tells_endpoints = true;  // whether control passes them on
    // The uplink loses longer datagrams without a word, and for now so many of any size above small.
    std::size_t largest_out = SIZE_MAX, largest_in = SIZE_MAX;
    int loses_large = 0;
    bool is_stock = false;            // trusts small pings with everything, from its start on
    bool answers_no_padding = false;  // hears no large disco, by whatever way
  };

  Instant now{seconds(1000)};
  RelayMap map;
  std::map<Endpoint, Duration> stun_servers;  // latency, one way
  std::set<RegionId> relays_down;
  std::set<std::string> forbidden;  // addresses, as text: no packet may go there
  int timeouts = 0;

  void add_region(RegionId id, std::string_view stun, Duration one_way = internet_latency) {
    const Endpoint server = endpoint(stun);
    map.push_back({.id = id, .stun = StunServer{.host = "stun" + std::to_string(id), .port = server.port}});
    stun_servers[server] = one_way;
    stun_of_[id] = server;
  }

  Host& add_host(const std::string& name, std::string_view mapped, Filtering filtering, EndpointGuard guard = {}) {
    Host& host = hosts_[name];
    host.name = name;
    host.random = std::make_unique<SeededRandom>(std::hash<std::string>()(name));
    host.node_key = crypto::NodePrivateKey::generate(*host.random).public_key();
    host.mapped = endpoint(mapped);
    host.filtering = filtering;
    start(host, std::move(guard));
    return host;
  }

  // A new process on the same host: new disco key, nothing remembered.
  void start(Host& host, EndpointGuard guard = {}) {
    host.relays.clear();
    host.sent_to.clear();
    host.paths = std::make_unique<Paths>(crypto::DiscoPrivateKey::generate(*host.random), host.node_key,
                                         std::move(guard), *host.random, now);
    if (host.is_stock) host.paths->probe_no_sizes();
    host.paths->set_sockets({.ipv4 = true, .ipv6 = false}, now);
    host.paths->set_relay_map(map, now);
    settle();
  }

  // Control tells `to` about `about`, with what it has published.
  void tell(Host& to, Host& about) {
    PeerInfo info{.disco_key = about.paths->own_disco_key(), .home_region = about.home};
    if (about.tells_endpoints) info.endpoints = about.published;
    to.paths->set_peer(about.node_key, info, now);
    settle();
  }
  void introduce(Host& a, Host& b) {
    tell(a, b);
    tell(b, a);
  }

  Route send(Host& from, Host& to) {
    from.paths->note_sent(to.node_key, now);
    settle();
    return from.paths->route(to.node_key, now);
  }
  // Data from a to b and back every `interval`, for as long as said.
  void chat(Host& a, Host& b, Duration how_long, Duration interval = milliseconds(500)) {
    const Instant end = now + how_long;
    while (now < end) {
      send(a, b);
      send(b, a);
      run(interval);
    }
  }

  // Lets time pass.
  void run(Duration how_long) {
    const Instant end = now + how_long;
    settle();
    for (;;) {
      Instant next = end;
      if (!deliveries_.empty()) next = std::min(next, deliveries_.begin()->first);
      for (auto& [name, host] : hosts_) {
        if (const auto timeout = host.paths->poll_timeout()) next = std::min(next, *timeout);
      }
      if (next >= end) break;
      now = std::max(now, next);
      for (auto& [name, host] : hosts_) {
        const auto timeout = host.paths->poll_timeout();
        if (!timeout || *timeout > now) continue;
        timeouts++;
        host.paths->handle_timeout(now);
        drain(host);
        const auto after = host.paths->poll_timeout();
        ASSERT_TRUE(!after || *after > now) << host.name << " would turn in circles";
      }
      while (!deliveries_.empty() && deliveries_.begin()->first <= now) {
        const auto deliver = std::move(deliveries_.begin()->second);
        deliveries_.erase(deliveries_.begin());
        deliver();
        settle();
      }
    }
    now = end;
  }

  void settle() {
    for (auto& [name, host] : hosts_) {
      if (host.paths) drain(host);
    }
  }

  void disconnect_relay(RegionId region) {
    relays_down.insert(region);
    for (auto& [name, host] : hosts_) {
      if (host.relays.erase(region) > 0) host.paths->relay_disconnected(region, now);
    }
    settle();
  }

  // How many datagrams this host has sent by UDP to an address, STUN apart.
  int sent_by_udp(const Host& host) const {
    int count = 0;
    for (const Transmit& each : host.transmitted) {
      const auto* to = std::get_if<Endpoint>(&each.to);
      if (to != nullptr && !stun_servers.contains(*to)) count++;
    }
    return count;
  }

 private:
  void later(Duration delay, std::function<void()> what) { deliveries_.emplace(now + delay, std::move(what)); }

  void drain(Host& host) {
    for (;;) {
      if (auto transmit = host.paths->poll_transmit()) {
        carry(host, *transmit);
        host.transmitted.push_back(std::move(*transmit));
      } else if (auto event = host.paths->poll_event()) {
        obey(host, *event);
        host.events.push_back(std::move(*event));
      } else {
        return;
      }
    }
  }

  void obey(Host& host, const Event& event) {
    if (const auto* changed = std::get_if<OwnEndpointsChanged>(&event)) {
      host.published = changed->endpoints;
    } else if (const auto* home = std::get_if<HomeRegionChanged>(&event)) {
      host.home = home->region;
    } else if (const auto* need = std::get_if<NeedRelay>(&event)) {
      connect_relay(host, need->region);
    } else if (const auto* idle = std::get_if<RelayIdle>(&event)) {
      host.relays.erase(idle->region);
    } else if (const auto* question = std::get_if<ResolveStun>(&event)) {
      later(milliseconds(5), [this, &host, region = question->region] {
        host.paths->set_stun_addresses(region, {stun_of_.at(region)}, now);
      });
    }
  }

  void connect_relay(Host& host, RegionId region) {
    later(relay_latency, [this, &host, region] {
      if (relays_down.contains(region)) return;
      host.relays.insert(region);
      host.paths->relay_connected(region, now);
    });
  }

  void carry(Host& from, const Transmit& transmit) {
    if (const auto* relay = std::get_if<ViaRelay>(&transmit.to)) {
      if (!from.relays.contains(relay->region)) return;
      later(relay_latency, [this, key = from.node_key, relay = *relay, datagram = transmit.datagram] {
        for (auto& [name, host] : hosts_) {
          if (host.node_key != relay.peer || !host.relays.contains(relay.region)) continue;
          if (host.answers_no_padding && datagram.size() >= full_size_bytes) continue;
          host.paths->handle_disco(ViaRelay{.region = relay.region, .peer = key}, datagram, now);
        }
      });
      return;
    }
    const Endpoint to = std::get<Endpoint>(transmit.to);
    ASSERT_FALSE(forbidden.contains(to.address.text())) << from.name << " sent to " << to.text();
    if (from.filtering == Filtering::blocks_udp) return;
    from.sent_to.insert(to);
    const Endpoint source = mapping_of(from, to);
    const std::size_t size = transmit.datagram.size();
    if (size > from.largest_out || (size >= full_size_bytes && from.loses_large > 0 && from.loses_large-- > 0)) return;
    const auto stun = stun_servers.find(to);
    if (stun != stun_servers.end()) {
      const auto asked = stun::parse_request(transmit.datagram, stun::RequestForm::tailnode);
      ASSERT_TRUE(asked);
      later(2 * stun->second, [this, &from, to, reply = stun::response(*asked, source)] {
        if (from.filtering != Filtering::blocks_udp) from.paths->handle_stun(to, reply, now);
      });
      return;
    }
    later(internet_latency, [this, source, to, datagram = transmit.datagram] {
      for (auto& [name, host] : hosts_) {
        if (datagram.size() > host.largest_in) continue;
        if (host.answers_no_padding && datagram.size() >= full_size_bytes) continue;
        if (lets_in(host, source, to)) host.paths->handle_disco(source, datagram, now);
      }
    });
  }

  Endpoint mapping_of(Host& host, const Endpoint& to) {
    if (host.mapping == Mapping::endpoint_independent) return host.mapped;
    const auto port = static_cast<std::uint16_t>(host.mapped.port + 1 + host.ports.size());
    return {.address = host.mapped.address, .port = host.ports.try_emplace(to, port).first->second};
  }

  bool lets_in(const Host& host, const Endpoint& source, const Endpoint& to) const {
    switch (host.filtering) {
      case Filtering::blocks_udp: return false;
      case Filtering::endpoint_independent: break;
      case Filtering::address_and_port_dependent:
        if (!host.sent_to.contains(source)) return false;
        break;
    }
    if (host.mapping == Mapping::endpoint_independent) return to == host.mapped;
    const auto port = host.ports.find(source);
    return to.address == host.mapped.address && port != host.ports.end() && port->second == to.port;
  }

  std::map<std::string, Host> hosts_;
  std::map<RegionId, Endpoint> stun_of_;
  std::multimap<Instant, std::function<void()>> deliveries_;
};

}  // namespace quoin::path

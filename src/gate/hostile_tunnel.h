// A tunnel that has been taken over, and a world that is no better: says anything at any time, while commands, clocks,
// disk and device do as they please. For tests and fuzzing; chance decides, so one seed or one input is one run.
#pragma once

#include "base/random.h"
#include "gate/simulated_site.h"

namespace quoin::gate {

class HostileTunnel {
 public:
  explicit HostileTunnel(Random& random) : random_(random) {}

  pair::FromTunnel anything() {
    switch (random_.below(20)) {
      case 0: return pair::DialControl{request()};
      case 1: return pair::DialRelay{request(), 900, host(), maybe_address(), maybe_address(), port()};
      case 2: return pair::ResolveStun{request(), host(), maybe_address(), maybe_address(), port()};
      case 3:
      case 4:
        return pair::DialService{request(), key(), random_.below(4) == 0 ? pair::Transport::udp : pair::Transport::tcp,
                                 port(), port()};
      case 5: return pair::PingDevice{request(), key(), static_cast<std::uint16_t>(random_.below(2000))};
      case 6:
      case 7: return pair::Admit{key(), login(), random_.below(4) == 0};
      case 8: return pair::WantJoinKey{};
      case 9:  // mostly the addresses it had: others end the session
        return pair::Registered{
            node_key(random_.below(8) == 0 ? 0x55 : 0x42), "n", {random_.below(8) == 0 ? address() : at("100.64.0.2")}};
      case 10: return pair::FlowClosed{request(), random_.u64(), random_.u64()};
      case 11: return pair::Problem{problem(), "text"};
      case 12: return pair::FtpData{key(), port()};
      case 13:
      case 14: return pair::WantEndpoint{request(), {address(), port()}};
      case 15: return pair::EndpointUnneeded{{address(), port()}};
      case 16: return refused();
      default: return valid_report();
    }
  }
  pair::FromTunnel valid_report() {
    switch (random_.below(5)) {
      case 0: return pair::Online{900, "lab"};
      case 1:
        return pair::PathReport{key(), pair::PathKind(random_.below(4)), "198.51.100.1:1",
                                random_.below(2) == 0 ? 0 : static_cast<std::uint32_t>(random_.u64())};
      case 2: return pair::Solved{problem()};
      case 3: return pair::LoggedOut{true};
      default: return pair::ControlIgnored{"DNSConfig"};
    }
  }

  void play(Site& site, int steps) {
    for (int i = 0; i < steps && site.broken.empty(); i++) step(site);
  }

 private:
  void step(Site& site) {
    const SessionId session = site.tunnels.empty() ? 1 + random_.below(3) : pick_session(site);
    switch (random_.below(24)) {
      case 0: site.open(random_.below(2) == 0 ? "mfp" : "laser", random_.below(2) == 0 ? "45s" : "4h"); break;
      case 1:
        if (random_.below(3) == 0) {
          site.command(CloseRequest{random_.below(2) == 0 ? "mfp" : "laser"});
        } else {
          site.command(ExtendRequest{random_.below(2) == 0 ? "mfp" : "laser", random_.below(2) == 0 ? "50s" : "3h"});
        }
        break;
      case 2:
        if (random_.below(4) == 0) site.command(StatusRequest{.watch = true});
        site.pass(milliseconds(random_.below(3000)));
        break;
      case 3:
        if (random_.below(4) == 0) site.pass(seconds(random_.below(60)));
        break;
      case 4:
        if (random_.below(8) == 0) site.jump_calendar(minutes(static_cast<int>(random_.below(400)) - 200));
        break;
      case 5: site.disk_works = random_.below(8) != 0; break;
      case 6:
        site.hold_dials = random_.below(2) == 0;
        if (!site.hold_dials) site.release_dials();
        break;
      case 7:
        if (random_.below(2) == 0) {
          site.hold_appends = true;
        } else {
          site.release_appends();
        }
        break;
      case 8:
        if (random_.below(6) == 0) site.garble(session);
        break;
      case 9:
        if (random_.below(6) == 0) site.exit_child(session, "signal 11");
        break;
      case 10: site.manner = static_cast<SimulatedEdge::Manner>(random_.below(3)); break;
      case 11:
        if (random_.below(10) == 0) site.neighbours[at("192.168.77.21")].clear();
        if (random_.below(10) == 0) site.neighbours[at("192.168.77.21")] = {site.config.devices[0].macs.front()};
        if (random_.below(10) == 0) site.snmp[at("192.168.77.22")].serial = random_.below(3) == 0 ? "LABJ00022" : "";
        if (random_.below(4) == 0) site.hold_looks = true;
        if (random_.below(4) == 0) site.release_looks();
        break;
      case 12:
        if (random_.below(10) == 0) site.give(HostChanged{changed_host(site)});
        if (random_.below(10) == 0)
          site.give(HostChanged{failure<std::string>("ask the kernel: Operation not permitted")});
        break;
      case 13:
        if (random_.below(10) == 0) site.give(ChildUnreachable{session, "its queue is full"});
        break;
      default:
        if (site.tunnels.contains(session)) site.say(session, anything());
        break;
    }
  }

  SessionId pick_session(const Site& site) {
    auto found = site.tunnels.begin();
    std::advance(found, static_cast<std::ptrdiff_t>(random_.below(site.tunnels.size())));
    return random_.below(3) == 0 ? found->first : site.tunnels.rbegin()->first;
  }
  HostView changed_host(Site& site) {
    site.host = site_host();
    if (random_.below(2) == 0) site.host.interfaces.push_back({address(), 24});
    return site.host;
  }
  pair::RequestId request() {
    return static_cast<pair::RequestId>(random_.below(4) == 0 ? random_.below(50) : next_++);
  }
  crypto::NodePublicKey key() { return node_key(static_cast<int>(random_.below(5))); }
  std::uint16_t port() {
    constexpr std::uint16_t ports[] = {80, 443, 161, 9100, 0, 65535, 3478, 22, 21, 21, 50'000, 50'001};
    return ports[random_.below(std::size(ports))];
  }
  pair::Refused refused() {
    pair::Refused out{
        key(), static_cast<pair::Protocol>(random_.below(3)), static_cast<pair::RefusedFor>(random_.below(4)), {}};
    for (std::uint64_t i = random_.below(8); i > 0; i--) {
      const std::uint16_t first = port();
      const auto last = random_.below(2) == 0 ? first : std::max(first, port());
      out.ports.push_back({first, last, 0});
      out.ports.back().count = out.ports.back().ports() + static_cast<std::uint32_t>(random_.below(100));
    }
    return out;
  }
  std::string login() {
    const char* const logins[] = {
        "alice@example.com", "ALICE@example.com", "bob@example.com", "mallory@example.com", "*", "", "tagged-devices"};
    return logins[random_.below(std::size(logins))];
  }
  std::string host() {
    const char* const hosts[] = {
        "relay.example.com", "control.example.com", "192.168.77.21", "127.0.0.1", "localhost", "", "0x7f.1",
        "203.0.113.20",      "::ffff:192.168.77.21"};
    return hosts[random_.below(std::size(hosts))];
  }
  IpAddress address() {
    const char* const addresses[] = {
        "192.168.77.21", "192.168.77.40",   "127.0.0.1",  "10.1.2.3", "10.1.2.4",           "203.0.113.20",
        "fe80::1",       "169.254.169.254", "100.64.0.1", "8.8.8.8",  "64:ff9b::c0a8:4d15", "255.255.255.255"};
    return at(addresses[random_.below(std::size(addresses))]);
  }
  std::optional<IpAddress> maybe_address() { return random_.below(2) == 0 ? std::optional(address()) : std::nullopt; }
  pair::ProblemKind problem() { return static_cast<pair::ProblemKind>(random_.below(8)); }

  Random& random_;
  std::uint32_t next_ = 1000;
};

}  // namespace quoin::gate

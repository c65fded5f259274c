// Plays operations on an open session: whatever the gate, the device, the engineer, relays, the control server and
// strangers may do to a tunnel, in any order and at any time. The simulated world checks what must always hold: no
// datagram to a private address, no timer that stands in the past, no queue without bound, one end.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../simulation/town.h"

namespace quoin::simulation {
namespace {

constexpr int operations_max = 64;

class Play {
 public:
  explicit Play(Bytes script) : script_(script) {}

  void run() {
    if (!town_.open()) __builtin_trap();
    for (int i = 0; i < operations_max && script_.remaining() > 0; i++) operate();
    town_.world.run(minutes(2));
  }

 private:
  tunnel::Tunnel& core() { return town_.agent.core(); }
  void drain() { town_.agent.handle_timeout(); }
  std::string text() { return std::string(text_of(script_.take(script_.u8()))); }
  Endpoint endpoint() { return {IpAddress::v4(script_.u32()), script_.u16()}; }
  pair::RequestId request() { return script_.u8(); }

  // One of those that were opened, or a name that never was.
  netstack::FlowId engineers_flow() {
    const std::uint8_t nth = script_.u8();
    return flows_.empty() ? town_.alice.connect(town_.printer(), 7) : flows_[nth % flows_.size()];
  }
  netstack::FlowId devices_flow() { return {script_.u8(), script_.u8()}; }
  crypto::NodePublicKey key() {
    return script_.u8() % 2 == 0 ? town_.alice.node_key() : crypto::NodePublicKey(script_.array<32>());
  }

  void operate() {
    switch (script_.u8() % 8) {
      case 0: return gate();
      case 1: return device();
      case 2: return engineer();
      case 3: return control();
      case 4: return relay();
      case 5: return stranger();
      case 6: return outage();
      case 7: return town_.world.run(milliseconds(std::int64_t{1} << script_.u8() % 16));
    }
  }

  void gate() {
    Agent& agent = town_.agent;
    switch (script_.u8() % 11) {
      case 0: return agent.hand_over(pair::Failed{request(), pair::Unanswered(script_.u8() % 9)});
      case 1: return agent.hand_over(pair::Pinged{request()});
      case 2: return agent.hand_over(pair::Resolved{request(), {endpoint(), endpoint()}});
      case 3: return agent.hand_over(pair::Admission{key(), script_.u8() % 2 == 0});
      case 4: return agent.hand_over(pair::JoinKey{pair::bounded_text(text())});
      case 5: return agent.hand_over(pair::OwnPrefixes{{Prefix::containing(IpAddress::v4(script_.u32()), 24)}});
      case 6:
        if (script_.u8() == 0) agent.close();
        return;
      case 7: {
        const auto purpose = core().take_purpose(request(), town_.world.now);
        if (const auto* endpoint = std::get_if<tunnel::ForEndpoint>(&purpose)) agent.may_send_to(endpoint->endpoint);
        return drain();
      }
      case 8: core().descriptor_lost(request(), town_.world.now); return drain();
      case 9:
        agent.forget_endpoints();
        core().set_sockets({.ipv4 = script_.u8() % 2 == 0, .ipv6 = script_.u8() % 2 == 0}, town_.world.now);
        return drain();
      case 10: {
        constexpr std::array whys{pair::Unanswered::not_allowed, pair::Unanswered::unreachable,
                                  pair::Unanswered::too_many};
        const std::uint8_t which = script_.u8();
        agent.script.no_endpoints = which % 4 == 3 ? std::nullopt : std::optional(whys[which % 4]);
        return;
      }
    }
  }

  void device() {
    const netstack::FlowId flow = devices_flow();
    const Instant now = town_.world.now;
    switch (script_.u8() % 7) {
      case 0: {
        const std::size_t room = core().device_space(flow)[0].size();
        core().device_received(flow, std::min<std::size_t>(room, script_.u16()), now);
        break;
      }
      case 1: {
        const std::size_t pending = core().device_pending(flow)[0].size();
        core().device_sent(flow, std::min<std::size_t>(pending, script_.u16()), now);
        break;
      }
      case 2: core().device_finished(flow, now); break;
      case 3: core().device_failed(flow, now); break;
      case 4: core().device_datagram(flow, script_.take(script_.u8()), now); break;
      case 5: core().device_refused(flow, netstack::Refusal::port_unreachable, now); break;
      case 6: core().device_closed(flow, now); break;
    }
    drain();
  }

  void engineer() {
    constexpr std::array<std::uint16_t, 6> ports{7, 80, 9100, 9101, 443, 20'000};
    switch (script_.u8() % 6) {
      case 0: flows_.push_back(town_.alice.connect(town_.printer(), ports[script_.u8() % ports.size()])); return;
      case 1: return town_.alice.send_pattern(engineers_flow(), script_.u16());
      case 2: return town_.alice.finish(engineers_flow());
      case 3: return town_.alice.abort(engineers_flow());
      case 4: return town_.alice.ping(town_.printer());
      case 5: {
        const auto snmp = town_.alice.open_udp(town_.printer(), 161);
        return town_.alice.send_datagram(snmp, text());
      }
    }
  }

  void control() {
    ControlServer& server = town_.servers.control;
    const auto agent = town_.agent.node_key().value();
    switch (script_.u8() % 5) {
      case 0: server.box.send_text(agent, " " + text()); break;
      case 1: {
        auto node = server.box.node(town_.alice.node_key());
        if (!node) break;
        control::MapResponse message;
        node->endpoints = {endpoint(), endpoint()};
        node->home_derp = script_.u8() % 4;
        node->disco_key = crypto::DiscoPublicKey(script_.array<32>());
        if (script_.u8() % 4 == 0) node->addresses = {Prefix::host(IpAddress::v4(script_.u32()))};
        if (script_.u8() % 4 == 0) node->key = key();
        message.peers_changed = {*node};
        server.box.send(agent, message);
        break;
      }
      case 2: server.box.delete_node(script_.u8() % 2 == 0 ? agent : town_.alice.node_key()); break;
      case 3: server.box.end_stream(agent); break;
      case 4: {
        const auto stream = static_cast<node::StreamId>(script_.u8() % 8);
        core().node().stream_received(stream, script_.take(script_.u8()), town_.world.now);
        core().handled(town_.world.now);
        drain();
        break;
      }
    }
    server.pump();
  }

  void relay() {
    Relay& relay = script_.u8() % 2 == 0 ? town_.servers.amsterdam : town_.servers.frankfurt;
    const auto from = key();
    relay.send_as(from, town_.agent.node_key().value(), script_.take(script_.u8()));
  }

  void stranger() {
    const Endpoint from = endpoint();
    Buffer datagrams = to_buffer(script_.take(script_.u8()));
    const std::size_t segment_bytes = script_.u8();
    if (datagrams.size() > 3 && script_.u8() % 2 == 0) {  // a WireGuard message type
      std::fill_n(datagrams.begin(), 4, std::byte{0});
      datagrams[0] = static_cast<std::byte>(1 + script_.u8() % 4);
    }
    town_.agent.handle_datagrams(from, datagrams, segment_bytes);
  }

  void outage() {
    switch (script_.u8() % 7) {
      case 0: town_.customer.udp_passes = !town_.customer.udp_passes; return;
      case 1: town_.customer.nat.forget_all(); return;
      case 2: town_.servers.amsterdam.go_down(); return;
      case 3: town_.servers.frankfurt.fall_silent(); return;
      case 4: town_.servers.control.go_down(); return;
      case 5: town_.internet.udp_loss = 0.001 * script_.u8(); return;
      case 6:
        town_.servers.control.is_up = town_.servers.amsterdam.is_up = town_.servers.frankfurt.is_up = true;
        return;
    }
  }

  Reader script_;
  Town town_;
  std::vector<netstack::FlowId> flows_;
};

}  // namespace
}  // namespace quoin::simulation

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  GTEST_FLAG_SET(break_on_failure, true);  // what the world finds ends the run
  quoin::simulation::Play(std::as_bytes(std::span(data, size))).run();
  return 0;
}

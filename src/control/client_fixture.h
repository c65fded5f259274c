// Clients and the server in a box on one virtual clock, for the tests of the client.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "control/client.h"
#include "control/control_in_a_box.h"

namespace quoin::control {

inline constexpr std::string_view join_key = "hskey-auth-good";
inline constexpr Duration a_moment = milliseconds(1);

class ControlClientTest : public ::testing::Test {
 protected:
  ControlClientTest() {
    box.join_keys[std::string(join_key)] = {.login = "agents@example.com", .tags = {"tag:device"}};
  }

  // One node and its wire to the box.
  struct Node {
    Node(ControlClientTest& test, std::uint64_t seed, std::optional<crypto::MachinePublicKey> pin)
        : random(seed),
          node_key(crypto::NodePrivateKey::generate(random).public_key()),
          disco_key(crypto::DiscoPrivateKey::generate(random).public_key()),
          client({.machine_key = crypto::MachinePrivateKey::generate(random),
                  .node_key = node_key,
                  .disco_key = disco_key,
                  .authority = "control.example",
                  .hostname = "mfp",
                  .server_key = pin},
                 random, test.now) {}

    SeededRandom random;
    crypto::NodePublicKey node_key;
    crypto::DiscoPublicKey disco_key;
    Client client;
    std::optional<ControlInABox::ConnectionId> connection;
    std::vector<ClientEvent> events;
  };

  // Everything that happens without time passing.
  void settle() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& node : nodes) moved = settle(*node) || moved;
    }
  }

  bool settle(Node& node) {
    bool moved = false;
    while (auto event = node.client.poll_event()) {
      moved = true;
      if (std::holds_alternative<WantConnection>(*event)) connect(node);
      if (std::holds_alternative<WantJoinKey>(*event) && !offered_key.empty()) {
        node.client.provide_join_key(offered_key, now);
      }
      node.events.push_back(*std::move(event));
    }
    if (!node.connection) return moved;
    const Buffer up = node.client.poll_transmit();
    if (!node.client.connected()) {
      box.disconnect(*node.connection);
      node.connection.reset();
      return true;
    }
    box.handle_bytes(*node.connection, up);
    const Buffer down = box.poll_transmit(*node.connection);
    for (Bytes rest = down; !rest.empty();) {
      const Bytes piece = rest.first(std::min(piece_bytes, rest.size()));
      rest = rest.subspan(piece.size());
      node.client.handle_bytes(piece, now);
    }
    if (!box.connected(*node.connection)) {
      node.connection.reset();
      node.client.connection_closed(now);
      return true;
    }
    return moved || !up.empty() || !down.empty();
  }

  void connect(Node& node) {
    if (!reachable) return node.client.connection_failed(now);
    const auto initiation = node.client.connection_opened(shown_key.value_or(box.public_key()), now);
    if (!initiation) return;
    EXPECT_EQ(initiation->size(), noise::initiation_bytes);
    node.connection = box.connect(*initiation);
    node.client.upgraded(now);
    if (!first_bytes.empty()) {
      node.client.handle_bytes(bytes_of(first_bytes), now);
    } else if (!node.connection) {
      node.client.connection_closed(now);
    }
  }

  // Lets time pass, stopping at each deadline.
  void pass(Duration duration) {
    const Instant end = now + duration;
    settle();
    for (int steps = 0; steps < 100'000; steps++) {
      std::optional<Instant> next;
      for (const auto& node : nodes) {
        const auto timeout = node->client.poll_timeout();
        if (timeout && (!next || *timeout < *next)) next = timeout;
      }
      if (!next || *next > end) break;
      now = std::max(now, *next);
      for (auto& node : nodes) {
        node->client.handle_timeout(now);
        const auto again = node->client.poll_timeout();
        if (again) EXPECT_GT(*again + milliseconds(1), now) << "a deadline stays in the past";
      }
      settle();
    }
    now = end;
  }

  Node& add(std::optional<crypto::MachinePublicKey> pin = {}) {
    nodes.push_back(std::make_unique<Node>(*this, 100 + nodes.size(), pin));
    return *nodes.back();
  }
  Node& join() {
    Node& node = add();
    pass(a_moment);
    EXPECT_TRUE(box.streams_to(node.node_key));
    return node;
  }

  template <class T>
  static std::size_t count(const Node& node) {
    return static_cast<std::size_t>(
        std::ranges::count_if(node.events, [](const auto& event) { return std::holds_alternative<T>(event); }));
  }
  template <class T>
  static const T& last(const Node& node) {
    for (auto event = node.events.rbegin(); event != node.events.rend(); ++event) {
      if (const auto* found = std::get_if<T>(&*event)) return *found;
    }
    static const T none{};
    ADD_FAILURE() << "no such event";
    return none;
  }

  Instant now{seconds(100)};
  SeededRandom box_random{7};
  ControlInABox box{crypto::MachinePrivateKey::generate(box_random), box_random};
  std::vector<std::unique_ptr<Node>> nodes;
  bool reachable = true;
  std::string offered_key{join_key};
  std::optional<crypto::MachinePublicKey> shown_key;  // instead of the box's own
  std::string first_bytes;                            // instead of its answer
  std::size_t piece_bytes = 100'000;
};

}  // namespace quoin::control

// The byte streams of one node, carried as a program would carry them: the HTTP upgrade's round trips first, then bytes
// both ways as far as each side takes them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <variant>

#include "node/node.h"
#include "servers.h"

namespace quoin::simulation {

class NodeStreams {
 public:
  using Target = std::variant<node::ControlStream, node::RelayStream>;
  struct Owner {
    std::function<node::Node&()> node;
    std::function<void()> handled;  // after each call on the node
    std::function<void()> drain;    // when all that had come was handled
  };

  NodeStreams(World& world, Internet& internet, Servers& servers, Owner owner)
      : world_(world), internet_(internet), servers_(servers), owner_(std::move(owner)) {}

  bool answers(const Target& target);  // whether a connection would be made
  void open(node::StreamId stream, const Target& target);
  void close(node::StreamId stream);
  void close_all();
  bool pump();  // writes what there is to write; says whether anything moved
  std::size_t size() const { return links_.size(); }

 private:
  struct Link {
    std::shared_ptr<Wire> wire;
    bool is_open = false;
  };

  void upgrade_control(node::StreamId stream);
  void upgrade_relay(node::StreamId stream, path::RegionId region);
  void opened(node::StreamId stream);
  void failed(node::StreamId stream, node::StreamTrouble trouble);
  void received(node::StreamId stream, Bytes bytes);

  World& world_;
  Internet& internet_;
  Servers& servers_;
  Owner owner_;
  std::map<node::StreamId, Link> links_;
};

}  // namespace quoin::simulation

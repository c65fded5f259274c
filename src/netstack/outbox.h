// What waits to leave, one line per destination: finished packets (resets, ICMP, echo replies), and flows that have
// something to say.
//
// A line per destination keeps packets of one peer together, so that the tunnel seals and sends them as one run. The
// lines take turns, one batch each; within a line packets go first and flows take turns.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"

namespace quoin::netstack {

class Outbox {
 public:
  static constexpr std::size_t packets_max = 256;  // of all lines together

  struct Line {
    std::deque<Buffer> packets;
    std::deque<std::uint32_t> flows;  // places in the flow table, each at most once
    bool empty() const { return packets.empty() && flows.empty(); }
  };

  std::size_t room() const { return packets_max - packets_; }
  bool push(const IpAddress& destination, Buffer packet);            // false: full, and the packet is gone
  void add_flow(const IpAddress& destination, std::uint32_t place);  // at the end, unless it is in line already
  void remove_flow(const IpAddress& destination, std::uint32_t place);

  // The line after the one given last, and around; none: nothing waits. A line is served until it is empty or the batch
  // is full.
  Line* next_line();
  Buffer pop_packet(Line& line);
  std::uint32_t pop_flow(Line& line);
  void put_back(Line& line, std::uint32_t place);   // it has more to say, after the others of its line
  void put_front(Line& line, std::uint32_t place);  // it was cut short, and goes on first

 private:
  std::map<IpAddress, Line> lines_;
  std::size_t packets_ = 0;
  std::vector<bool> in_line_;        // by place
  std::optional<IpAddress> served_;  // the line given last; only that one may be empty
};

}  // namespace quoin::netstack

// The stack as a host on the link, with its applications, under the command of the driver (run.py).
//
// A command is a line of words and is answered by one line that begins with "="; what happens by itself is said in
// lines of their own. Flows are numbered from 1, in the order in which they were heard of.
//
//   serve tcp|udp PORT [SCRIPT]      what answers at a port (script.h); elsewhere TCP is reset and UDP is unreachable
//   connect ENDPOINT [SCRIPT]        = flow N
//   datagrams ENDPOINT [SCRIPT]      = flow N
//   say N BYTES                      one datagram
//   go N | finish N | abort N        accept N | refuse N WORD
//   link to_stack|to_kernel|both [loss=PERCENT] [reorder=] [duplicate=] [delay=MS, one way] [rate=BYTES/S] [held=0|1]
//   peek to_kernel|to_stack          = source port and destination port of the packet that is next on a held link
//   statistics                       = packets_in=.. memory=.. flows=.. ...
//   quit
//
//   open N tcp|udp LOCAL REMOTE      connected N      peer_finished N      datagram N BYTES SHA256
//   end N REASON [in=.. in_sha=.. out=.. out_sha=..]
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/packet_batch.h"
#include "conversation.h"
#include "link.h"
#include "netstack/stack.h"
#include "trace.h"

namespace quoin::oracle {

struct HostConfig {
  netstack::StackConfig stack;
  std::uint64_t seed = 1;
  std::string trace;  // PREFIX.kernel.pcapng and PREFIX.stack.pcapng are written; empty: nothing
};

class Host {
 public:
  static constexpr std::size_t burst_max = 64;

  Host(const HostConfig& config, Instant now);

  void from_kernel(Bytes packet, Instant now);
  std::optional<Buffer> to_kernel(Instant now);
  void handle_command(const std::string& line, Instant now);
  void advance(Instant now);  // everything that is due
  std::optional<Instant> poll_timeout() const;
  bool quitting() const { return quitting_; }
  std::string take_lines();  // what there is to say

 private:
  using Words = std::vector<std::string>;
  struct Open {
    std::uint64_t number = 0;
    netstack::Transport transport = netstack::Transport::tcp;
    Script script;
    std::optional<Conversation> conversation;  // TCP, once accepted
    std::optional<Instant> answer_at;
  };
  struct Service {
    netstack::Transport transport;
    std::uint16_t port;
    auto operator<=>(const Service&) const = default;
  };

  void hear(const netstack::StackEvent& event, Instant now);
  void hear_incoming(const netstack::Incoming& incoming, Instant now);
  void answer(netstack::FlowId flow, Instant now);
  void accept(netstack::FlowId flow, Instant now);
  void refuse(netstack::FlowId flow, netstack::Refusal refusal);
  void work(netstack::FlowId flow, Instant now);
  void read_datagrams(netstack::FlowId flow, Open& open, Instant now);
  void say(const std::string& line) { lines_ += line + "\n"; }
  void ended(netstack::FlowId flow, const std::string& reason);
  void transmit(Instant now);

  std::string obey(const Words& words, Instant now);
  std::string obey_about_flow(const Words& words, Instant now);
  std::string serve(const Words& words);
  std::string open(const Words& words, Instant now);
  std::string set_link(const Words& words);
  std::string peek(const Words& words);
  std::string statistics() const;
  std::optional<netstack::FlowId> numbered(const std::string& word) const;

  SeededRandom random_;
  netstack::Stack stack_;
  Link link_;
  Trace at_kernel_;
  Trace at_stack_;
  PacketBatch batch_;
  std::map<Service, Script> services_;
  std::map<netstack::FlowId, Open> flows_;
  std::map<std::uint64_t, netstack::FlowId> numbers_;
  std::map<Instant, std::vector<netstack::FlowId>> wakes_;
  std::uint64_t flows_heard_ = 0;
  std::string lines_;
  bool quitting_ = false;
};

}  // namespace quoin::oracle

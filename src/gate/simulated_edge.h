// An edge in memory, for tests and fuzzing: a clock, a disk, a LAN with devices, name servers and tunnels that do what
// the test makes them do. It performs the gate's effects as the real one does, and keeps watch: whatever the gate must
// never do, whoever talks to it, is noted in `broken`.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gate/audit_verifier.h"
#include "gate/gate.h"

namespace quoin::gate {

class SimulatedEdge {
 public:
  struct Tunnel {
    bool running = false;
    bool asked_to_go = false;
    bool killed = false;
    std::vector<pair::FromGate> received;
    Instant deadline = Instant::max();
    Ends killed_at;  // by what watches it beside the loop
  };
  enum class Manner {
    honest,   // registers, comes online, logs out when asked
    silent,   // starts and says nothing by itself
    stopped,  // as by SIGSTOP: takes nothing in, and only a kill ends it
  };

  SimulatedEdge(Config config, HostView host);

  // ---- the world, which tests change as they like
  std::map<IpAddress, std::vector<MacAddress>> neighbours;
  struct SnmpAgent {
    std::string community;
    std::string serial;  // empty: it tells none
  };
  std::map<IpAddress, SnmpAgent> snmp;
  std::map<std::string, std::vector<IpAddress>> names;
  std::set<Endpoint> listening;  // who accepts; others refuse
  bool name_servers_are_silent = false;
  std::map<Endpoint, pair::Unanswered> dial_fails;
  bool is_behind_router = false;  // that is what made it fail
  bool answers_pings = true;
  bool host_is_readable = true;  // at a restart; later by HostChanged
  bool disk_works = true;
  bool children_start = true;
  bool hold_dials = false;  // they stay unanswered
  std::optional<pair::Unanswered> connecting_udp_fails;
  bool hold_appends = false;
  bool hold_looks = false;                            // at the device: neighbours and serial numbers stay unknown
  bool hold_exits = false;                            // a killed child does not go
  std::map<std::string, ProxyTrouble> proxy_refuses;  // by HOST:PORT; it connects to all others
  std::optional<std::string> join_key = "tskey-auth-1234";
  Manner manner = Manner::honest;

  // ---- what a test does; each runs until nothing is left to do
  CommandId command(Request request, Caller caller = root());
  void hang_up(CommandId id) { give(CommandGone{id}); }
  void say(SessionId session, pair::FromTunnel message) { give(ChildMessage{session, std::move(message)}); }
  void garble(SessionId session) { give(ChildMessage{session, failure(pair::MessageError::malformed)}); }
  void exit_child(SessionId session, std::string how);
  void give(Input input);
  void pass(Duration time);  // both clocks, stopping at each timeout
  void jump_calendar(Duration by) { wall += by; }
  void release_appends();
  void release_dials();
  void release_looks();
  void restart();  // the gate dies and is started again; its children die with it

  // ---- what has come of it
  std::optional<Reply> reply(CommandId id) const;
  std::size_t updates(CommandId id) const;  // of `status --watch`
  const Reply& last_update(CommandId id) const { return updates_.at(id).back(); }
  std::vector<std::string> audit_lines() const;
  std::size_t records(std::string_view event) const;
  std::string last_record(std::string_view event) const;
  bool audit_is_whole() const;
  template <class Message>
  std::vector<Message> told(SessionId session) const {
    std::vector<Message> out;
    for (const auto& each : tunnels.at(session).received) {
      if (const auto* message = std::get_if<Message>(&each)) out.push_back(*message);
    }
    return out;
  }
  std::size_t running() const;

  static Caller root() { return {.uid = 0, .name = "root", .in_group = false}; }

  WallTime wall{hours(24) * 365 * 56};
  Instant now{hours(3)};
  Config config;
  HostView host;
  std::map<SessionId, Tunnel> tunnels;
  std::vector<Dial> dials;
  std::vector<Ping> pings;
  std::vector<LookupNeighbour> lookups;
  std::vector<ReadSerial> readings;
  std::set<HandleId> handles;                  // descriptors that the edge holds for the gate, to be handed over
  std::set<HandleId> reset_handles;            // of these, closed with a reset
  std::set<HandleId> bound_udp;                // and those that it keeps: that a tunnel receives datagrams with,
  std::map<HandleId, Endpoint> connected_udp;  // and that it can send them with
  std::vector<std::string> audit_files;        // in their order
  std::string& audit_file() { return audit_files.back(); }
  std::string audit_head;
  bool finished = false;
  std::vector<std::string> log;
  std::vector<std::string> broken;
  std::optional<Gate> gate;

 private:
  void settle();
  void perform(Effect effect);
  void on(const StartChild& effect);
  void on(const MoveChildsEnd& effect);
  void on(const KillChild& effect);
  void on(SendToChild& effect);
  void on(const Dial& effect);
  void on(const BindUdp& effect);
  void on(const ConnectUdp& effect);
  void on(const DisconnectUdp& effect);
  void on(const AppendAudit& effect);
  void on(const LookupNeighbour& effect);
  void on(const ReadSerial& effect);
  void answer_look(Input answer, TaskId task);
  void honest_answer(SessionId session, const pair::FromGate& message);
  void answer_dial(const Dial& dial);
  bool is_device(const Endpoint& to) const;
  void promise_public(const Endpoint& endpoint);
  void look_at_udp();
  void append(const AppendAudit& effect);
  AuditVerdict verify_audit() const;
  void promise(bool kept, const char* what);
  const DeviceConfig& device_at(const IpAddress& address) const;
  bool identifies_a_device(std::string_view sentence) const;
  HandleId new_handle();

  std::deque<Input> inputs_;
  std::map<CommandId, Reply> replies_;
  std::map<CommandId, std::vector<Reply>> updates_;
  std::map<CommandId, Instant> updated_;
  std::vector<Dial> held_dials_;
  std::vector<AppendAudit> held_appends_;
  std::map<TaskId, Input> held_looks_;
  std::set<TaskId> cancelled_;
  CommandId last_command_ = 0;
  HandleId last_handle_ = 0;
  std::size_t extensions_ = 0;
  std::set<HandleId> to_devices_;  // descriptors that are connected to one
  std::size_t flows_handed_over_ = 0;
  std::size_t flow_records_ = 0;
  bool append_under_way_ = false;
  bool knows_host_ = true;
};

}  // namespace quoin::gate

// What one tunnel has asked the gate to fetch, and has not been given yet: sockets to the device, to control and to
// relays, resolved names, echoes, the join key.
//
// A tunnel says what it means, never where that is. The device's address comes from the configuration; it passes the
// dial guard, and the device is recognised, before each dial. The control server's comes from the configuration; a
// relay's from the relay map, so it passes the endpoint guard after it is resolved. Through a proxy a relay is asked
// for by the address that passed, since the proxy's own resolver may have another answer; by its name only where the
// person at the agent has listed it. The control server goes by its name. Every request is answered exactly once.
// Limits bound what a tunnel can have under way; beyond them it is told so. (Threat model: D1, D3, D4, D7; attack cases
// ISO-15, ISO-18, MAP-09, PRN-09, PRN-13.)
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "gate/admissions.h"
#include "gate/budget.h"
#include "gate/desk.h"
#include "gate/endpoint_sockets.h"
#include "gate/flows.h"
#include "gate/ftp_data_ports.h"
#include "gate/inputs.h"
#include "gate/port_trouble.h"
#include "gate/proxy_trouble.h"
#include "gate/recognition.h"
#include "gate/warrant.h"

namespace quoin::gate {

class Errands {
 public:
  static constexpr std::size_t device_dials_max = 320;  // an engineer may open 200 connections at once
  static constexpr std::size_t device_dials_of_one_max = device_dials_max / 4 * 3;  // of one engineer
  static constexpr std::size_t pings_max = 20;
  static constexpr std::size_t pings_of_one_max = pings_max / 4 * 3;
  static constexpr std::size_t server_dials_max = 16;  // control, relays and STUN names
  // Asked for in one session: a tunnel that was taken over does not knock at the world's doors from the customer's
  // address.
  static constexpr std::uint64_t servers_burst = 256;
  static constexpr std::uint64_t servers_per_second = 2;
  static constexpr std::size_t candidates_max = 8;                 // addresses tried for one name
  static constexpr std::uint16_t ping_payload_bytes_max = 65'507;  // that one IPv4 datagram carries, in fragments
  static constexpr std::size_t join_keys_max = 16;                 // in one session
  static constexpr std::uint16_t lpd_port = 515;
  // LPD connections that may have a privileged port of this host at once: it has 512, and others need some.
  static constexpr std::size_t privileged_ports_max = 16;
  static constexpr Duration dial_timeout = seconds(10);
  static constexpr Duration ping_timeout = seconds(5);

  enum class Trouble {
    none,
    broke_rules,    // what no tunnel of ours would send
    guard_refuses,  // the host has changed so that the device may not be dialled
    join_key_gone,  // the file cannot be read
  };

  Errands(SessionId session, const DeviceConfig& device, Desk& desk, const Admissions& admissions, Flows& flows,
          Recognition& recognition, const EndpointSockets& endpoint_sockets)
      : session_(session),
        device_(device),
        desk_(desk),
        admissions_(admissions),
        flows_(flows),
        recognition_(recognition),
        endpoint_sockets_(endpoint_sockets),
        ftp_ports_(device.ftp_passive_ports) {}

  bool is_in_use(pair::RequestId request) const;
  void device_looked_at(WallTime wall, Instant now);  // what waited for that goes on, or comes to nothing

  [[nodiscard]] Trouble handle(const pair::DialControl& request, Instant now);
  [[nodiscard]] Trouble handle(const pair::DialRelay& request, Instant now);
  [[nodiscard]] Trouble handle(const pair::ResolveStun& request, Instant now);
  [[nodiscard]] Trouble handle(const pair::DialService& request, const Warrant& warrant, WallTime wall, Instant now);
  [[nodiscard]] Trouble handle(const pair::FtpData& announced, const Warrant& warrant, WallTime wall, Instant now);
  [[nodiscard]] Trouble handle(const pair::PingDevice& request, const Warrant& warrant, WallTime wall, Instant now);
  [[nodiscard]] Trouble handle(const pair::WantJoinKey& request);

  [[nodiscard]] Trouble handle(const Resolved& result);
  // Attempts that the tunnel refused by itself.
  void handle(const pair::Refused& report, WallTime wall, Instant now);
  [[nodiscard]] Trouble handle(const Dialled& result, WallTime wall, Instant now);
  [[nodiscard]] Trouble handle(const DialFailed& result, WallTime wall, Instant now);
  [[nodiscard]] Trouble handle(const Pinged& result);
  [[nodiscard]] Trouble handle(JoinKeyRead&& result);
  bool awaits(const NeighboursFound& result) const { return errands_.contains(result.task); }
  // If another device is there, that is what is returned.
  [[nodiscard]] std::optional<Finding> handle(const NeighboursFound& result, WallTime wall, Instant now);
  void records_written(WallTime wall, Instant now);

  void cancel_all(WallTime wall, Instant now);

  // Why the proxy did not connect, the last time that it was asked; nothing if it did, or was not asked.
  struct ProxyRefusal {
    std::string sentence;
    bool is_final = false;  // it would not help to wait
  };
  // What the last connections to the device came to.
  PortTrouble& port_trouble() { return port_trouble_; }
  const PortTrouble& port_trouble() const { return port_trouble_; }
  const std::optional<ProxyRefusal>& proxy_refused_control() const { return proxy_refused_control_; }
  const std::optional<ProxyRefusal>& proxy_refused_relay() const { return proxy_refused_relay_; }

 private:
  struct ServiceDial {
    pair::RequestId request;
    std::string engineer;
    pair::Transport transport;
    std::uint16_t port;
    std::string service;
    std::uint16_t from_port;  // the engineer's
  };
  struct Echo {
    pair::RequestId request;
    std::string engineer;
    std::uint16_t payload_bytes;
    AuditQueue::Ticket record;  // of the flow that it is part of
  };
  enum class Server : std::uint8_t { control, relay, stun };
  struct HandOver {  // a connected socket, once the record of its flow is written, and the device still there
    pair::RequestId request;
    HandleId socket;
  };
  struct ServerName {  // being resolved
    pair::RequestId request;
    Server server;
    std::uint16_t port;
    std::string behind_proxy = {};  // the name, if what it has is asked of the proxy
  };
  struct BehindProxy {
    std::string host;                  // as it was asked for
    std::vector<std::string> targets;  // what the proxy is to connect to, one after the other until it does
    std::vector<Endpoint> proxy = {};
    Duration each_within = {};
  };
  struct ProxyName {  // being resolved
    pair::RequestId request;
    Server server;
    BehindProxy behind;
  };
  struct ServerDial {
    pair::RequestId request;
    Server server;
    std::optional<BehindProxy> behind = {};
  };
  struct Key {};
  using ForDevice = std::variant<ServiceDial, Echo>;
  using Errand = std::variant<ServiceDial, Echo, HandOver, ServerName, ProxyName, ServerDial, Key>;
  struct Waiting {
    ForDevice errand;
    Recognition::Glance since;
  };

  template <class T>
  std::size_t under_way() const;
  template <class T>
  std::size_t under_way_of(const std::string& engineer) const;
  bool is_crowded(const std::string& engineer, pair::Transport transport) const;  // no room for one more flow of his
  template <class T>
  std::optional<T> finish(TaskId task);
  bool claim(pair::RequestId request);  // false if the id is in use
  void fail(pair::RequestId request, pair::Unanswered why);
  // errands_attempts.cc: the same of what an engineer tried, for the record.
  void fail(const ServiceDial& dial, pair::Unanswered why, Outcome outcome, WallTime wall, Instant now);
  void fail(const Echo& echo, pair::Unanswered why, Outcome outcome, WallTime wall, Instant now);
  void note_failed(const ServiceDial& dial, Outcome outcome, WallTime wall, Instant now);
  void note_failed(const Echo& echo, Outcome outcome, WallTime wall, Instant now);
  void note_failed(const pair::DialService& request, Outcome outcome, WallTime wall, Instant now);
  void note_failed(const pair::PingDevice& request, Outcome outcome, WallTime wall, Instant now);
  std::string name_of(const crypto::NodePublicKey& engineer) const;  // for records
  Trouble seek_server(ServerName name, const std::string& host, const std::vector<IpAddress>& given, Instant now);
  void reach_server(const ServerName& name, const std::vector<IpAddress>& addresses,
                    pair::Unanswered if_none = pair::Unanswered::not_resolved);
  bool is_a_device(const IpAddress& address) const;
  bool may_be_proxy(const IpAddress& address) const;
  bool may_be_server(const ServerName& name, const IpAddress& address) const;
  // errands_proxy.cc
  bool goes_through_proxy(const ServerName& name, const std::string& host, const std::vector<IpAddress>& given) const;
  void seek_behind_proxy(ServerName name, const std::string& host, const std::vector<IpAddress>& given);
  void judged_behind_proxy(const ServerName& name, const std::vector<IpAddress>& addresses,
                           bool no_server_answers = false);
  void seek_proxy(ProxyName name);
  void reach_proxy(ProxyName name, const std::vector<IpAddress>& addresses, bool no_server_answers = false);
  void dial_behind_proxy(ServerDial dial);
  void refused_by_proxy(ServerDial dial, const ProxyTrouble& trouble);
  void proxy_failed(pair::RequestId request, Server server, std::string sentence, const ProxyTrouble& trouble);
  std::optional<ProxyRefusal>& proxy_refusal(Server server);
  Trouble for_device(ForDevice errand, WallTime wall, Instant now);
  void look_first(ForDevice errand, WallTime wall, Instant now);
  void admit(Waiting waiting, WallTime wall, Instant now);
  // The service that a dial belongs to, if the warrant opens it; uses up an announcement of FTP.
  std::optional<std::string> service_of(const pair::DialService& request, const std::string& engineer,
                                        const Warrant& warrant, Instant now);
  AuditQueue::Ticket record_before(const ForDevice& errand) const;
  void begin(ForDevice errand, WallTime wall, Instant now);
  void give_up_dials(WallTime wall, Instant now);
  std::uint16_t local_port_for(const ServiceDial& dial) const;
  void perform(const ServiceDial& dial, WallTime wall, Instant now);
  void perform(const Echo& echo, WallTime wall, Instant now);
  void look_before(const HandOver& connected);
  void hand_over(const HandOver& connected);
  void drop(const HandOver& connected, pair::Unanswered why);

  SessionId session_;
  const DeviceConfig& device_;
  Desk& desk_;
  const Admissions& admissions_;
  Flows& flows_;
  Recognition& recognition_;
  const EndpointSockets& endpoint_sockets_;  // which answers requests of its own
  PortTrouble port_trouble_;
  std::map<TaskId, Errand> errands_;
  std::vector<Waiting> awaiting_look_;
  struct Later {
    AuditQueue::Ticket record;
    std::variant<ServiceDial, Echo, HandOver> what;
  };
  std::vector<Later> awaiting_record_;
  std::set<pair::RequestId> owed_;  // requests not answered
  FtpDataPorts ftp_ports_;
  bool said_not_passive_ = false;  // to the log, of a port for FTP data that is not opened
  std::size_t join_keys_ = 0;
  Budget servers_{servers_burst, servers_per_second};
  std::optional<ProxyRefusal> proxy_refused_control_;
  std::optional<ProxyRefusal> proxy_refused_relay_;
};

// Takes the errand of a task off, if it is of this kind.
template <class T>
std::optional<T> Errands::finish(TaskId task) {
  const auto found = errands_.find(task);
  if (found == errands_.end()) return std::nullopt;
  auto* errand = std::get_if<T>(&found->second);
  if (errand == nullptr) return std::nullopt;
  std::optional<T> out(std::move(*errand));
  errands_.erase(found);
  return out;
}

}  // namespace quoin::gate

// One opening of one device, from the command to the end of its tunnel.
//
// Legal steps, each in one direction only:
//
//     checking -> recording -> starting -> open -> closing -> gone
//         any of the first four -> closing (with a tunnel) or gone (without)
//
// `closing` has asked the tunnel to log out and go; one second later it is killed. A tunnel that breaks the rules of
// the pair is killed at once. (Threat model: G3, T1, T2, S1; attack cases GATE-08, GATE-11, SES-01, SES-02.)
#pragma once

#include <map>
#include <optional>
#include <string>

#include "gate/admissions.h"
#include "gate/commands.h"
#include "gate/desk.h"
#include "gate/endpoint_sockets.h"
#include "gate/errands.h"
#include "gate/flows.h"
#include "gate/inputs.h"
#include "gate/recognition.h"
#include "gate/warrant.h"

namespace quoin::gate {

class Session {
 public:
  static constexpr Duration opening_max = seconds(20);
  static constexpr Duration ends_soon = minutes(5);    // from then on status says so, and the log says it once
  static constexpr Duration leaving_max = seconds(1);  // from being asked to go until it is killed
  static constexpr Duration kill_doubt = seconds(5);   // a killed tunnel that is still not gone is said to be stuck
  static constexpr std::uint64_t messages_burst = 20'000;
  static constexpr std::uint64_t messages_per_second = 5'000;
  static constexpr std::size_t registrations_written_max = 8;
  static constexpr std::size_t features_written_max = 32;

  enum class Phase : std::uint8_t { checking, recording, starting, open, closing, gone };

  // Why it ends: for the audit record, and for the person who may still be waiting for it to open.
  struct Ending {
    std::string why;
    ExitCode code = ExitCode::failed;
    std::string sentence;
    std::string by;
  };

  Session(SessionId id, const DeviceConfig& device, Warrant warrant, Desk& desk, Instant now);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void begin(Instant now);
  void child_started(WallTime wall, Instant now);
  void child_failed(const std::string& why, WallTime wall, Instant now);
  void child_exited(const std::string& how, WallTime wall, Instant now);
  void child_unreachable(const std::string& why, WallTime wall, Instant now);
  void handle(const Result<pair::FromTunnel, pair::MessageError>& message, WallTime wall, Instant now);
  void handle(const UdpBound& sockets);
  void handle(Resolved&& result, WallTime wall, Instant now);
  void handle(Dialled&& result, WallTime wall, Instant now);
  void handle(DialFailed&& result, WallTime wall, Instant now);
  void handle(Pinged&& result, WallTime wall, Instant now);
  void handle(NeighboursFound&& result, WallTime wall, Instant now);
  void handle(SerialRead&& result, WallTime wall, Instant now);
  void handle(JoinKeyRead&& result, WallTime wall, Instant now);
  void records_written(WallTime wall, Instant now);
  void host_changed(WallTime wall, Instant now);
  void handle_timeout(WallTime wall, Instant now);

  // Shuts the door now; what is left is to be rid of the tunnel.
  void end(Ending ending, WallTime wall, Instant now);

  // A new end, which the lock would allow. It counts once its record is on disk.
  void extend(Ends ends, std::string by, WallTime wall);
  bool is_being_extended() const { return extension_.has_value(); }

  Phase phase() const { return phase_; }
  bool is_opening() const { return phase_ < Phase::open; }
  bool is_stuck() const { return stuck_; }
  const std::string& device() const { return device_.name; }
  const Warrant& warrant() const { return warrant_; }
  std::optional<Instant> next_timeout() const;
  // Once, when it has been decided whether the opening came to something.
  std::optional<Reply> take_verdict() { return std::exchange(verdict_, std::nullopt); }
  // Once, when it has been decided whether an extension came to something.
  std::optional<Reply> take_extension_verdict() { return std::exchange(extension_verdict_, std::nullopt); }
  DeviceStatus status(WallTime wall, Instant now) const;

 private:
  enum class Child : std::uint8_t { none, asked_for, running, killed, gone };

  // session_device.cc
  void found(const std::optional<Finding>& finding, WallTime wall, Instant now);
  void recognised(WallTime wall);
  void silent(const Finding& finding, WallTime wall, Instant now);
  void another(const Finding& finding, WallTime wall, Instant now);
  void finished(const pair::FlowClosed& report, WallTime wall);
  std::string device_problem() const;

  void start(WallTime wall, Instant now);
  void sockets_are_void();  // that datagrams are sent by; the tunnel asks anew for those it needs
  void introduce();         // the first message to a tunnel
  // What a problem is about in detail: in the tunnel's words, or in ours where it was the proxy.
  std::string detail_of(pair::ProblemKind kind) const;
  const std::optional<Errands::ProxyRefusal>& proxy_refusal(pair::ProblemKind kind) const;
  void opened(WallTime wall, Instant now);
  void extended(WallTime wall, Instant now);
  void warn_in_time(WallTime wall, Instant now);
  Duration left(WallTime wall, Instant now) const;
  void end_and_kill(Ending ending, WallTime wall, Instant now);
  void leave(Ending&& ending, bool at_once, WallTime wall, Instant now);
  Ends last_moment() const { return Ends{warrant_.ends, warrant_.ends_wall} + leaving_max; }  // of a tunnel
  void kill(Instant now);
  void finish(WallTime wall, Instant now);
  bool past_deadline(WallTime wall, Instant now);
  bool takes_message(Instant now);
  void trouble(Errands::Trouble trouble, WallTime wall, Instant now);

  void on(const pair::DialControl& m, WallTime wall, Instant now) { trouble(errands_.handle(m, now), wall, now); }
  void on(const pair::DialRelay& m, WallTime wall, Instant now) { trouble(errands_.handle(m, now), wall, now); }
  void on(const pair::ResolveStun& m, WallTime wall, Instant now) { trouble(errands_.handle(m, now), wall, now); }
  void on(const pair::WantJoinKey& m, WallTime wall, Instant now) { trouble(errands_.handle(m), wall, now); }
  void on(const pair::DialService& m, WallTime wall, Instant now);
  void on(const pair::FtpData& m, WallTime wall, Instant now);
  void on(const pair::WantEndpoint& m, WallTime wall, Instant now);
  void on(const pair::EndpointUnneeded& m, WallTime, Instant) { endpoint_sockets_.handle(m); }
  void on(const pair::PingDevice& m, WallTime wall, Instant now);
  void on(const pair::Admit& m, WallTime wall, Instant now);
  void on(const pair::Registered& m, WallTime wall, Instant now);
  void on(const pair::Online& m, WallTime wall, Instant now);
  void on(const pair::PathReport& m, WallTime wall, Instant) { admissions_.path_changed(m, wall); }
  void on(const pair::FlowClosed& m, WallTime wall, Instant) { finished(m, wall); }
  void on(const pair::Refused& m, WallTime wall, Instant now) { errands_.handle(m, wall, now); }
  void on(const pair::Problem& m, WallTime wall, Instant now);
  void on(const pair::Solved& m, WallTime, Instant) { problems_.erase(m.kind); }
  void on(const pair::LoggedOut&, WallTime, Instant) {}  // its exit follows, or the kill
  void on(const pair::ControlIgnored& m, WallTime wall, Instant now);

  const SessionId id_;
  const DeviceConfig& device_;
  Warrant warrant_;  // only its end ever changes, after the lock's copy has
  Desk& desk_;
  Admissions admissions_;
  Flows flows_;
  Recognition recognition_;
  EndpointSockets endpoint_sockets_;
  Errands errands_;

  Phase phase_ = Phase::checking;
  Child child_ = Child::none;
  Instant opening_ends_;
  std::optional<AuditQueue::Ticket> grant_;  // the record of the opening
  std::optional<Instant> kill_at_;
  std::optional<Instant> doubt_at_;
  bool stuck_ = false;
  std::optional<Reply> verdict_;
  struct Extension {
    Ends ends;
    AuditQueue::Ticket record;
  };
  std::optional<Extension> extension_;  // being written down
  bool may_warn_ = false;               // the log has not been told of this end, which was further away once
  std::optional<Reply> extension_verdict_;

  struct Silence {
    Finding::Kind kind;
    WallTime since;
  };
  std::optional<Silence> silence_;  // of the device

  std::optional<pair::Registered> registered_;
  std::size_t registrations_written_ = 0;
  std::optional<pair::Online> online_;
  std::map<pair::ProblemKind, std::string> problems_;
  std::optional<pair::ProblemKind> newest_problem_;
  std::vector<std::string> features_ignored_;

  std::uint64_t messages_left_ = messages_burst;
  Instant messages_counted_;
};

}  // namespace quoin::gate

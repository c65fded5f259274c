// The inside of the gate: its sessions, and the people who wait for them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gate/desk.h"
#include "gate/gate.h"
#include "gate/session.h"

namespace quoin::gate {

// Refusals are recorded, but a local program that is refused all the time does not fill the disk.
class RefusalBudget {
 public:
  static constexpr std::uint64_t burst = 20;
  static constexpr Duration each = seconds(10);

  explicit RefusalBudget(Instant now) : counted_(now) {}
  bool take(Instant now);
  std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
  std::uint64_t left_ = burst;
  std::uint64_t suppressed_ = 0;
  Instant counted_;
};

class Gate::Core {
 public:
  static constexpr Duration look_every = milliseconds(500);  // at the calendar, while something is open
  static constexpr Duration stopping_max = seconds(5);

  Core(Config config, Result<HostView, std::string> host, AuditStart audit, WallTime wall, Instant now);

  void handle(Input&& input, WallTime wall, Instant now);
  void handle_timeout(WallTime wall, Instant now);
  std::optional<Effect> poll_effect();
  std::optional<Instant> poll_timeout() const { return next_look_; }
  std::size_t sessions() const { return sessions_.size(); }

 private:
  struct Closer {
    std::set<SessionId> waits_for;
    std::string text;
  };
  struct Watcher {
    Reply told;         // without what only counts down
    Instant next;       // not told anything before
    bool stale = true;  // something has happened since the last look
  };
  struct Refused {
    ExitCode code;
    std::string sentence;
  };

  void on(CommandArrived&& command, WallTime wall, Instant now);
  void on(CommandGone&& command, WallTime wall, Instant now);
  void on(ChildStarted&& started, WallTime wall, Instant now);
  void on(ChildFailed&& failed, WallTime wall, Instant now);
  void on(ChildExited&& exited, WallTime wall, Instant now);
  void on(ChildMessage&& message, WallTime wall, Instant now);
  void on(ChildUnreachable&& child, WallTime wall, Instant now);
  void on(UdpBound&& bound, WallTime wall, Instant now);
  void on(AuditAppended&& appended, WallTime wall, Instant now);
  void on(HostChanged&& changed, WallTime wall, Instant now);
  void on(StopRequested&& stop, WallTime wall, Instant now);
  template <class TaskResult>
  void on(TaskResult&& result, WallTime wall, Instant now);

  // gate_commands.cc
  void run(CommandId id, const Caller& caller, const OpenRequest& request, WallTime wall, Instant now);
  void run(CommandId id, const Caller& caller, const ExtendRequest& request, WallTime wall, Instant now);
  void run(CommandId id, const Caller& caller, const CloseRequest& request, WallTime wall, Instant now);
  void run(CommandId id, const Caller& caller, const StatusRequest& request, WallTime wall, Instant now);
  Reply status(WallTime wall, Instant now) const;
  Result<Warrant, Refused> judge(const Caller& caller, const OpenRequest& request, WallTime wall, Instant now);
  struct Extended {
    Session* session;
    Ends ends;
  };
  Result<Extended, Refused> judge(const ExtendRequest& request, WallTime wall, Instant now);
  Result<const DeviceConfig*, Refused> device_named(const std::string& name) const;
  Result<Duration, Refused> time_asked_for(const std::string& lasts) const;
  Result<std::vector<std::string>, Refused> narrow_engineers(const std::vector<std::string>& named) const;
  void refuse(CommandId id, const Caller& caller, std::string command, std::string device, Refused refused,
              WallTime wall, Instant now);
  void send_reply(CommandId id, Reply reply) { desk_.emit(SendReply{id, std::move(reply)}); }

  Session* session(SessionId id);
  std::map<SessionId, std::unique_ptr<Session>>::iterator session_of(const std::string& device);
  void settle(WallTime wall, Instant now);
  void answer_openers();
  void answer_extenders();
  void remove_gone();
  void answer_closers();
  void tell_watchers(WallTime wall, Instant now);
  void plan_next_look(WallTime wall, Instant now);

  Desk desk_;
  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  SessionId last_session_ = 0;
  std::map<CommandId, SessionId> openers_;
  std::map<CommandId, SessionId> extenders_;
  std::map<CommandId, Closer> closers_;
  std::map<CommandId, Watcher> watchers_;
  RefusalBudget refusals_;
  std::optional<Instant> stopping_until_;
  bool stop_recorded_ = false;
  bool finished_ = false;
  std::optional<Instant> next_look_;
};

}  // namespace quoin::gate

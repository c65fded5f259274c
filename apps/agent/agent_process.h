// The gate's process: performs the effects of the gate's core, and tells it what came of them. It decides nothing.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "audit_files.h"
#include "children.h"
#include "gate/config.h"
#include "gate/gate.h"
#include "io/closer.h"
#include "io/dial.h"
#include "io/entropy.h"
#include "io/files.h"
#include "io/host_view.h"
#include "io/http_connect_dial.h"
#include "io/neighbour.h"
#include "io/neighbour_survey.h"
#include "io/ping.h"
#include "io/resolver.h"
#include "io/stop_signals.h"
#include "io/timer.h"
#include "io/unix_listener.h"
#include "io/worker.h"
#include "serial_reading.h"

namespace quoin::apps {

struct StartFailure {
  gate::ExitCode code;
  std::string sentence;
};

struct Programs {  // paths of those that it starts
  std::string tunnel;
  std::string snmp;
};

class AgentProcess {
 public:
  static constexpr std::size_t connections_max = 32;   // to agent.sock at once
  static constexpr Duration silence_max = seconds(5);  // of one that connects
  // A user directory that takes longer is not waited for: the caller has a number then, and no name.
  static constexpr Duration directory_patience = seconds(2);
  static constexpr Duration host_again_after = seconds(1);  // what the host says of itself could not be read
  static constexpr const char* group = "quoin";

  // Makes and checks the folders, takes the lock, reads the audit file and opens the socket.
  static Result<std::unique_ptr<AgentProcess>, StartFailure> create(io::Loop& loop, gate::Config config,
                                                                    Programs programs);

 private:
  struct Connection {
    std::unique_ptr<io::LineConnection> line;
    std::unique_ptr<io::Timer> patience;  // until it has said what it wants, and then until it is known who it is
    bool has_asked = false;
    std::optional<Result<gate::Request, std::string>> request = {};  // until the gate has it
  };
  using Task = std::variant<std::unique_ptr<io::Dial>, std::unique_ptr<io::HttpConnectDial>, std::unique_ptr<io::Ping>,
                            std::unique_ptr<io::NeighbourLookup>, std::unique_ptr<io::NeighbourSurvey>,
                            std::unique_ptr<SerialReading>>;

  AgentProcess(io::Loop& loop, gate::Config config, Programs programs, io::LockFile lock, AuditFiles::Opened audit);

  Result<void, StartFailure> listen(io::Folder run);
  void accept(std::unique_ptr<io::LineConnection> connection);
  void listen_to(gate::CommandId id, std::string_view line);
  void present(gate::CommandId id, gate::Caller caller);
  void handle(gate::Input input);
  void drain();
  void host_changed();

  void perform(gate::Effect& effect);
  void perform(const gate::StartChild& effect);
  void perform(const gate::SendToChild& effect);
  void perform(const gate::BindUdp& effect);
  void perform(const gate::ConnectUdp& effect);
  void perform(const gate::Resolve& effect);
  void perform(const gate::Dial& effect);
  void dial_through_proxy(const gate::Dial& effect);
  void perform(const gate::Ping& effect);
  void perform(const gate::LookupNeighbour& effect);
  void perform(const gate::ReadSerial& effect);
  void perform(const gate::ReadJoinKey& effect);
  void perform(const gate::AppendAudit& effect);
  void perform(const gate::SendReply& effect);
  void perform(const gate::SendUpdate& effect);
  gate::HandleId keep(io::Descriptor descriptor);
  Result<io::Descriptor, std::string> take(const gate::Descriptor& wanted);
  void finish_task(gate::TaskId task, gate::Input input);  // unless it was cancelled

  io::Loop& loop_;
  gate::Config config_;
  std::string snmp_program_;
  io::LockFile lock_;
  std::shared_ptr<AuditFiles> audit_;  // the worker's, which may outlive this when a disk hangs
  io::SystemRandom random_;
  gate::Gate gate_;
  io::Timer timer_;
  io::Timer host_again_;
  io::StopSignals stop_signals_;  // before the resolver's thread
  io::Closer closer_;             // and before this one's
  io::Resolver resolver_;
  io::Worker disk_;       // appends to the audit file, one at a time
  io::Worker directory_;  // asks who a caller is
  Children children_;
  SerialReading::Processes snmp_processes_;
  std::unique_ptr<io::HostChanges> host_changes_;
  std::unique_ptr<io::UnixListener> listener_;

  std::map<gate::CommandId, Connection> connections_;
  std::map<gate::TaskId, std::optional<Task>> tasks_;  // none: a resolution, which cannot be taken back
  std::map<gate::HandleId, io::Descriptor> handles_;
  std::uint64_t last_id_ = 0;
  bool is_draining_ = false;
  bool udp_failure_told_ = false;
};

}  // namespace quoin::apps

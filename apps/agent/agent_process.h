// The gate's process: performs the effects of the gate's core, and tells it what came of them. It decides nothing.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "audit_files.h"
#include "children.h"
#include "file_reads.h"
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
#include "io/process_guard.h"
#include "io/stop_signals.h"
#include "io/timer.h"
#include "io/worker.h"
#include "local_commands.h"
#include "names.h"
#include "serial_reading.h"
#include "start_files.h"

namespace quoin::apps {

struct ProgramPaths {  // of those that it starts
  std::string tunnel;
  std::string snmp;
  std::string resolver;
};
struct Programs {
  io::Program tunnel;
  io::Program snmp;
  io::Program resolver;
};

class AgentProcess {
 public:
  static constexpr Duration host_again_after = seconds(1);  // what the host says of itself could not be read

  // Makes and checks the folders, takes the lock, reads the audit file and opens the socket.
  static Result<std::unique_ptr<AgentProcess>, StartFailure> create(io::Loop& loop, gate::Config config,
                                                                    const ProgramPaths& paths);

 private:
  using Task = std::variant<std::unique_ptr<io::Dial>, std::unique_ptr<io::HttpConnectDial>, std::unique_ptr<io::Ping>,
                            std::unique_ptr<io::NeighbourLookup>, std::unique_ptr<io::NeighbourSurvey>,
                            std::unique_ptr<SerialReading>>;

  AgentProcess(io::Loop& loop, gate::Config config, Programs programs, io::LockFile lock, AuditFiles::Opened audit,
               io::ProcessGuard::Options stops);

  Result<void, StartFailure> listen(io::ListeningSocket socket);
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
  void dial_through_proxy(const gate::Dial& effect, std::string_view authorization);
  void perform(const gate::Ping& effect);
  void perform(const gate::LookupNeighbour& effect);
  void perform(const gate::ReadSerial& effect);
  void perform(const gate::ReadJoinKey& effect);
  void perform(const gate::AppendAudit& effect);
  gate::HandleId keep(io::Descriptor descriptor);
  void start_with(const gate::StartChild& effect, Children::Roots roots);
  void did_not_start(gate::SessionId session, std::string why);
  void kill(gate::SessionId session);
  void finish_task(gate::TaskId task, gate::Input input);  // unless it was cancelled

  io::Loop& loop_;
  gate::Config config_;
  io::Program snmp_program_;
  io::LockFile lock_;
  std::shared_ptr<AuditFiles> audit_;  // the worker's, which may outlive this when a disk hangs
  io::SystemRandom random_;
  gate::Gate gate_;
  io::Timer timer_;
  io::Timer host_again_;
  io::Closer closer_;
  io::ProcessGuard guard_;
  FileReads reads_;
  FileReads name_reads_;  // resolv.conf and the host table wait for no other disk
  Names names_;
  io::Worker disk_;  // appends to the audit file, one at a time
  LocalCommands commands_;
  Children children_;
  SerialReading::Processes snmp_processes_;
  std::unique_ptr<io::HostChanges> host_changes_;

  std::set<gate::SessionId> preparing_;                // what a tunnel is given is being read
  std::map<gate::TaskId, std::optional<Task>> tasks_;  // none: a resolution or a read, which cannot be taken back
  std::vector<Task> retired_;                          // until the call that ended them is over
  std::map<gate::HandleId, io::Descriptor> handles_;
  std::uint64_t last_id_ = 0;
  bool is_draining_ = false;
  bool udp_failure_told_ = false;
};

}  // namespace quoin::apps

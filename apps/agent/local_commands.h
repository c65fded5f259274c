// What people at the agent ask for: over agent.sock, and at the stop socket beside it, where the guard's thread listens
// and hands on what the loop can do better.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "gate/inputs.h"
#include "io/process_guard.h"
#include "io/timer.h"
#include "io/unix_listener.h"
#include "io/worker.h"

namespace quoin::apps {

class LocalCommands {
 public:
  static constexpr std::size_t connections_max = 32;  // to agent.sock at once
  static constexpr std::size_t connections_of_one_user = 12;
  static constexpr std::size_t connections_kept_for_root = 8;
  static constexpr Duration silence_max = seconds(5);  // of one that connects
  // A user directory that takes longer is not waited for: the caller has a number then, and no name.
  static constexpr Duration directory_patience = seconds(2);
  static constexpr Duration directory_patience_of_stops = milliseconds(200);
  static constexpr std::uint32_t mode = 0660;
  static constexpr const char* group = "quoin";

  struct Handlers {
    std::function<void(gate::CommandArrived)> arrived;
    std::function<void(gate::CommandId)> gone;
    std::function<void()> stop;  // the agent itself
  };
  LocalCommands(io::Loop& loop, io::ProcessGuard& guard, io::Closer& closer, Handlers handlers);

  void listen(io::ListeningSocket socket);
  // To be asked before the gate is told anything: what was stopped without it comes first.
  void take_stops();

  void send_update(gate::CommandId id, const gate::Reply& reply);
  void send_reply(gate::CommandId id, const gate::Reply& reply);  // and no more

  static io::ProcessGuard::Words words(std::vector<std::string> devices);

 private:
  struct Connection {
    std::unique_ptr<io::LineConnection> line;  // none for a stop
    std::optional<io::ProcessGuard::StopId> stop;
    std::uint32_t user = 0;
    Instant since{};
    std::unique_ptr<io::Timer> patience;  // until it has said what it wants, and then until it is known who it is
    bool has_asked = false;
    std::optional<Result<gate::Request, std::string>> request = {};  // until the gate has it
  };

  void accept(std::unique_ptr<io::LineConnection> connection);
  bool has_room_for(std::uint32_t user) const;
  bool make_room_for(std::uint32_t user);
  void listen_to(gate::CommandId id, std::string_view line);
  void take_stop(io::ProcessGuard::Stop stop);
  void find_out_who(gate::CommandId id, const gate::Caller& unknown, Duration patience);
  void present(gate::CommandId id, gate::Caller caller);

  io::Loop& loop_;
  io::ProcessGuard& guard_;
  io::Closer& closer_;
  Handlers handlers_;
  io::Worker directory_;  // asks who a caller is
  std::unique_ptr<io::UnixListener> listener_;
  std::map<gate::CommandId, Connection> connections_;
  gate::CommandId last_id_ = 0;
  io::ProcessGuard::StopId newest_stop_ = 0;
  std::optional<Instant> stopped_;  // when the newest stop was learnt of: what had connected before it is older
};

}  // namespace quoin::apps

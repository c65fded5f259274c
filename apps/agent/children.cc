#include "children.h"

#include <utility>

#include "base/secret.h"
#include "gate/flows.h"

namespace quoin::apps {
namespace {

std::optional<std::uint32_t> user_for(gate::SessionId session) {
  if (!io::may_give(Children::users)) return std::nullopt;
  return Children::users.first + static_cast<std::uint32_t>(session % Children::users.count);
}

}  // namespace

Children::Children(io::Loop& loop, io::Closer& closer, std::string program, Handlers handlers)
    : loop_(loop), closer_(closer), program_(std::move(program)), handlers_(std::move(handlers)) {}

Result<void, std::string> Children::start(gate::SessionId session, const gate::Ends& killed_at) {
  auto child = io::Child::start(loop_, program_, {}, {}, gate::Flows::tunnel_descriptors_max, user_for(session),
                                [this, session](io::ExitStatus status) {
                                  const std::string how =
                                      (status.by_signal ? "signal " : "exit status ") + std::to_string(status.value);
                                  guard_.forget(session);
                                  loop_.post([this, session, how] {
                                    running_.erase(session);
                                    handlers_.exited(session, how);
                                  });
                                });
  if (!child) return failure(child.error().text());
  auto handle = (*child)->handle();
  if (!handle) {
    closer_.close((*child)->take_pair());
    return failure(handle.error().text());
  }
  guard_.watch(session, std::move(*handle), killed_at.at, killed_at.wall);
  Running& running = running_[session];
  running.process = std::move(*child);
  io::Seqpacket::Handlers handlers;
  handlers.received = [this, session](io::Seqpacket::Received packet) {
    if (packet.cut || packet.descriptors_lost)
      return handlers_.message(session, failure(pair::MessageError::malformed));
    handlers_.message(session, pair::decode_from_tunnel(packet.bytes));
  };
  handlers.closed = [] {};  // its exit follows, and tells more
  running.pair =
      std::make_unique<io::Seqpacket>(loop_, running.process->take_pair(), closer_.closing(), std::move(handlers));
  return {};
}

void Children::move_end(gate::SessionId session, const gate::Ends& killed_at) {
  guard_.move(session, killed_at.at, killed_at.wall);
}

void Children::kill(gate::SessionId session) {
  if (const auto found = running_.find(session); found != running_.end()) found->second.process->kill();
}

bool Children::send(gate::SessionId session, const pair::FromGate& message, std::vector<io::Descriptor> descriptors) {
  const auto found = running_.find(session);
  if (found == running_.end()) return false;
  Buffer packet = pair::encode(message);
  const bool sent = found->second.pair->send(packet, std::move(descriptors)).has_value();
  if (std::holds_alternative<pair::JoinKey>(message)) wipe(packet);
  return sent;
}

}  // namespace quoin::apps

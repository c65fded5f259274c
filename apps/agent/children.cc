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

Children::Children(io::Loop& loop, io::ProcessGuard& guard, io::Closer& closer, io::Program program, Handlers handlers)
    : loop_(loop), guard_(guard), closer_(closer), program_(std::move(program)), handlers_(std::move(handlers)) {}

Result<void, std::string> Children::start(gate::SessionId session, const std::string& device,
                                          const gate::Ends& killed_at, Roots roots) {
  const auto over = [this, session](auto tell) {
    guard_.forget(session);
    loop_.post([this, session, tell = std::move(tell)] {
      running_.erase(session);
      tell();
    });
  };
  const auto started = [this, session, over](Result<void, io::SystemError> done) {
    if (done) return handlers_.started(session);
    over([this, session, why = done.error().text()] { handlers_.failed(session, why); });
  };
  const auto exited = [this, session, over](io::ExitStatus status) {
    std::string how = (status.by_signal ? "signal " : "exit status ") + std::to_string(status.value);
    over([this, session, how = std::move(how)] { handlers_.exited(session, how); });
  };
  auto child = io::Child::start(loop_,
                                {.program = program_,
                                 .descriptors_max = gate::Flows::tunnel_descriptors_max,
                                 .user = user_for(session),
                                 .name = device},
                                {.started = started, .exited = exited});
  if (!child) return failure(child.error().text());
  auto handle = (*child)->handle();
  std::string why;
  if (!handle) {
    why = handle.error().text();
  } else if (!guard_.watch(session, device, std::move(*handle), killed_at.at, killed_at.wall)) {
    why = "it was closed meanwhile";
  }
  if (!why.empty()) {
    closer_.close((*child)->take_pair());
    return failure(std::move(why));
  }
  Running& running = running_[session];
  running.process = std::move(*child);
  running.roots = std::move(roots);
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

Children::Roots Children::take_roots(gate::SessionId session) {
  const auto found = running_.find(session);
  return found == running_.end() ? Roots() : std::exchange(found->second.roots, Roots());
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

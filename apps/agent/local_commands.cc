#include "local_commands.h"

#include <algorithm>
#include <utility>

#include "gate/stopped_reply.h"
#include "io/accounts.h"
#include "io/clock.h"

namespace quoin::apps {
namespace {

std::string line_of(const gate::Reply& reply) {
  std::string line = gate::encode(reply);
  while (line.ends_with('\n')) line.pop_back();  // whoever sends it adds one
  return line;
}

gate::Caller by_number(std::uint32_t user, bool in_group) {
  return {.uid = user, .name = user == 0 ? "root" : std::to_string(user), .in_group = in_group};
}

}  // namespace

LocalCommands::LocalCommands(io::Loop& loop, io::ProcessGuard& guard, io::Closer& closer, Handlers handlers)
    : loop_(loop), guard_(guard), closer_(closer), handlers_(std::move(handlers)), directory_(loop) {}

void LocalCommands::listen(io::ListeningSocket socket) {
  listener_ = std::make_unique<io::UnixListener>(
      loop_, std::move(socket), closer_,
      [this](std::unique_ptr<io::LineConnection> connection) { accept(std::move(connection)); });
}

// ---- agent.sock -------------------------------------------------------------------------------------------------

bool LocalCommands::has_room_for(std::uint32_t user) const {
  std::size_t all = 0, of_others = 0, of_user = 0;
  for (const auto& [id, each] : connections_) {
    if (!each.line) continue;
    all++;
    of_others += each.user == 0 ? 0 : 1;
    of_user += each.user == user ? 1 : 0;
  }
  if (user == 0) return all < connections_max;
  return of_user < connections_of_one_user && of_others < connections_max - connections_kept_for_root &&
         all < connections_max;
}

// One person may be many users (user_namespaces(7)): whoever holds a place and asks nothing leaves it to a newcomer.
bool LocalCommands::make_room_for(std::uint32_t user) {
  if (has_room_for(user)) return true;
  const auto of_user = std::ranges::count_if(
      connections_, [&](const auto& each) { return each.second.line && each.second.user == user; });
  const bool has_share = static_cast<std::size_t>(of_user) < connections_of_one_user;
  const auto silent = std::ranges::find_if(connections_, [&](const auto& each) {
    return each.second.line && !each.second.has_asked && each.second.user != 0 &&
           (has_share || each.second.user == user);
  });
  if (silent == connections_.end()) return false;
  connections_.erase(silent);
  return has_room_for(user);
}

void LocalCommands::accept(std::unique_ptr<io::LineConnection> connection) {
  if (!make_room_for(connection->peer().user)) return;  // destroyed: closed
  const gate::CommandId id = ++last_id_;
  Connection& added = connections_[id];
  added.user = connection->peer().user;
  added.since = io::now();
  // Whoever connects and says nothing takes somebody else's place.
  added.patience = std::make_unique<io::Timer>(loop_, [this, id] { connections_.erase(id); });
  added.patience->set(added.since + silence_max);
  added.line = std::move(connection);
  added.line->start({.line = [this, id](std::string_view text) { listen_to(id, text); },
                     .closed =
                         [this, id] {
                           loop_.post([this, id] {
                             if (connections_.erase(id) > 0) handlers_.gone(id);
                           });
                         }});
}

void LocalCommands::listen_to(gate::CommandId id, std::string_view text) {
  Connection& connection = connections_.at(id);
  if (std::exchange(connection.has_asked, true)) return;  // one command a connection: the gate knows both by one id
  connection.request = gate::decode_request(bytes_of(text));
  // The group is the one that the socket was given, and the kernel knows who is in it.
  const io::PeerCredentials peer = connection.line->peer();
  const auto number = listener_->group();
  find_out_who(id, by_number(peer.user, number && peer.in_group(*number)), directory_patience);
}

// Root needs no directory to be root, nor does a member need one now. Only for a name one is asked, and who closes a
// device does not wait for it long.
void LocalCommands::find_out_who(gate::CommandId id, const gate::Caller& unknown, Duration patience) {
  if (unknown.uid == 0) return present(id, unknown);
  Connection& connection = connections_.at(id);
  connection.patience = std::make_unique<io::Timer>(loop_, [this, id, unknown] { present(id, unknown); });
  connection.patience->set(io::now() + patience);
  const bool is_asked = directory_.run([this, id, unknown] {
    gate::Caller caller = unknown;
    if (auto name = io::user_name(caller.uid)) caller.name = *std::move(name);
    return io::Callback([this, id, caller = std::move(caller)]() mutable { present(id, std::move(caller)); });
  });
  if (!is_asked) present(id, unknown);
}

void LocalCommands::present(gate::CommandId id, gate::Caller caller) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second.request) return;  // it has hung up, or was not waited for
  Connection& connection = found->second;
  auto request = *std::exchange(connection.request, std::nullopt);
  connection.patience.reset();
  const bool overtaken = stopped_ && connection.since <= *stopped_;
  handlers_.arrived({id, std::move(caller), std::move(request), overtaken});
}

void LocalCommands::send_update(gate::CommandId id, const gate::Reply& reply) {
  const auto found = connections_.find(id);
  if (found != connections_.end() && found->second.line) found->second.line->send_line(line_of(reply));
}

void LocalCommands::send_reply(gate::CommandId id, const gate::Reply& reply) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (found->second.stop) {
    guard_.answer(*found->second.stop, line_of(reply));
    connections_.erase(found);
    return;
  }
  found->second.line->send_line(line_of(reply));
  found->second.line->finish();
}

// ---- the stop socket --------------------------------------------------------------------------------------------

void LocalCommands::take_stops() {
  for (io::ProcessGuard::Stop& each : guard_.take()) take_stop(std::move(each));
}

void LocalCommands::take_stop(io::ProcessGuard::Stop stop) {
  if (stop.id > newest_stop_) {
    newest_stop_ = stop.id;
    if (listener_) listener_->accept_waiting();
    stopped_ = io::now();
  }
  if (stop.by_signal) return handlers_.stop();  // once more does no harm
  const auto known = std::ranges::find_if(connections_, [&](const auto& each) { return each.second.stop == stop.id; });
  const gate::CommandId id = known == connections_.end() ? ++last_id_ : known->first;
  Connection& connection = connections_[id];
  if (known == connections_.end()) {
    connection.stop = stop.id;
    connection.user = stop.user;
    connection.request = gate::Request(gate::CloseRequest{stop.name});
  }
  // Who may connect there may stop. What has been stopped already is written down before anything else is.
  const gate::Caller unknown = by_number(stop.user, true);
  if (stop.is_done) return present(id, unknown);
  find_out_who(id, unknown, directory_patience_of_stops);
}

io::ProcessGuard::Words LocalCommands::words(std::vector<std::string> devices) {
  const auto understand =
      [devices = std::move(devices)](std::string_view line) -> Result<io::ProcessGuard::Wish, std::string> {
    auto request = gate::decode_request(bytes_of(line));
    if (!request) return failure(line_of(gate::reply(gate::ExitCode::wrong_usage, request.error())));
    const auto* close = std::get_if<gate::CloseRequest>(&*request);
    if (close == nullptr) {
      return failure(line_of(gate::reply(
          gate::ExitCode::wrong_usage, "This socket only closes devices; ask for anything else at the agent's own.")));
    }
    const bool is_known = !close->device || std::ranges::find(devices, *close->device) != devices.end();
    return io::ProcessGuard::Wish{close->device, is_known};
  };
  const auto answer = [](const io::ProcessGuard::Outcome& outcome) {
    return line_of(gate::stopped_reply({.device = outcome.wish.name,
                                        .is_known = outcome.wish.is_known,
                                        .killed = outcome.killed,
                                        .gate_answers = outcome.loop_took_it,
                                        .all_gone = outcome.all_gone}));
  };
  return {.understand = understand, .answer = answer};
}

}  // namespace quoin::apps

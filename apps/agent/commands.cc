#include "commands.h"

#include <cstdio>
#include <utility>

#include "audit_files.h"
#include "io/files.h"
#include "io/unix_client.h"

namespace quoin::apps {
namespace {

constexpr Duration answer_time_max =
    seconds(40);  // an open takes 20 s at most, and what it started may have to end first

using Complaint = std::pair<gate::ExitCode, std::string>;

gate::ExitCode complain(gate::ExitCode code, const std::string& sentence) {
  std::fprintf(stderr, "quoin-agent: %s\n", sentence.c_str());
  return code;
}

// After everything has been printed.
gate::ExitCode printed() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return gate::ExitCode::done;
  return complain(gate::ExitCode::failed, "what was asked for is done, but the answer could not be printed");
}

Complaint describe(io::ClientError error, const std::string& socket) {
  switch (error) {
    case io::ClientError::not_running:
      return {gate::ExitCode::not_reachable,
              "no agent listens on " + socket +
                  ": start it with quoin-agent run --config FILE, or name its socket with --socket"};
    case io::ClientError::not_permitted:
      return {gate::ExitCode::refused,
              socket + " is for root and the group quoin: use sudo, or have your account added to that group"};
    case io::ClientError::closed:
      return {gate::ExitCode::failed, "the agent ended the connection without an answer: see its log"};
    case io::ClientError::timed_out: return {gate::ExitCode::failed, "the agent did not answer in time: see its log"};
    case io::ClientError::failed:
      return {gate::ExitCode::failed,
              socket + " cannot be used: check that the path is right and short enough for a socket"};
  }
  std::unreachable();
}

// To stop something is asked for where the agent's loop is not needed.
std::string way_to(const std::string& socket, const gate::Request& request) {
  return std::holds_alternative<gate::CloseRequest>(request) ? gate::stop_socket_beside(socket) : socket;
}

Result<io::UnixClient, Complaint> ask(const std::string& socket, const gate::Request& request) {
  auto client = io::UnixClient::connect(way_to(socket, request));
  if (!client) return failure(describe(client.error(), socket));
  std::string line = gate::encode(request);
  while (line.ends_with('\n')) line.pop_back();
  if (const auto sent = client->send_line(line); !sent) return failure(describe(sent.error(), socket));
  return std::move(*client);
}

bool is_watching(const SocketCommand& command) {
  const auto* status = std::get_if<gate::StatusRequest>(&command.request);
  return status != nullptr && status->watch;
}

Result<gate::Reply, Complaint> understood(const std::string& line) {
  auto reply = gate::decode_reply(bytes_of(line));
  if (reply) return std::move(*reply);
  return failure(Complaint(gate::ExitCode::failed,
                           "the agent's answer cannot be read: are both of one version? " + reply.error()));
}

Result<gate::Reply, Complaint> ask_once(const std::string& socket, const gate::Request& request) {
  auto client = TRY(ask(socket, request));
  const auto line = client.receive_line(answer_time_max);
  if (!line) return failure(describe(line.error(), socket));
  return understood(*line);
}

void print(const gate::Reply& reply, bool as_json) {
  const std::string text = as_json ? gate::status_json(reply) : reply.text;
  std::fputs(text.c_str(), stdout);
  if (!text.ends_with('\n')) std::fputc('\n', stdout);
}

bool is_missing(const io::Folder& state, std::string_view name) {
  const auto file = io::open_for_reading(state, std::string(name));
  return !file && file.error().error == io::FileError::missing;
}

// Until Ctrl-C ends us, or the agent goes.
gate::ExitCode watch(const SocketCommand& command) {
  auto client = ask(command.socket, command.request);
  if (!client) return complain(client.error().first, client.error().second);
  for (bool first = true;; first = false) {
    const auto line = client->receive_line(first ? answer_time_max : Duration(hours(24) * 365));
    if (!line && (first || line.error() != io::ClientError::closed)) {
      const Complaint complaint = describe(line.error(), command.socket);
      return complain(complaint.first, complaint.second);
    }
    if (!line) {
      return complain(gate::ExitCode::not_reachable, "the agent on " + command.socket +
                                                         " has gone: nothing is open "
                                                         "any more; start it again with quoin-agent run --config FILE");
    }
    const auto reply = understood(*line);
    if (!reply) return complain(reply.error().first, reply.error().second);
    if (reply->code != gate::ExitCode::done) return complain(reply->code, reply->text);
    if (!first && !command.as_json) std::fputc('\n', stdout);
    print(*reply, command.as_json);
    if (const auto code = printed(); code != gate::ExitCode::done) return code;
  }
}

}  // namespace

gate::ExitCode perform(const SocketCommand& command) {
  if (is_watching(command)) return watch(command);
  const auto reply = ask_once(command.socket, command.request);
  if (!reply) return complain(reply.error().first, reply.error().second);
  if (reply->code != gate::ExitCode::done) return complain(reply->code, reply->text);
  print(*reply, command.as_json);
  return printed();
}

gate::ExitCode perform(const AuditCommand& command) {
  std::string state_dir = command.state_dir.value_or(usual_state_dir);
  if (!command.state_dir) {
    const auto reply = ask_once(command.socket, gate::StatusRequest{});
    if (reply && !reply->audit_file.empty()) {
      state_dir = reply->audit_file.substr(0, reply->audit_file.rfind('/'));
    } else if (command.socket != usual_socket) {
      return complain(
          gate::ExitCode::not_reachable,
          "no agent on " + command.socket + " to ask where its audit file is: name its folder with --state-dir");
    }
  }
  const std::string file = state_dir + "/" + gate::audit_file_name(1);
  const auto state = io::Folder::as_it_is(state_dir);
  if (!state && state.error().error != io::FileError::missing)
    return complain(gate::ExitCode::failed, state.error().text);
  if (!state || (is_missing(*state, gate::audit_file_name(1)) &&
                 (command.action == AuditAction::show || is_missing(*state, gate::audit_head_name)))) {
    return complain(gate::ExitCode::failed,
                    "there is no audit file " + file + ": name the agent's state folder with --state-dir");
  }
  if (command.action == AuditAction::show) {
    const auto read = read_audit(*state, [](Bytes piece) { std::fwrite(piece.data(), 1, piece.size(), stdout); });
    if (!read) return complain(gate::ExitCode::failed, read.error());
    return printed();
  }
  const auto verdict = verify_audit(*state);
  if (!verdict) return complain(gate::ExitCode::failed, verdict.error());
  const std::string last = state->path_of(gate::audit_file_name(verdict->file));
  if (verdict->fault) return complain(gate::ExitCode::failed, last + ": " + verdict->sentence());
  std::printf("%s: %s\n", last.c_str(), verdict->sentence().c_str());
  return printed();
}

}  // namespace quoin::apps

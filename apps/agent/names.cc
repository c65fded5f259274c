#include "names.h"

#include <optional>
#include <utility>

#include "children.h"
#include "io/clock.h"
#include "io/log.h"

namespace quoin::apps {
namespace {

constexpr std::size_t descriptors_max = 256;  // its loop, its pair, and sockets for each name under way

}  // namespace

void Names::begin(gate::SessionId session, const std::string& device, const gate::Ends& killed_at) {
  sessions_[session] = {.device = device, .killed_at = killed_at, .process = {}, .questions = {}, .idle = {}};
}

void Names::move_end(gate::SessionId session, const gate::Ends& killed_at) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  found->second.killed_at = killed_at;
  if (const auto process = found->second.process.lock()) guard_.move(process->key, killed_at.at, killed_at.wall);
}

void Names::resolve(gate::SessionId session, const std::string& host, Done done) {
  const auto begun = sessions_.find(session);
  if (begun == sessions_.end()) {
    return loop_.post([done = std::move(done)] { done(pair::NameOutcome::failed, {}); });
  }
  const std::uint32_t number = ++last_number_;
  Session& of = begun->second;
  if (!of.idle) of.idle = std::make_unique<io::Timer>(loop_, [this, session] { lose(session); });
  of.idle->clear();
  auto& questions = of.questions;
  const bool is_too_many = questions.size() >= asked_at_once_max;
  Question& question = questions[number];
  question.done = std::move(done);
  question.patience = std::make_unique<io::Timer>(loop_, [this, session, number] { give_up(session, number); });
  question.patience->set(io::now() + patience);
  if (const auto literal = IpAddress::parse(host); literal || is_too_many || !pair::is_name(host)) {
    return loop_.post([this, session, number, literal, is_too_many] {
      if (literal) return answer(session, number, pair::NameOutcome::found, {*literal});
      answer(session, number, is_too_many ? pair::NameOutcome::failed : pair::NameOutcome::not_found);
    });
  }
  reads_.begin<io::NameSources>(
      "/etc/resolv.conf", [sources = sources_]() -> Result<io::NameSources, std::string> { return sources(); },
      [this, session, number, host](Result<io::NameSources, std::string> sources) {
        if (sources) return ask(session, number, host, std::move(*sources));
        io::log(io::LogLevel::error, sources.error());
        answer(session, number, pair::NameOutcome::failed);
      });
}

void Names::ask(gate::SessionId id, std::uint32_t number, const std::string& host, io::NameSources sources) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || !found->second.questions.contains(number)) return;
  auto process = found->second.process.lock();
  if (!process) found->second.process = process = start(id, found->second);
  if (!process) return answer(id, number, pair::NameOutcome::failed);
  std::vector<io::Descriptor> beside;
  const bool with_host_table = static_cast<bool>(sources.host_table);
  if (with_host_table) beside.push_back(std::move(sources.host_table));
  for (io::Descriptor& each : sources.servers) beside.push_back(std::move(each));
  const Buffer packet = pair::encode(pair::NameQuestion{number, with_host_table, host});
  if (!process->pair->send(packet, std::move(beside))) lose(id);
}

std::shared_ptr<Names::Process> Names::start(gate::SessionId id, const Session& session) {
  const auto user =
      io::may_give(Children::resolving_users) ? std::optional(Children::resolving_users.first) : std::nullopt;
  const auto process = std::make_shared<Process>();
  process->key = next_key_++;
  const auto place = processes_.insert(processes_.end(), process);
  const std::weak_ptr<Process> watched = process;
  const auto ended = [this, id, watched] {
    const auto found = sessions_.find(id);
    const auto current = watched.lock();
    if (current && found != sessions_.end() && found->second.process.lock() == current) lose(id);
  };
  const auto over = [this, ended, place, key = process->key] {
    guard_.forget(key);
    loop_.post([this, ended, place] {
      ended();
      processes_.erase(place);
    });
  };
  auto child = io::Child::start(
      loop_, {.program = program_, .descriptors_max = descriptors_max, .user = user, .name = "quoin-resolver"},
      {.started =
           [over](Result<void, io::SystemError> done) {
             if (done) return;
             io::log(io::LogLevel::error, "names cannot be resolved: " + done.error().text());
             over();
           },
       .exited = [over](io::ExitStatus) { over(); }});
  if (!child) {
    io::log(io::LogLevel::error, "names cannot be resolved: " + child.error().text());
    processes_.erase(place);
    return nullptr;
  }
  process->child = std::move(*child);
  auto handle = process->child->handle();
  if (!handle ||
      !guard_.watch(process->key, session.device, std::move(*handle), session.killed_at.at, session.killed_at.wall)) {
    process->child->kill();  // and its exit is awaited like any other's
    return nullptr;
  }
  io::Seqpacket::Handlers handlers;
  handlers.received = [this, id, ended](io::Seqpacket::Received packet) {
    if (!listen(id, packet)) loop_.post(ended);
  };
  handlers.closed = [this, ended] { loop_.post(ended); };
  process->pair =
      std::make_unique<io::Seqpacket>(loop_, process->child->take_pair(), closer_.closing(), std::move(handlers));
  return process;
}

// It is taken for hostile: an answer counts for a question that was asked, once, and anything else ends it.
bool Names::listen(gate::SessionId session, const io::Seqpacket::Received& packet) {
  auto answered = packet.cut || packet.descriptors_lost ? std::nullopt : pair::decode_name_answer(packet.bytes);
  if (!answered) return false;
  answer(session, answered->number, answered->outcome, std::move(answered->addresses));
  return true;
}

// One that does not even take its questions has sockets of its session's waiting in its queue.
void Names::give_up(gate::SessionId session, std::uint32_t number) {
  const auto found = sessions_.find(session);
  const auto process = found == sessions_.end() ? nullptr : found->second.process.lock();
  if (process && process->pair && !process->pair->all_sent()) return lose(session);
  answer(session, number, pair::NameOutcome::failed);
}

void Names::answer(gate::SessionId session, std::uint32_t number, pair::NameOutcome outcome,
                   std::vector<IpAddress> addresses) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  auto question = found->second.questions.extract(number);
  if (!question) return;                                           // its time was over
  loop_.post([timer = std::move(question.mapped().patience)] {});  // it may be the one that calls
  if (found->second.questions.empty()) found->second.idle->set(io::now() + kept_);
  question.mapped().done(outcome, std::move(addresses));
}

void Names::lose(gate::SessionId session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  if (const auto process = std::exchange(found->second.process, {}).lock()) process->child->kill();
  while (!found->second.questions.empty()) {
    const std::uint32_t number = found->second.questions.begin()->first;
    answer(session, number, pair::NameOutcome::failed);
    if (!sessions_.contains(session)) return;
  }
}

void Names::end(gate::SessionId session) {
  lose(session);
  sessions_.erase(session);
}

}  // namespace quoin::apps

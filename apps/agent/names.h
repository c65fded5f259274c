// Names to addresses, for each session in a process of its own (quoin-resolver), so that what one session asks delays
// no other's, and what name servers answer is read where it can do little. A process starts with a question, and goes
// when none has followed for a while, or with its session.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "file_reads.h"
#include "gate/effects.h"
#include "io/closer.h"
#include "io/name_server_sockets.h"
#include "io/process_guard.h"
#include "io/seqpacket.h"
#include "io/spawn.h"
#include "pair/name_question.h"
#include "watch_keys.h"

namespace quoin::apps {

class Names {
 public:
  static constexpr Duration patience = seconds(12);  // for one name
  static constexpr Duration usually_kept = seconds(10);
  static constexpr std::size_t asked_at_once_max = 32;  // for one session; more fail
  // Not `found`: no addresses. `failed`: nobody answered in time.
  using Done = std::function<void(pair::NameOutcome, std::vector<IpAddress>)>;

  using Sources = std::function<io::NameSources()>;  // called on the thread that reads files

  // program: quoin-resolver, which is kept for so long after the last answer. Each is killed by the guard at the latest
  // when its session's tunnel is.
  Names(
      io::Loop& loop, io::ProcessGuard& guard, io::Closer& closer, FileReads& reads, io::Program program,
      Sources sources = [] { return io::open_name_sources(pair::name_servers_max); }, Duration kept = usually_kept)
      : loop_(loop),
        guard_(guard),
        closer_(closer),
        reads_(reads),
        program_(std::move(program)),
        sources_(std::move(sources)),
        kept_(kept) {}

  void begin(gate::SessionId session, const std::string& device, const gate::Ends& killed_at);
  void move_end(gate::SessionId session, const gate::Ends& killed_at);
  // Of a session that has begun. Called back from the loop, once.
  void resolve(gate::SessionId session, const std::string& host, Done done);
  void end(gate::SessionId session);  // what is under way has failed

 private:
  struct Question {
    Done done;
    std::unique_ptr<io::Timer> patience;
  };
  struct Process {
    io::ProcessGuard::Key key;
    std::unique_ptr<io::Child> child;
    std::unique_ptr<io::Seqpacket> pair;
  };
  struct Session {
    std::string device;
    gate::Ends killed_at;
    std::weak_ptr<Process> process;  // none: it has not been needed yet, or has gone
    std::map<std::uint32_t, Question> questions;
    std::unique_ptr<io::Timer> idle;
  };

  void ask(gate::SessionId session, std::uint32_t number, const std::string& host, io::NameSources sources);
  std::shared_ptr<Process> start(gate::SessionId id, const Session& session);
  void give_up(gate::SessionId session, std::uint32_t number);
  bool listen(gate::SessionId session, const io::Seqpacket::Received& packet);
  void lose(gate::SessionId session);
  void answer(gate::SessionId session, std::uint32_t number, pair::NameOutcome outcome,
              std::vector<IpAddress> addresses = {});

  io::Loop& loop_;
  io::ProcessGuard& guard_;
  io::Closer& closer_;
  FileReads& reads_;
  io::Program program_;
  Sources sources_;
  Duration kept_;
  std::map<gate::SessionId, Session> sessions_;
  std::list<std::shared_ptr<Process>> processes_;  // that run, or have been killed
  std::uint32_t last_number_ = 0;
  io::ProcessGuard::Key next_key_ = first_resolver_key;
};

}  // namespace quoin::apps

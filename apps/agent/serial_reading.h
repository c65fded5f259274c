// One run of quoin-snmp: the question and its socket go in, the answer comes out, and the process is gone. Whatever
// else it does (ends, says nothing, says something else) is no answer.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "io/closer.h"
#include "io/process_guard.h"
#include "io/seqpacket.h"
#include "io/spawn.h"
#include "io/timer.h"
#include "pair/serial_question.h"

namespace quoin::apps {

// Destroying it kills the process and waits for nothing: `processes` keep it until its exit was seen, from the loop.
// `done` may destroy it only later, from the loop.
class SerialReading {
 public:
  using Done = std::move_only_function<void(pair::SerialAnswer)>;
  using Processes = std::list<std::shared_ptr<io::Child>>;  // that run, or have been killed; outlives the loop's turns
  struct Surroundings {
    io::Loop& loop;
    io::Closer& closer;
    io::ProcessGuard& guard;  // kills it, too, when its time is over or a person closes the device
    Processes& processes;
    const io::Program& program;  // quoin-snmp
  };
  struct Question {
    std::string device_name;
    io::Descriptor socket;  // connected to the device
    pair::SerialQuestion asked;
    Duration within;
  };
  // The error is a sentence for the log.
  static Result<std::unique_ptr<SerialReading>, std::string> start(const Surroundings& around, Question question,
                                                                   Done done);
  ~SerialReading();

 private:
  SerialReading(io::Loop& loop, Done done) : done_(std::move(done)), timer_(loop, [this] { finish({}); }) {}
  void finish(pair::SerialAnswer answer);
  void kill();

  Done done_;
  io::Timer timer_;
  std::weak_ptr<io::Child> process_;
  std::unique_ptr<io::Seqpacket> pair_;
};

}  // namespace quoin::apps

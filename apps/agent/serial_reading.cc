#include "serial_reading.h"

#include <optional>
#include <utility>

#include "children.h"
#include "io/clock.h"
#include "io/log.h"
#include "watch_keys.h"

namespace quoin::apps {
namespace {

constexpr std::size_t descriptors_max = 32;  // its loop, its pair, standard error, and the one socket

}  // namespace

Result<std::unique_ptr<SerialReading>, std::string> SerialReading::start(const Surroundings& around, Question question,
                                                                         Done done) {
  auto& [loop, closer, guard, processes, program] = around;
  static io::ProcessGuard::Key next_key = first_reading_key;
  const io::ProcessGuard::Key key = next_key++;
  std::unique_ptr<SerialReading> reading(new SerialReading(loop, std::move(done)));
  SerialReading* self = reading.get();
  const auto user = io::may_give(Children::reading_users) ? std::optional(Children::reading_users.first) : std::nullopt;
  // What it says, its pair has told before it exits.
  const auto place = processes.emplace(processes.end());
  const auto over = [&loop, &guard, &processes, place, key] {
    guard.forget(key);
    loop.post([&processes, place] { processes.erase(place); });
  };
  const auto started = [over](Result<void, io::SystemError> done) {
    if (done) return;
    io::log(io::LogLevel::error, "a device cannot be asked by SNMP: " + done.error().text());
    over();
  };
  auto process = io::Child::start(
      loop, {.program = program, .descriptors_max = descriptors_max, .user = user, .name = "quoin-snmp"},
      {.started = started, .exited = [over](io::ExitStatus) { over(); }});
  if (!process) {
    processes.erase(place);
    return failure("a device cannot be asked by SNMP: " + process.error().text());
  }
  *place = std::move(*process);
  reading->process_ = *place;
  auto handle = (*place)->handle();
  if (!handle || !guard.watch(key, question.device_name, std::move(*handle), io::now() + question.within,
                              io::wall_time() + question.within)) {
    return failure<std::string>("a device cannot be asked by SNMP: it was closed meanwhile");
  }
  io::Seqpacket::Handlers handlers;
  handlers.received = [self](io::Seqpacket::Received packet) {
    const auto answer = packet.cut || packet.descriptors_lost ? std::nullopt : pair::decode_answer(packet.bytes);
    self->finish(answer.value_or(pair::SerialAnswer{}));
  };
  handlers.closed = [self] { self->finish({}); };
  reading->pair_ = std::make_unique<io::Seqpacket>(loop, (*place)->take_pair(), closer.closing(), std::move(handlers));
  std::vector<io::Descriptor> beside;
  beside.push_back(std::move(question.socket));
  if (!reading->pair_->send(pair::encode(question.asked), std::move(beside))) {
    return failure<std::string>("a device cannot be asked by SNMP: quoin-snmp does not take the question");
  }
  reading->timer_.set(io::now() + question.within);
  return reading;
}

SerialReading::~SerialReading() {
  kill();
}

void SerialReading::kill() {
  if (const auto running = process_.lock()) running->kill();
}

void SerialReading::finish(pair::SerialAnswer answer) {
  timer_.clear();
  kill();
  if (Done done = std::exchange(done_, nullptr)) done(std::move(answer));
}

}  // namespace quoin::apps

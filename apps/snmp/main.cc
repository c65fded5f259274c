// quoin-snmp: asks one device for its serial number. Started by quoin-agent with one socket pair and nothing else, for
// one question; never by hand. What a stranger on the customer's network answers is parsed here, behind the sandbox,
// and not in the gate.
#include <cstdio>
#include <memory>

#include "io/clock.h"
#include "io/limits.h"
#include "io/log.h"
#include "io/sandbox.h"
#include "io/seqpacket.h"
#include "serial_question.h"
#include "version.h"

namespace {

using namespace quoin;

constexpr int pair_number = 3;  // io/spawn.h of the gate's side

int refuse(const char* why) {
  std::fprintf(stderr, "quoin-snmp: %s\n", why);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (quoin::apps::answers_version(argc, argv, "quoin-snmp")) return 0;
  io::start_log("quoin-snmp", io::LogLevel::info);
  io::Descriptor pair_end(pair_number);
  const auto has_parent = argc == 1 ? io::die_with_parent(pair_end) : Result<bool, io::SystemError>(false);
  if (!has_parent || !*has_parent) return refuse("this program is started by quoin-agent, to ask one device");
  static_cast<void>(
      io::keep_out_of_swap(io::Capabilities::given_up));  // the gate and the tunnels say if that cannot be
  apps::SerialQuestion::prepare();

  io::Loop loop;
  std::unique_ptr<io::Seqpacket> gate;
  std::unique_ptr<apps::SerialQuestion> question;
  io::Seqpacket::Handlers handlers;
  handlers.received = [&](io::Seqpacket::Received packet) {
    auto asked = pair::decode_question(packet.bytes);
    if (question || !asked || packet.descriptors.size() != 1) return loop.stop();
    question = std::make_unique<apps::SerialQuestion>(
        loop, std::move(packet.descriptors.front()), *std::move(asked), [&](const pair::SerialAnswer& answer) {
          static_cast<void>(gate->send(pair::encode(answer)));  // if the gate has gone, nobody minds
          loop.stop();
        });
    question->ask();
  };
  handlers.closed = [&] { loop.stop(); };
  gate = std::make_unique<io::Seqpacket>(loop, std::move(pair_end), 1, std::move(handlers));
  io::Timer patience(loop, [&] { loop.stop(); });
  patience.set(io::now() + pair::serial_wait + seconds(1));
  if (!io::enter_sandbox()) return refuse("cannot give up its rights: the kernel refuses the sandbox");
  loop.run();
  return 0;
}

// quoin-resolver: turns the names of one session into addresses. Started by quoin-agent with one socket pair and
// nothing else, for as long as the session; never by hand. What name servers, and whoever poses as one, answer is
// parsed here, behind the sandbox, and not in the gate.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "io/descriptor.h"
#include "io/limits.h"
#include "io/log.h"
#include "io/sandbox.h"
#include "io/seqpacket.h"
#include "name_lookup.h"
#include "pair/name_question.h"
#include "version.h"

namespace {

using namespace quoin;

constexpr int pair_number = 3;  // io/spawn.h of the gate's side
constexpr std::size_t host_table_bytes_max = 1024 * 1024;

int refuse(const char* why) {
  std::fprintf(stderr, "quoin-resolver: %s\n", why);
  return 2;
}

std::vector<IpAddress> in_host_table(const io::Descriptor& file, const std::string& name) {
  const auto table = io::read_to_end(file, host_table_bytes_max);
  return table ? pair::addresses_in_host_table(text_of(*table), name) : std::vector<IpAddress>();
}

}  // namespace

int main(int argc, char** argv) {
  if (quoin::apps::answers_version(argc, argv, "quoin-resolver")) return 0;
  io::start_log("quoin-resolver", io::LogLevel::info);
  io::Descriptor pair_end(pair_number);
  const auto has_parent = argc == 1 ? io::die_with_parent(pair_end) : Result<bool, io::SystemError>(false);
  if (!has_parent || !*has_parent) return refuse("this program is started by quoin-agent, one for each session");
  static_cast<void>(
      io::keep_out_of_swap(io::Capabilities::given_up));  // the gate and the tunnels say if that cannot be

  io::Loop loop;
  apps::NameLookup lookup(loop);
  if (!lookup.is_ready()) return refuse("c-ares cannot be set up: is /etc/resolv.conf readable for everybody?");
  std::unique_ptr<io::Seqpacket> gate;
  const auto answer = [&](const pair::NameAnswer& each) {
    if (!gate->send(pair::encode(each))) loop.stop();
  };
  io::Seqpacket::Handlers handlers;
  handlers.received = [&](io::Seqpacket::Received packet) {
    auto question = pair::decode_name_question(packet.bytes);
    if (!question || packet.descriptors_lost) return loop.stop();
    std::vector<io::Descriptor> servers = std::move(packet.descriptors);
    if (question->with_host_table) {
      if (servers.empty()) return loop.stop();
      auto found = in_host_table(servers.front(), question->name);
      servers.erase(servers.begin());
      if (!found.empty()) return answer({question->number, pair::NameOutcome::found, std::move(found)});
    }
    lookup.begin(question->name, std::move(servers), [answer, number = question->number](auto outcome, auto addresses) {
      answer({number, outcome, std::move(addresses)});
    });
  };
  handlers.closed = [&] { loop.stop(); };
  gate = std::make_unique<io::Seqpacket>(loop, std::move(pair_end), 1 + pair::name_servers_max, std::move(handlers));
  if (!io::enter_sandbox()) return refuse("cannot give up its rights: the kernel refuses the sandbox");
  loop.run();
  return 0;
}

// quoin-tunnel: one open device. Started by quoin-agent with one socket pair and nothing else; never by hand.
#include <cstdio>

#include "crypto/start.h"
#include "io/limits.h"
#include "io/log.h"
#include "io/sandbox.h"
#include "tunnel_process.h"
#include "version.h"

namespace {

constexpr int pair_number = 3;  // io/spawn.h of the gate's side

int refuse(const char* why) {
  std::fprintf(stderr, "quoin-tunnel: %s\n", why);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (quoin::apps::answers_version(argc, argv, "quoin-tunnel")) return 0;
  using namespace quoin;
  io::start_log("quoin-tunnel", io::LogLevel::info);
  io::Descriptor pair(pair_number);
  const auto has_parent = argc == 1 ? io::die_with_parent(pair) : Result<bool, io::SystemError>(false);
  if (!has_parent || !*has_parent) return refuse("this program is started by quoin-agent, one for each open device");
  if (!crypto::start()) return refuse("the system gives no entropy");
  const auto locked = io::keep_out_of_swap(io::Capabilities::given_up);
  if (!locked && io::has_swap()) {
    io::log(io::LogLevel::warning,
            "keys may get into swap: run quoin-agent with LimitMEMLOCK=infinity, or without swap");
  }
  io::prepare_tls();

  io::Loop loop;
  apps::TunnelProcess process(loop, std::move(pair));
  if (!io::enter_sandbox()) return refuse("cannot give up its rights: the kernel refuses the sandbox");
  loop.run();
  return 0;
}

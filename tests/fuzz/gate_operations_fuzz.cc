// A gate whose tunnels are taken over, at a site where commands, clocks, disk, devices and network do as the input
// says. The simulated edge notes every promise that is broken: a dial to anywhere but the pinned device or a guarded
// server, a word to a tunnel that was killed, anything but "go" after a deadline, a descriptor lost.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "gate/hostile_tunnel.h"

namespace {

using namespace quoin;

// The input as a source of chance; zeros once it is used up.
class InputRandom final : public Random {
 public:
  explicit InputRandom(Bytes input) : rest_(input) {}
  void fill(MutableBytes out) override {
    std::ranges::fill(out, std::byte{0});
    // Small choices are what is asked for nearly always, so one byte of input makes one choice.
    if (rest_.empty() || out.empty()) return;
    out.back() = rest_.front();
    rest_ = rest_.subspan(1);
  }
  bool used_up() const { return rest_.empty(); }

 private:
  Bytes rest_;
};

void require(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  InputRandom random(Bytes(reinterpret_cast<const std::byte*>(data), size));
  gate::HostileTunnel hostile(random);
  gate::Config config = gate::site_config();
  if (size % 2 == 1) {  // a site that has a proxy
    config.proxy = gate::parse_proxy_url("http://lab:lab@192.168.77.8:3128").value();
    config.proxy->none_for.add("relay.example.com");
  }
  if (size % 3 == 1) config.devices[1].serial = "LABJ00022";
  gate::Site site(config);
  site.listening.insert({gate::at("192.168.77.8"), 3128});
  for (int step = 0; step < 500 && !random.used_up(); step++) {
    hostile.play(site, 1);
    require(site.broken.empty(), site.broken.empty() ? "" : site.broken.front().c_str());
  }
  site.hold_dials = false;
  site.hold_exits = false;
  site.disk_works = true;
  site.release_appends();
  site.command(gate::CloseRequest{});
  site.pass(seconds(10));
  require(site.running() == 0 && site.gate->open_sessions() == 0, "closing closes everything");
  require(site.records("opened") == site.records("closed"), "every opening has its closing");
  require(site.records("flow_opened") == site.records("flow"), "every flow has its end");
  require(site.audit_is_whole(), "the audit file is whole");
  require(site.broken.empty(), site.broken.empty() ? "" : site.broken.front().c_str());
  return 0;
}

// A sequence of map messages, one a line, applied to one map; a line that starts with '!' begins a new stream. What a
// map promises must hold after each.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/netmap.h"

using namespace quoin;
using namespace quoin::control;

namespace {

void check(const Netmap& map, Instant now) {
  if (map.peers().size() > peers_max || map.relays().regions.size() > regions_max) std::abort();
  for (const auto& [id, peer] : map.peers()) {
    if (id <= 0 || peer.id != id || peer.key.is_zero()) std::abort();
    if (map.peer(peer.key) != &peer) std::abort();  // no two with one key
    if (map.self() && (map.self()->id == id || map.self()->key == peer.key)) std::abort();
    if (peer.endpoints.size() > endpoints_max || peer.allowed_ips.size() > allowed_ips_max) std::abort();
    if (peer.home_region < 0 || peer.home_region > 65'535) std::abort();
    (void)map.expires_at(peer, WallTime{seconds(1'790'000'000)}, now);
  }
  if (map.filter_refused() && map.filter().allows(IpAddress(), IpAddress(), 6, 80)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Netmap map;
  Instant now{};
  bool begun = false;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const bool snapshot = line.starts_with('!') || !begun;
    if (line.starts_with('!')) line.remove_prefix(1);
    std::vector<std::string> others;
    const auto message = decode_map_response(bytes_of(line), &others);
    if (!message) continue;
    now += seconds(1);
    const auto before = map.peers();
    const auto change = map.apply(*message, snapshot ? Netmap::Kind::snapshot : Netmap::Kind::change, now);
    if (change) begun = true;
    if (!change && map.peers() != before) std::abort();
    if (change) {
      std::size_t expected = before.size() + change->peers.added.size() - change->peers.removed.size();
      if (map.peers().size() != expected) std::abort();
      if (change->peers.changed.empty() && change->peers.added.empty() && change->peers.removed.empty() &&
          map.peers() != before) {
        std::abort();
      }
    }
    check(map, now);
    if (!decode_map_response(bytes_of(encode(*message)))) std::abort();
  }
  return 0;
}

// Plays operations on one node's Paths: whatever control, relays, STUN servers and peers say, in any order and at any
// time, no datagram goes where it must not, nothing large where nobody has answered, no timer stands in the past, and
// nothing grows without bound.

#include <cstdint>
#include <cstdlib>
#include <set>
#include <utility>

#include "disco/envelope.h"
#include "path/paths.h"

using namespace quoin;
using namespace quoin::path;

namespace {

const Prefix own_network = Prefix::parse("198.51.100.0/24").value();

void require(bool condition) {
  if (!condition) std::abort();
}

// Told apart from the guard's own table on purpose.
bool is_forbidden(const Endpoint& to) {
  const IpAddress& a = to.address;
  return to.port == 0 || is_private(a) || is_loopback(a) || is_link_local(a) || is_multicast(a) || is_shared_nat(a) ||
         is_reserved(a) || is_unspecified(a) || embeds_v4(a) || own_network.contains(a);
}

class Player {
 public:
  explicit Player(Bytes input) : input_(input) {
    for (std::size_t i = 0; i < peers; i++) {
      peer_disco_.push_back(crypto::DiscoPrivateKey::from_bytes({static_cast<std::byte>(i + 10)}));
      peer_node_.emplace_back(std::array<std::byte, 32>{static_cast<std::byte>(i + 1)});
      box_.push_back(*crypto::BoxKey::between(peer_disco_[i].secret_bytes(), paths_.own_disco_key().bytes()));
    }
    paths_.set_sockets({.ipv4 = true, .ipv6 = true}, now_);
  }

  void play() {
    for (int steps = 0; input_.remaining() > 0 && steps < 2000; steps++) {
      step();
      if (input_.u8() % 8 != 0) drain();
      const auto timeout = paths_.poll_timeout();
      if (timeout && *timeout <= now_) {
        paths_.handle_timeout(now_);
        const auto after = paths_.poll_timeout();
        require(!after || *after > now_);
      }
    }
  }

 private:
  static constexpr std::size_t peers = 3;

  std::size_t peer() { return input_.u8() % peers; }
  RegionId region() { return input_.u8() % 5; }
  Endpoint endpoint() {
    const std::uint8_t kind = input_.u8();
    const std::uint16_t port = kind % 16 == 0 ? 0 : 1000 + kind;
    if (kind % 4 == 0) return {.address = IpAddress::v6(input_.array<16>()), .port = port};
    if (kind % 4 == 1) return {.address = IpAddress::v4(input_.u32()), .port = port};
    return {.address = IpAddress::v4(0xcb007100u + kind), .port = port};  // 203.0.113/24
  }
  std::vector<Endpoint> endpoints() {
    std::vector<Endpoint> out;
    for (int i = input_.u8() % 40; i > 0; i--) out.push_back(endpoint());
    return out;
  }
  Place place(std::size_t from) {
    if (input_.u8() % 2 == 0) return endpoint();
    return ViaRelay{.region = region(), .peer = peer_node_[from]};
  }
  disco::Transaction transaction() {
    if (pinged_.empty() || input_.u8() % 2 != 0) return {static_cast<std::byte>(input_.u8())};
    const auto& [transaction, to] = pinged_[input_.u8() % pinged_.size()];
    if (to) answered_.insert(*to);
    return transaction;
  }

  void step() {
    const std::uint8_t operation = input_.u8();
    const std::size_t who = peer();
    if (operation >= 252) {
      const Instant since = now_ - milliseconds(10 * input_.u8());
      if (operation < 254) return paths_.note_received_directly(peer_node_[who], operation == 252 ? 100 : 1312, now_);
      return paths_.note_missing(peer_node_[who], since, operation == 254, now_);
    }
    switch (operation % 18) {
      case 0: now_ += milliseconds(input_.u8()); break;
      case 1: now_ += seconds(input_.u8()); break;
      case 2: {
        const auto key =
            input_.u8() % 4 == 0 ? crypto::DiscoPublicKey(input_.array<32>()) : peer_disco_[who].public_key();
        paths_.set_peer(peer_node_[who], {.disco_key = key, .home_region = region(), .endpoints = endpoints()}, now_);
        break;
      }
      case 3: paths_.remove_peer(peer_node_[who], now_); break;
      case 4: set_map(); break;
      case 5: paths_.set_stun_addresses(region(), endpoints(), now_); break;
      case 6:
        give(who, disco::encode(disco::Ping{.transaction = transaction(),
                                            .node_key = peer_node_[who],
                                            .padding_bytes = std::size_t{operation} / 18}));
        break;
      case 7: give(who, disco::encode(disco::Pong{.transaction = transaction(), .source = endpoint()})); break;
      case 8: give(who, disco::encode(disco::CallMeMaybe{endpoints()})); break;
      case 9: give(who, input_.take(std::min<std::size_t>(input_.u8(), input_.remaining()))); break;
      case 10: paths_.relay_connected(region(), now_); break;
      case 11: paths_.relay_disconnected(region(), now_); break;
      case 12: paths_.note_received_through(region(), peer_node_[who], now_); break;
      case 13: paths_.handle_peer_gone(region(), peer_node_[who], now_); break;
      case 14: {
        paths_.note_sent(peer_node_[who], now_);
        const Route route = paths_.route(peer_node_[who], now_);
        require(!route.direct || !is_forbidden(*route.direct));
        break;
      }
      case 15: answer_stun(); break;
      case 16:
        paths_.set_own_prefixes({own_network, Prefix::containing(IpAddress::v4(0xcb007100u + input_.u8()), 28)}, now_);
        break;
      case 17:
        if (operation < 128) {
          paths_.set_sockets({.ipv4 = input_.u8() % 4 != 0, .ipv6 = input_.u8() % 2 == 0}, now_);
        } else {
          paths_.set_control_connected(operation % 2 == 0, now_);
        }
        break;
    }
  }

  void set_map() {
    RelayMap map;
    for (int i = input_.u8() % 6; i > 0; i--) {
      Region next{.id = region(), .never_home = input_.u8() % 4 == 0, .score = 1 + input_.u8() / 100.0};
      if (input_.u8() % 4 != 0) next.stun = StunServer{.host = "stun", .port = 3478};
      if (next.stun && input_.u8() % 2 == 0) next.stun->ipv4 = endpoint().address;
      map.push_back(next);
    }
    paths_.set_relay_map(map, now_);
  }

  void give(std::size_t who, Bytes payload) {
    paths_.handle_disco(place(who), disco::seal(peer_disco_[who].public_key(), box_[who], payload, random_), now_);
  }

  void answer_stun() {
    stun::TransactionId id{};
    if (!asked_.empty()) id = asked_[input_.u8() % asked_.size()];
    paths_.handle_stun(endpoint(), stun::response(id, endpoint()), now_);
  }

  void drain() {
    int count = 0;
    while (auto transmit = paths_.poll_transmit()) {
      require(++count <= static_cast<int>(transmits_waiting_max));
      const auto* to = std::get_if<Endpoint>(&transmit->to);
      if (to == nullptr) {
        remember_ping(transmit->datagram, nullptr);
        continue;
      }
      require(!is_forbidden(*to));
      require(transmit->datagram.size() < 400 || answered_.contains(*to));
      require(transmit->datagram.size() <= full_size_bytes);
      if (const auto id = stun::parse_request(transmit->datagram, stun::RequestForm::tailnode)) {
        asked_.push_back(*id);
      } else {
        remember_ping(transmit->datagram, to);
      }
    }
    while (paths_.poll_event()) continue;
    require(paths_.own_endpoints().size() <= StunProbes::own_endpoints_max);
  }

  // The peers hold their keys, so they can read what we ask them.
  void remember_ping(Bytes datagram, const Endpoint* to) {
    const auto envelope = disco::parse_envelope(datagram);
    require(envelope.has_value());
    for (const crypto::BoxKey& box : box_) {
      const auto payload = box.open(envelope->box);
      if (!payload) continue;
      const auto message = disco::parse(*payload);
      if (const auto* ping = std::get_if<disco::Ping>(&*message)) {
        pinged_.emplace_back(ping->transaction, to ? std::optional(*to) : std::nullopt);
      }
    }
  }

  Reader input_;
  SeededRandom random_{1};
  Instant now_{seconds(1000)};
  Paths paths_{
      crypto::DiscoPrivateKey::from_bytes({std::byte{5}}), {}, EndpointGuard({own_network}, {}), random_, now_};
  std::vector<crypto::DiscoPrivateKey> peer_disco_;
  std::vector<crypto::NodePublicKey> peer_node_;
  std::vector<crypto::BoxKey> box_;
  std::vector<std::pair<disco::Transaction, std::optional<Endpoint>>> pinged_;
  std::set<Endpoint> answered_;  // perhaps: an answer to a ping that went there was made
  std::vector<stun::TransactionId> asked_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Player(std::as_bytes(std::span(data, size))).play();
  return 0;
}

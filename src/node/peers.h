// Which peers of the network map are peers of this node: those that the owner has admitted, and nobody else.
//
// A peer of the map is asked about once, when its person is known (WantAdmission), and again if the person behind its
// key changes. Until the answer is yes it exists neither in WireGuard nor in path selection. Its inner addresses are
// its own single addresses: a route to whole networks behind a peer is never taken. An address is one admitted peer's
// at a time, so that what comes from it is that person's; a second peer that the map gives it to does not have it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/netmap.h"
#include "node/outbox.h"
#include "path/paths.h"
#include "wireguard/interface.h"

namespace quoin::node {

class Peers {
 public:
  static constexpr std::size_t peers_max = 1024;  // of the map; more are ignored
  // A session younger than this survives a change of the peer's disco key: a restarted peer's handshake comes through
  // the relay before the control server has told us its new key, and resetting then would destroy the new session.
  static constexpr Duration fresh_session = seconds(20);

  Peers(wireguard::Interface& wireguard, path::Paths& paths, Outbox& outbox);

  void handle_change(const control::Netmap& netmap, const control::NetmapChange& change, WallTime wall, Instant now);
  // The same peers, some perhaps past their time.
  void handle_expiry(const control::Netmap& netmap, WallTime wall, Instant now);
  void admit(const crypto::NodePublicKey& key, bool admitted, Instant now);
  void remove_all(Instant now);
  // The next peer that the owner is to be asked about, in the order they came. Who has gone meanwhile is not asked
  // about, and who has become another person only as that one.
  bool has_question() const { return !questions_.empty(); }
  std::optional<WantAdmission> take_question();

  std::optional<wireguard::PeerId> peer_at(const IpAddress& address) const;
  std::optional<crypto::NodePublicKey> key_at(const IpAddress& address) const;
  const crypto::NodePublicKey* key_of(wireguard::PeerId peer) const;
  std::optional<wireguard::PeerId> peer_of(const crypto::NodePublicKey& key) const;  // while admitted
  std::string login_of(const crypto::NodePublicKey& key) const;                      // empty: nobody's
  std::optional<Instant> next_expiry() const;

 private:
  enum class Standing : std::uint8_t { asked, admitted, refused };
  struct Entry {
    control::NodeId id = 0;
    Standing standing = Standing::asked;
    std::string login;
    bool tagged = false;
    std::optional<Instant> expires;
    std::vector<IpAddress> addresses;
    path::PeerInfo info;
    std::optional<wireguard::PeerId> peer;  // while admitted
    std::optional<std::uint64_t> question;  // its turn, while the owner has not been asked
  };
  using Entries = std::map<crypto::NodePublicKey, Entry>;

  void update(const control::Netmap& netmap, control::NodeId id, WallTime wall, Instant now);
  void refresh(Entry& entry, const crypto::NodePublicKey& key, const control::Peer& peer, Instant now);
  void join(Entry& entry, const crypto::NodePublicKey& key, Instant now);
  void leave(Entry& entry, const crypto::NodePublicKey& key, Instant now);
  void ask_about(Entry& entry, const crypto::NodePublicKey& key);
  void do_not_ask_about(Entry& entry);
  void forget(control::NodeId id, Instant now);
  std::vector<IpAddress> held_by(const crypto::NodePublicKey& key, const Entry& entry) const;
  void hold(Entry& entry, const crypto::NodePublicKey& key);
  void release(const crypto::NodePublicKey& key);

  wireguard::Interface& wireguard_;
  path::Paths& paths_;
  Outbox& outbox_;
  Entries entries_;
  std::map<control::NodeId, crypto::NodePublicKey> keys_;
  std::map<std::uint64_t, crypto::NodePublicKey> questions_;  // by their turns; each of an entry
  std::uint64_t last_turn_ = 0;
  std::map<wireguard::PeerId, crypto::NodePublicKey> by_peer_;
  std::unordered_map<IpAddress, crypto::NodePublicKey> by_address_;  // of admitted peers
};

}  // namespace quoin::node

// What leaves an Interface: datagrams and events, in order, each in a bounded queue.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <variant>

#include "base/bytes.h"
#include "crypto/keys.h"
#include "wireguard/ids.h"
#include "wireguard/source.h"
#include "wireguard/statistics.h"

namespace quoin::wireguard {

struct Transmit {
  std::optional<PeerId> peer;       // none: a cookie for a stranger
  Buffer datagram;                  // one whole WireGuard message
  std::optional<Source> answer_to;  // a response or cookie goes back where its question came from; otherwise the path
                                    // layer chooses
};

struct SessionEstablished {  // new keys are confirmed and in use, at each handshake and rekey
  PeerId peer;
  Role role;
};
struct HandshakeGaveUp {  // no answer for 90 s; packets that waited are dropped
  PeerId peer;
};
struct UnknownInitiator {  // someone who proved this key wants a session; add_peer within 5 s answers it
  crypto::NodePublicKey key;
};
using Event = std::variant<SessionEstablished, HandshakeGaveUp, UnknownInitiator>;

class Outbox {
 public:
  static constexpr std::size_t transmits_max = 4096;
  static constexpr std::size_t events_max = 1024;

  void transmit(Transmit transmit);  // dropped and counted when full
  void event(Event event);           // dropped when full
  void forget(PeerId peer);          // nothing of this peer leaves any more
  std::optional<Transmit> poll_transmit();
  std::optional<Event> poll_event();

  DropCounts drops;  // of the whole Interface

 private:
  std::deque<Transmit> transmits_;
  std::deque<Event> events_;
};

}  // namespace quoin::wireguard

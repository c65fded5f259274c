#include "wireguard/outbox.h"

#include <utility>

namespace quoin::wireguard {
namespace {

bool concerns(const Event& event, PeerId peer) {
  if (const auto* established = std::get_if<SessionEstablished>(&event)) return established->peer == peer;
  if (const auto* gave_up = std::get_if<HandshakeGaveUp>(&event)) return gave_up->peer == peer;
  return false;
}

template <class T>
std::optional<T> take_first(std::deque<T>& queue) {
  if (queue.empty()) return std::nullopt;
  std::optional<T> first(std::move(queue.front()));
  queue.pop_front();
  return first;
}

}  // namespace

void Outbox::transmit(Transmit transmit) {
  if (transmits_.size() == transmits_max) {
    drops.add(DropReason::outbox_overflow);
    return;
  }
  transmits_.push_back(std::move(transmit));
}

void Outbox::event(Event event) {
  if (events_.size() < events_max) events_.push_back(event);
}

void Outbox::forget(PeerId peer) {
  std::erase_if(transmits_, [peer](const Transmit& transmit) { return transmit.peer == peer; });
  std::erase_if(events_, [peer](const Event& event) { return concerns(event, peer); });
}

std::optional<Transmit> Outbox::poll_transmit() {
  return take_first(transmits_);
}

std::optional<Event> Outbox::poll_event() {
  return take_first(events_);
}

}  // namespace quoin::wireguard

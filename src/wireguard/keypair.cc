#include "wireguard/keypair.h"

#include <cassert>
#include <utility>

#include "wireguard/timers.h"

namespace quoin::wireguard {

bool Keypair::expired(Instant now) const {
  return now - created >= reject_after_time;
}

bool Keypair::can_send(std::uint64_t packets, const MessageLimits& limits, Instant now) const {
  return !expired(now) && next_counter <= limits.reject_after && packets <= limits.reject_after - next_counter;
}

Keypair* KeypairSet::find(SessionIndex local) {
  for (Keypair* keypair : {current_.get(), next_.get(), previous_.get()}) {
    if (keypair != nullptr && keypair->local.index() == local) return keypair;
  }
  return nullptr;
}

void KeypairSet::add(std::unique_ptr<Keypair> made) {
  if (made->role == Role::responder) {
    // Until it is confirmed the current one goes on; there is room for one that is on its way out or in, not for both.
    next_ = std::move(made);
    previous_.reset();
    return;
  }
  // The response has proved the new keys, so they are used at once. If the peer's own handshake crossed ours, it may
  // already send on what is our next: that stays to be received on.
  previous_ = next_ ? std::move(next_) : std::move(current_);
  current_ = std::move(made);
}

void KeypairSet::confirm_next() {
  assert(next_);
  previous_ = std::move(current_);
  current_ = std::move(next_);
}

void KeypairSet::erase_created_before(Instant limit) {
  for (auto* slot : {&current_, &previous_, &next_}) {
    if (*slot && (*slot)->created < limit) slot->reset();
  }
}

void KeypairSet::erase() {
  current_.reset();
  previous_.reset();
  next_.reset();
}

}  // namespace quoin::wireguard

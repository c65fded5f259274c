#include "conversation.h"

#include <algorithm>

namespace quoin::oracle {

std::string Digest::text() const {
  crypto_hash_sha256_state copy = state_;
  std::array<std::byte, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256_final(&copy, reinterpret_cast<unsigned char*>(hash.data()));
  return to_hex(hash);
}

std::string Conversation::account() const {
  return "in=" + std::to_string(in_.bytes()) + " in_sha=" + in_.text() + " out=" + std::to_string(out_.bytes()) +
         " out_sha=" + out_.text();
}

bool Conversation::work(netstack::Stack& stack, Instant now) {
  if (script_.finish == Script::Finish::now) finish(stack, now);
  if (script_.echo) {
    if (!script_.held) echo(stack, now);
  } else {
    if (!script_.held && !read(stack, now)) return false;
    write(stack, now);
  }
  const auto rest = stack.readable(flow_);
  const bool all_read = rest[0].empty() && rest[1].empty();
  const bool all_sent = script_.echo ? peer_finished_ && all_read : out_.bytes() == script_.send;
  const bool may_finish =
      script_.finish == Script::Finish::sent || (script_.finish == Script::Finish::peer && peer_finished_ && all_read);
  if (all_sent && may_finish) finish(stack, now);
  return true;
}

void Conversation::finish(netstack::Stack& stack, Instant now) {
  if (finished_) return;
  finished_ = true;
  stack.finish(flow_, now);
}

bool Conversation::read(netstack::Stack& stack, Instant now) {
  if (wakes_at_ && *wakes_at_ > now) return true;
  wakes_at_.reset();
  std::uint64_t room = script_.read_at_most;
  std::size_t taken = 0;
  for (const Bytes part : stack.readable(flow_)) {
    const Bytes wanted = part.first(std::min<std::size_t>(part.size(), room));
    in_.add(wanted);
    room -= wanted.size();
    taken += wanted.size();
  }
  if (script_.abort_after && in_.bytes() >= *script_.abort_after) {
    stack.abort(flow_, now);
    return false;
  }
  if (taken == 0) return true;
  stack.consume(flow_, taken, now);
  if (script_.pause > Duration(0) || script_.read_at_most != UINT64_MAX) wakes_at_ = now + script_.pause;
  return true;
}

void Conversation::write(netstack::Stack& stack, Instant now) {
  while (!finished_ && out_.bytes() < script_.send) {
    std::size_t filled = 0;
    for (const MutableBytes part : stack.write_space(flow_)) {
      const MutableBytes used = part.first(std::min<std::size_t>(part.size(), script_.send - out_.bytes()));
      content_.fill(used);
      out_.add(used);
      filled += used.size();
    }
    if (filled == 0) return;
    stack.commit(flow_, filled, now);
  }
}

void Conversation::echo(netstack::Stack& stack, Instant now) {
  while (true) {
    const auto space = stack.write_space(flow_);
    const auto there = stack.readable(flow_);
    std::size_t copied = 0;
    // Both are at most two pieces; the next round takes what this one left.
    const std::size_t bytes = std::min(space[0].size(), there[0].size());
    std::ranges::copy(there[0].first(bytes), space[0].begin());
    in_.add(there[0].first(bytes));
    out_.add(there[0].first(bytes));
    copied += bytes;
    if (copied == 0) return;
    stack.commit(flow_, copied, now);
    stack.consume(flow_, copied, now);
  }
}

}  // namespace quoin::oracle

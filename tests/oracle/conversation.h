// The application behind one TCP flow of the stack: it follows its script and keeps the SHA-256 of what it read and of
// what it wrote, to be compared with what the kernel's side saw.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sodium.h>

#include "base/bytes.h"
#include "base/random.h"
#include "base/time.h"
#include "netstack/stack.h"
#include "script.h"

namespace quoin::oracle {

class Digest {
 public:
  Digest() { crypto_hash_sha256_init(&state_); }
  void add(Bytes bytes) {
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    bytes_ += bytes.size();
  }
  std::uint64_t bytes() const { return bytes_; }
  std::string text() const;

 private:
  crypto_hash_sha256_state state_;
  std::uint64_t bytes_ = 0;
};

class Conversation {
 public:
  Conversation(netstack::FlowId flow, std::uint64_t number, const Script& script)
      : flow_(flow), number_(number), script_(script), content_(number) {}

  // Reads, writes, finishes or breaks off, as far as the script wants now. False: it broke off, and the flow is gone.
  bool work(netstack::Stack& stack, Instant now);
  void peer_finished() { peer_finished_ = true; }
  void go_on() { script_.held = false; }
  void finish(netstack::Stack& stack, Instant now);

  netstack::FlowId flow() const { return flow_; }
  std::uint64_t number() const { return number_; }
  std::optional<Instant> wakes_at() const { return wakes_at_; }
  std::string account() const;  // "in=BYTES in_sha=HEX out=BYTES out_sha=HEX"

 private:
  bool read(netstack::Stack& stack, Instant now);
  void write(netstack::Stack& stack, Instant now);
  void echo(netstack::Stack& stack, Instant now);

  netstack::FlowId flow_;
  std::uint64_t number_;
  Script script_;
  SeededRandom content_;
  Digest in_;
  Digest out_;
  bool peer_finished_ = false;
  bool finished_ = false;
  std::optional<Instant> wakes_at_;
};

}  // namespace quoin::oracle

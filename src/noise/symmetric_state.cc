#include "noise/symmetric_state.h"

#include <cassert>
#include <utility>

#include "crypto/keys.h"

namespace quoin::noise {

SymmetricState::SymmetricState(std::string_view protocol_name)
    : hash_(crypto::blake2s({bytes_of(protocol_name)})), chaining_key_(hash_) {
  assert(protocol_name.size() > hash_.size());
}

void SymmetricState::mix_hash(Bytes data) {
  hash_ = crypto::blake2s({hash_, data});
}

void SymmetricState::mix_key(Bytes input) {
  auto [chaining_key, key] = crypto::hkdf_blake2s<2>(chaining_key_.bytes(), input);
  chaining_key_ = std::move(chaining_key);
  key_ = crypto::AeadKey(std::move(key));
  has_key_ = true;
  counter_ = 0;
}

void SymmetricState::mix_key_and_hash(Bytes psk) {
  auto [chaining_key, hashed, key] = crypto::hkdf_blake2s<3>(chaining_key_.bytes(), psk);
  chaining_key_ = std::move(chaining_key);
  mix_hash(hashed.bytes());
  key_ = crypto::AeadKey(std::move(key));
  has_key_ = true;
  counter_ = 0;
}

bool SymmetricState::mix_dh(Bytes clamped_private, Bytes public_key) {
  const auto shared = crypto::x25519(clamped_private, public_key);
  if (!shared) return false;
  mix_key(shared->bytes());
  return true;
}

void SymmetricState::encrypt_and_hash(MutableBytes text) {
  assert(has_key_);
  crypto::aead_seal(key_, nonce(), hash_, text);
  counter_++;
  mix_hash(text);
}

bool SymmetricState::decrypt_and_hash(MutableBytes text) {
  assert(has_key_);
  const crypto::Hash hash_with_text = crypto::blake2s({hash_, text});  // before the text is deciphered in place
  if (!crypto::aead_open(key_, nonce(), hash_, text)) return false;
  counter_++;
  hash_ = hash_with_text;
  return true;
}

SplitKeys SymmetricState::split() const {
  auto [first, second] = crypto::hkdf_blake2s<2>(chaining_key_.bytes(), {});
  return {.initiator_to_responder = crypto::AeadKey(std::move(first)),
          .responder_to_initiator = crypto::AeadKey(std::move(second))};
}

SymmetricState SymmetricState::copy() const {
  SymmetricState other;
  other.hash_ = hash_;
  other.chaining_key_ = chaining_key_.copy();
  other.key_ = crypto::AeadKey(Secret<32>(Reader(key_.bytes()).array<32>()));
  other.has_key_ = has_key_;
  other.counter_ = counter_;
  return other;
}

}  // namespace quoin::noise

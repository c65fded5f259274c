#include "wireguard/handshake.h"

#include <algorithm>
#include <utility>

namespace quoin::wireguard {
namespace {

constexpr std::string_view construction = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view identifier = "WireGuard v1 zx2c4 Jason@zx2c4.com";

// H := HASH(H || data)
void mix_hash(Transcript& transcript, Bytes data) {
  transcript.hash = crypto::blake2s({transcript.hash, data});
}

// C := KDF1(C, input)
void mix_key(Transcript& transcript, Bytes input) {
  auto [chaining_key] = crypto::hkdf_blake2s<1>(transcript.chaining_key.bytes(), input);
  transcript.chaining_key = std::move(chaining_key);
}

// (C, k) := KDF2(C, input)
crypto::AeadKey mix_key_and_derive(Transcript& transcript, Bytes input) {
  auto [chaining_key, key] = crypto::hkdf_blake2s<2>(transcript.chaining_key.bytes(), input);
  transcript.chaining_key = std::move(chaining_key);
  return crypto::AeadKey(std::move(key));
}

// (C, t, k) := KDF3(C, preshared); H := HASH(H || t)
crypto::AeadKey mix_preshared(Transcript& transcript, Bytes preshared) {
  auto [chaining_key, temporary, key] = crypto::hkdf_blake2s<3>(transcript.chaining_key.bytes(), preshared);
  transcript.chaining_key = std::move(chaining_key);
  mix_hash(transcript, temporary.bytes());
  return crypto::AeadKey(std::move(key));
}

// Each handshake key seals once, under the nonce of zeros, with H as associated data.
template <std::size_t N>
std::array<std::byte, N + crypto::aead_tag_bytes> seal(Transcript& transcript, const crypto::AeadKey& key,
                                                       std::span<const std::byte, N> plain) {
  std::array<std::byte, N + crypto::aead_tag_bytes> text{};
  std::copy(plain.begin(), plain.end(), text.begin());
  crypto::aead_seal(key, crypto::AeadNonce{}, transcript.hash, text);
  mix_hash(transcript, text);
  return text;
}

template <std::size_t N>
std::optional<std::array<std::byte, N - crypto::aead_tag_bytes>> open(Transcript& transcript,
                                                                      const crypto::AeadKey& key,
                                                                      const std::array<std::byte, N>& sealed) {
  std::array<std::byte, N> text = sealed;
  if (!crypto::aead_open(key, crypto::AeadNonce{}, transcript.hash, text)) return std::nullopt;
  mix_hash(transcript, sealed);
  std::array<std::byte, N - crypto::aead_tag_bytes> plain{};
  std::copy_n(text.begin(), plain.size(), plain.begin());
  return plain;
}

// C := HASH(construction); H := HASH(HASH(C || identifier) || responder's static key)
Transcript begin(const crypto::NodePublicKey& responder) {
  Transcript transcript;
  transcript.hash = crypto::blake2s({bytes_of(construction)});
  transcript.chaining_key = Secret<32>(transcript.hash);
  mix_hash(transcript, bytes_of(identifier));
  mix_hash(transcript, responder.bytes());
  return transcript;
}

void mix_ephemeral(Transcript& transcript, Bytes ephemeral) {
  mix_key(transcript, ephemeral);
  mix_hash(transcript, ephemeral);
}

std::array<std::byte, 32> to_array(std::span<const std::byte, 32> bytes) {
  std::array<std::byte, 32> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Result<Secret<32>, HandshakeError> shared_secret(Bytes private_key, Bytes public_key) {
  auto secret = crypto::x25519(private_key, public_key);
  if (!secret) return failure(HandshakeError::low_order_key);
  return *std::move(secret);
}

// Of the two keys derived at the end, the first is the initiator's to send with.
SessionKeys derive_keys(const Transcript& transcript, Role role) {
  auto [first, second] = crypto::hkdf_blake2s<2>(transcript.chaining_key.bytes(), {});
  crypto::AeadKey from_initiator(std::move(first));
  crypto::AeadKey from_responder(std::move(second));
  if (role == Role::initiator) return {std::move(from_initiator), std::move(from_responder)};
  return {std::move(from_responder), std::move(from_initiator)};
}

}  // namespace

Result<RemoteIdentity, HandshakeError> RemoteIdentity::make(const LocalIdentity& self,
                                                            const crypto::NodePublicKey& key) {
  RemoteIdentity remote;
  remote.public_key = key;
  remote.static_static = TRY(shared_secret(self.private_key.secret_bytes(), key.bytes()));
  return remote;
}

Result<CreatedInitiation, HandshakeError> create_initiation(const LocalIdentity& self, const RemoteIdentity& remote,
                                                            SessionIndex sender, const Tai64n& timestamp,
                                                            crypto::EphemeralPrivateKey ephemeral) {
  Transcript transcript = begin(remote.public_key);
  Initiation message;
  message.sender = sender;
  message.ephemeral = to_array(ephemeral.public_key().bytes());
  mix_ephemeral(transcript, message.ephemeral);

  const Secret<32> es = TRY(shared_secret(ephemeral.secret_bytes(), remote.public_key.bytes()));
  const crypto::AeadKey static_key = mix_key_and_derive(transcript, es.bytes());
  message.sealed_static = seal(transcript, static_key, self.public_key.bytes());

  const crypto::AeadKey timestamp_key = mix_key_and_derive(transcript, remote.static_static.bytes());
  message.sealed_timestamp = seal(transcript, timestamp_key, std::span(timestamp));

  return CreatedInitiation{{sender, std::move(transcript), std::move(ephemeral)}, message.encode()};
}

Result<ReceivedInitiation, HandshakeError> open_initiation(const LocalIdentity& self, const Initiation& message) {
  Transcript transcript = begin(self.public_key);
  mix_ephemeral(transcript, message.ephemeral);

  const Secret<32> es = TRY(shared_secret(self.private_key.secret_bytes(), message.ephemeral));
  const crypto::AeadKey static_key = mix_key_and_derive(transcript, es.bytes());
  const auto opened = open(transcript, static_key, message.sealed_static);
  if (!opened) return failure(HandshakeError::not_authentic);

  return ReceivedInitiation{message.sender, std::move(transcript), crypto::EphemeralPublicKey(message.ephemeral),
                            crypto::NodePublicKey(*opened)};
}

Result<Tai64n, HandshakeError> authenticate_initiation(ReceivedInitiation& initiation, const RemoteIdentity& remote,
                                                       const Initiation& message) {
  const crypto::AeadKey timestamp_key = mix_key_and_derive(initiation.transcript, remote.static_static.bytes());
  const auto timestamp = open(initiation.transcript, timestamp_key, message.sealed_timestamp);
  if (!timestamp) return failure(HandshakeError::not_authentic);
  return *timestamp;
}

Result<CreatedResponse, HandshakeError> create_response(ReceivedInitiation& initiation, const RemoteIdentity& remote,
                                                        SessionIndex sender,
                                                        const crypto::EphemeralPrivateKey& ephemeral) {
  Transcript& transcript = initiation.transcript;
  Response message;
  message.sender = sender;
  message.receiver = initiation.sender;
  message.ephemeral = to_array(ephemeral.public_key().bytes());
  mix_ephemeral(transcript, message.ephemeral);

  const Secret<32> ee = TRY(shared_secret(ephemeral.secret_bytes(), initiation.ephemeral.bytes()));
  mix_key(transcript, ee.bytes());
  const Secret<32> se = TRY(shared_secret(ephemeral.secret_bytes(), remote.public_key.bytes()));
  mix_key(transcript, se.bytes());
  const crypto::AeadKey key = mix_preshared(transcript, remote.preshared.bytes());
  message.sealed_nothing = seal(transcript, key, std::span<const std::byte, 0>());

  return CreatedResponse{derive_keys(transcript, Role::responder), message.encode()};
}

Result<SessionKeys, HandshakeError> consume_response(const SentInitiation& sent, const LocalIdentity& self,
                                                     const RemoteIdentity& remote, const Response& message) {
  Transcript transcript{sent.transcript.hash, sent.transcript.chaining_key.copy()};
  mix_ephemeral(transcript, message.ephemeral);

  const Secret<32> ee = TRY(shared_secret(sent.ephemeral.secret_bytes(), message.ephemeral));
  mix_key(transcript, ee.bytes());
  const Secret<32> se = TRY(shared_secret(self.private_key.secret_bytes(), message.ephemeral));
  mix_key(transcript, se.bytes());
  const crypto::AeadKey key = mix_preshared(transcript, remote.preshared.bytes());
  if (!open(transcript, key, message.sealed_nothing)) return failure(HandshakeError::not_authentic);

  return derive_keys(transcript, Role::initiator);
}

}  // namespace quoin::wireguard

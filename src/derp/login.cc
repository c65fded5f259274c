#include "derp/login.h"

#include <string>

#include "crypto/box.h"
#include "json/codec.h"

namespace quoin::json {

template <>
struct Shape<derp::ClientInfo> {
  static constexpr auto members = std::tuple{
      member("version", &derp::ClientInfo::version),
      member("CanAckPings", &derp::ClientInfo::can_ack_pings),
  };
};

template <>
struct Shape<derp::ServerInfo> {
  static constexpr auto members = std::tuple{
      member("version", &derp::ServerInfo::version),
      member("TokenBucketBytesPerSecond", &derp::ServerInfo::bytes_per_second),
      member("TokenBucketBytesBurst", &derp::ServerInfo::bytes_burst),
  };
};

}  // namespace quoin::json

namespace quoin::derp {
namespace {

constexpr json::Limits login_limits = {.bytes_max = login_bytes_max, .values_max = 64, .depth_max = 8};

Buffer after_key(const crypto::NodePrivateKey& client, Bytes box) {
  Buffer payload = to_buffer(client.public_key().bytes());
  append(payload, box);
  return payload;
}

template <class Info>
std::optional<Info> open(Bytes box, Bytes private_key, Bytes public_key) {
  const auto key = crypto::BoxKey::between(private_key, public_key);
  if (!key) return std::nullopt;
  const auto text = key->open(box);
  if (!text) return std::nullopt;
  auto info = json::read<Info>(*text, login_limits);
  if (!info) return std::nullopt;
  return *std::move(info);
}

}  // namespace

std::optional<Buffer> seal_client_info(const ClientInfo& info, const crypto::NodePrivateKey& client,
                                       const RelayPublicKey& relay, Random& random) {
  const auto nonce = random.array<24>();
  return seal_client_info(info, client, relay, nonce);
}

std::optional<Buffer> seal_client_info(const ClientInfo& info, const crypto::NodePrivateKey& client,
                                       const RelayPublicKey& relay, std::span<const std::byte, 24> nonce) {
  const auto key = crypto::BoxKey::between(client.secret_bytes(), relay.bytes());
  if (!key) return std::nullopt;
  return after_key(client, key->seal(bytes_of(json::write(info)), nonce));
}

std::optional<ClientInfo> open_client_info(const SealedClientInfo& sealed, const RelayPrivateKey& relay) {
  return open<ClientInfo>(sealed.box, relay.secret_bytes(), sealed.client.bytes());
}

std::optional<Buffer> seal_server_info(const ServerInfo& info, const RelayPrivateKey& relay,
                                       const crypto::NodePublicKey& client, Random& random) {
  const auto key = crypto::BoxKey::between(relay.secret_bytes(), client.bytes());
  if (!key) return std::nullopt;
  return key->seal(bytes_of(json::write(info)), random);
}

std::optional<ServerInfo> open_server_info(Bytes box, const crypto::NodePrivateKey& client,
                                           const RelayPublicKey& relay) {
  return open<ServerInfo>(box, client.secret_bytes(), relay.bytes());
}

}  // namespace quoin::derp

#include "disco/envelope.h"

namespace quoin::disco {
namespace {

Buffer with_header(const crypto::DiscoPublicKey& sender, Bytes box) {
  Buffer out;
  out.reserve(magic.size() + crypto::key_bytes + box.size());
  append(out, magic);
  append(out, sender.bytes());
  append(out, box);
  return out;
}

}  // namespace

bool looks_like_disco(Bytes datagram) {
  return datagram.size() >= envelope_bytes_min && equal(datagram.first(magic.size()), magic);
}

std::optional<Envelope> parse_envelope(Bytes datagram) {
  if (!looks_like_disco(datagram) || datagram.size() > envelope_bytes_max) return std::nullopt;
  Reader reader(datagram);
  reader.skip(magic.size());
  const crypto::DiscoPublicKey sender(reader.array<crypto::key_bytes>());
  return Envelope{.sender = sender, .box = reader.rest()};
}

Buffer seal(const crypto::DiscoPublicKey& sender, const crypto::BoxKey& key, Bytes payload, Random& random) {
  return with_header(sender, key.seal(payload, random));
}

Buffer seal(const crypto::DiscoPublicKey& sender, const crypto::BoxKey& key, Bytes payload,
            std::span<const std::byte, nonce_bytes> nonce) {
  return with_header(sender, key.seal(payload, nonce));
}

}  // namespace quoin::disco

#include "noise/frames.h"

#include <algorithm>
#include <string>

namespace quoin::noise {

SymmetricState control_handshake(std::uint16_t version, Bytes server_public_key) {
  SymmetricState state("Noise_IK_25519_ChaChaPoly_BLAKE2s");
  const std::string prologue = "Tailscale Control Protocol v" + std::to_string(version);
  state.mix_hash(bytes_of(prologue));
  state.mix_hash(server_public_key);
  return state;
}

Buffer error_frame(std::string_view text) {
  const Bytes kept = bytes_of(text.substr(0, error_text_bytes_max));
  Buffer frame(frame_header_bytes + kept.size());
  Writer writer(frame);
  writer.u8(static_cast<std::uint8_t>(FrameType::error));
  writer.u16(static_cast<std::uint16_t>(kept.size()));
  writer.put(kept);
  return frame;
}

bool take_until(Buffer& held, std::size_t length, Bytes& wire) {
  if (held.size() >= length) return true;
  const std::size_t count = std::min(length - held.size(), wire.size());
  append(held, wire.first(count));
  wire = wire.subspan(count);
  return held.size() == length;
}

}  // namespace quoin::noise

// Either side of a ts2021 handshake, fed with anything in any pieces.
//
// Byte 0: which side. Byte 1: how large the pieces are. The rest is what the wire brings. The keys are those of
// tests/vectors/noise/ts2021.json, so that seeds reach what lies behind the authentication.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "noise/client_handshake.h"
#include "noise/server_handshake.h"

namespace {

using namespace quoin;

class RepeatedByte final : public Random {
 public:
  explicit RepeatedByte(std::uint8_t byte) : byte_(byte) {}
  void fill(MutableBytes out) override { std::ranges::fill(out, std::byte{byte_}); }

 private:
  std::uint8_t byte_;
};

crypto::MachinePrivateKey key_of(std::uint8_t byte) {
  RepeatedByte random(byte);
  return crypto::MachinePrivateKey::generate(random);
}

// Feeds `wire` in pieces until `handle` is done; what the last piece left over is added to what has not been fed.
template <class Side>
auto feed(Side& side, Bytes& wire, std::size_t piece_bytes) {
  for (;;) {
    const std::size_t count = std::min(piece_bytes, wire.size());
    Bytes piece = wire.first(count);
    auto result = side.handle(piece);
    if (result && !*result && !piece.empty()) std::abort();  // not done, and yet it left something
    wire = wire.subspan(count - piece.size());
    if (!result || *result || wire.empty()) return result;
  }
}

void receive_rest(noise::Transport& transport, Bytes wire) {
  Buffer plain;
  static_cast<void>(transport.receive(wire, plain));
  if (plain.size() > wire.size()) std::abort();
}

void client(Bytes wire, std::size_t piece_bytes) {
  RepeatedByte random(0x22);
  auto handshake = noise::ClientHandshake::create(145, key_of(0x11), key_of(0x33).public_key(), random);
  if (!handshake) std::abort();
  auto result = feed(*handshake, wire, piece_bytes);
  if (handshake->refusal().size() > noise::refusal_shown_bytes_max) std::abort();
  if (result && *result) receive_rest(**result, wire);
}

void server(Bytes wire, std::size_t piece_bytes) {
  RepeatedByte random(0x44);
  noise::ServerHandshake handshake(key_of(0x33), random);
  const auto result = feed(handshake, wire, piece_bytes);
  if (!result || !*result) return;
  auto accepted = handshake.accept();
  if (!accepted || accepted->response.size() != noise::response_bytes) std::abort();
  receive_rest(accepted->transport, wire);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input(std::as_bytes(std::span(data, size)));
  const bool as_client = input.u8() % 2 == 0;
  const std::size_t piece_bytes = 1 + input.u8();
  as_client ? client(input.rest(), piece_bytes) : server(input.rest(), piece_bytes);
  return 0;
}

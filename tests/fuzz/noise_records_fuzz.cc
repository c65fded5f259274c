// ts2021 records and the early payload: operations on a stream rather than bytes.
//
// Byte 0: what to do. Byte 1: how large the pieces are. 0: the rest is wire, received as it is. 1: the rest is sent,
// received in pieces and compared. 2: the rest is the first plaintext, read for an early payload whole and in pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "noise/early_payload.h"
#include "noise/transport.h"

namespace {

using namespace quoin;

noise::Transport with_keys(std::uint8_t send, std::uint8_t receive) {
  std::array<std::byte, 32> first, second;
  first.fill(std::byte{send});
  second.fill(std::byte{receive});
  return noise::Transport({.send = crypto::AeadKey(Secret<32>(first)), .receive = crypto::AeadKey(Secret<32>(second))});
}

template <class Take>
bool in_pieces(Bytes bytes, std::size_t piece_bytes, Take take) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(piece_bytes, bytes.size());
    if (!take(bytes.first(count))) return false;
    bytes = bytes.subspan(count);
  }
  return true;
}

void receive_anything(Bytes wire, std::size_t piece_bytes) {
  noise::Transport whole = with_keys(1, 2);
  noise::Transport cut = with_keys(1, 2);
  Buffer plain, plain_of_cut;
  const bool fine = whole.receive(wire, plain).has_value();
  const bool fine_cut =
      in_pieces(wire, piece_bytes, [&](Bytes piece) { return cut.receive(piece, plain_of_cut).has_value(); });
  if (fine != fine_cut || plain != plain_of_cut || plain.size() > wire.size()) std::abort();
}

void send_and_receive(Bytes plain, std::size_t piece_bytes) {
  noise::Transport sender = with_keys(2, 1);
  noise::Transport receiver = with_keys(1, 2);
  Buffer wire, got;
  if (!in_pieces(plain, piece_bytes * 64, [&](Bytes piece) { return sender.send(piece, wire).has_value(); })) {
    std::abort();
  }
  if (!in_pieces(wire, piece_bytes, [&](Bytes piece) { return receiver.receive(piece, got).has_value(); })) {
    std::abort();
  }
  if (!equal(got, plain) || !receiver.at_record_boundary()) std::abort();
}

void read_early_payload(Bytes plain, std::size_t piece_bytes) {
  noise::EarlyPayloadReader whole, cut;
  Buffer rest, rest_of_cut;
  const bool fine = whole.receive(plain, rest).has_value();
  const bool fine_cut =
      in_pieces(plain, piece_bytes, [&](Bytes piece) { return cut.receive(piece, rest_of_cut).has_value(); });
  if (fine != fine_cut || rest != rest_of_cut || whole.payload() != cut.payload()) std::abort();
  const std::size_t kept = whole.payload() ? noise::early_payload_header_bytes + whole.payload()->size() : 0;
  if (whole.decided() && kept + rest.size() != plain.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader input(std::as_bytes(std::span(data, size)));
  const std::uint8_t what = input.u8() % 3;
  const std::size_t piece_bytes = 1 + input.u8();
  if (what == 0) receive_anything(input.rest(), piece_bytes);
  if (what == 1) send_and_receive(input.rest(), piece_bytes);
  if (what == 2) read_early_payload(input.rest(), piece_bytes);
  return 0;
}

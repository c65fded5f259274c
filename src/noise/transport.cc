#include "noise/transport.h"

#include <algorithm>
#include <limits>

namespace quoin::noise {
namespace {

constexpr std::uint64_t counter_never_used = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Result<void, TransportError> Transport::receive(Bytes wire, Buffer& plain) {
  if (failed_) return failure(*failed_);
  while (!wire.empty()) {
    // A record that came in pieces is put together in partial_; one that came whole is read where it lies.
    Bytes record = wire;
    if (!partial_.empty() || wire.size() < frame_header_bytes) {
      if (!take_until(partial_, frame_header_bytes, wire)) return {};
      record = partial_;
    }
    Reader header(record);
    if (header.u8() != static_cast<std::uint8_t>(FrameType::record)) return fail(TransportError::unexpected_type);
    const std::size_t length = frame_header_bytes + header.u16();
    if (length > record_bytes_max || length < frame_header_bytes + crypto::aead_tag_bytes) {
      return fail(TransportError::wrong_length);
    }
    if (partial_.empty() && wire.size() >= length) {
      record = wire.first(length);
      wire = wire.subspan(length);
    } else {
      if (!take_until(partial_, length, wire)) return {};
      record = partial_;
    }
    const auto taken = take_record(record, plain);
    partial_.clear();
    if (!taken) return taken;
  }
  return {};
}

Result<void, TransportError> Transport::take_record(Bytes record, Buffer& plain) {
  if (keys_.received == counter_never_used) return fail(TransportError::counter_exhausted);
  const std::size_t start = plain.size();
  append(plain, record.subspan(frame_header_bytes));
  const MutableBytes text = MutableBytes(plain).subspan(start);
  if (!crypto::aead_open(keys_.receive, crypto::counter_nonce(keys_.received, Endian::big), {}, text)) {
    plain.resize(start);
    return fail(TransportError::not_authentic);
  }
  keys_.received++;
  plain.resize(plain.size() - crypto::aead_tag_bytes);
  return {};
}

Result<void, TransportError> Transport::send(Bytes plain, Buffer& wire) {
  if (failed_) return failure(*failed_);
  while (!plain.empty()) {
    if (keys_.sent == counter_never_used) return fail(TransportError::counter_exhausted);
    const Bytes piece = plain.first(std::min(plain.size(), record_plain_bytes_max));
    plain = plain.subspan(piece.size());
    const std::size_t sealed_bytes = piece.size() + crypto::aead_tag_bytes;
    const std::size_t start = wire.size();
    wire.resize(start + frame_header_bytes + sealed_bytes);
    Writer writer(MutableBytes(wire).subspan(start));
    writer.u8(static_cast<std::uint8_t>(FrameType::record));
    writer.u16(static_cast<std::uint16_t>(sealed_bytes));
    const MutableBytes text = writer.reserve(sealed_bytes);
    std::ranges::copy(piece, text.begin());
    crypto::aead_seal(keys_.send, crypto::counter_nonce(keys_.sent, Endian::big), {}, text);
    keys_.sent++;
  }
  return {};
}

std::unexpected<TransportError> Transport::fail(TransportError error) {
  failed_ = error;
  return failure(error);
}

}  // namespace quoin::noise

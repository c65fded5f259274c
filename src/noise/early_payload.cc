#include "noise/early_payload.h"

#include <algorithm>
#include <cassert>

#include "noise/frames.h"

namespace quoin::noise {

Result<void, EarlyPayloadError> EarlyPayloadReader::receive(Bytes plain, Buffer& rest) {
  if (decided_) {
    append(rest, plain);
    return {};
  }
  const bool header_complete = take_until(held_, early_payload_header_bytes, plain);
  const std::size_t compared = std::min(held_.size(), early_payload_magic.size());
  if (!equal(Bytes(held_).first(compared), Bytes(early_payload_magic).first(compared))) {
    decided_ = true;
    append(rest, held_);
    append(rest, plain);
    held_ = {};
    return {};
  }
  if (!header_complete) return {};
  Reader header(held_);
  header.skip(early_payload_magic.size());
  const std::size_t length = header.u32();
  if (length > early_payload_bytes_max) return failure(EarlyPayloadError::too_long);
  if (!take_until(held_, early_payload_header_bytes + length, plain)) return {};
  payload_ = to_buffer(Bytes(held_).subspan(early_payload_header_bytes));
  decided_ = true;
  held_ = {};
  append(rest, plain);
  return {};
}

Buffer early_payload(Bytes json) {
  assert(json.size() <= early_payload_bytes_max);
  Buffer out(early_payload_header_bytes + json.size());
  Writer writer(out);
  writer.put(early_payload_magic);
  writer.u32(static_cast<std::uint32_t>(json.size()));
  writer.put(json);
  return out;
}

}  // namespace quoin::noise

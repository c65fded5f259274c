// FINGERPRINT (RFC 8489, section 14.7): the CRC-32 of a message up to the attribute, xor 0x5354554e ("STUN").
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace quoin::stun {

constexpr std::size_t fingerprint_attribute_bytes = 8;

// Of the bytes before the attribute. The message's length field already counts it.
std::uint32_t fingerprint(Bytes message_before);

}  // namespace quoin::stun

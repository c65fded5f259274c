// The codec of the pair. Both directions read through one Decoder, which is failed for good after the first fault, and
// are written through one Encoder; the field lists stand in fields.h.
//
// Scalars: bool is 0 or 1, enums their value, times nanoseconds as u64, an optional value a bool and then the value.
// An address is u8 4 or 6 and its bytes, a prefix an address and u8 length. The type byte is 1.. from the tunnel and
// 0x41.. from the gate, in the order of the variants, so that neither side's messages pass for the other's.
#include "pair/messages.h"

#include <cassert>
#include <type_traits>

#include "base/secret.h"
#include "pair/fields.h"
#include "pair/text.h"

namespace quoin::pair {
namespace {

constexpr std::uint8_t from_tunnel_types = 0x01;
constexpr std::uint8_t from_gate_types = 0x41;

template <class E>
constexpr E last_of();
template <>
constexpr Transport last_of<Transport>() {
  return Transport::udp;
}
template <>
constexpr Unanswered last_of<Unanswered>() {
  return Unanswered::behind_proxy;
}
template <>
constexpr PathKind last_of<PathKind>() {
  return PathKind::relay_past_narrow;
}
template <>
constexpr ProblemKind last_of<ProblemKind>() {
  return ProblemKind::control_map;
}
template <>
constexpr Protocol last_of<Protocol>() {
  return Protocol::icmp;
}
template <>
constexpr RefusedFor last_of<RefusedFor>() {
  return RefusedFor::too_large;
}

class Encoder {
 public:
  explicit Encoder(MutableBytes space) : writer_(space) {}

  void operator()(bool value) { writer_.u8(value ? 1 : 0); }
  void operator()(std::uint16_t value) { writer_.u16(value); }
  void operator()(std::uint32_t value) { writer_.u32(value); }
  void operator()(std::uint64_t value) { writer_.u64(value); }
  template <class E>
    requires std::is_enum_v<E>
  void operator()(E value) {
    writer_.u8(static_cast<std::uint8_t>(value));
  }
  void operator()(const std::string& text) {
    assert(text.size() <= text_bytes_max && is_printable(text));
    writer_.u16(static_cast<std::uint16_t>(text.size()));
    writer_.put(bytes_of(text));
  }
  void operator()(const IpAddress& address) {
    writer_.u8(address.is_v4() ? 4 : 6);
    writer_.put(address.bytes());
  }
  void operator()(const Prefix& prefix) {
    (*this)(prefix.network());
    writer_.u8(static_cast<std::uint8_t>(prefix.length()));
  }
  void operator()(Instant at) {
    assert(at.since_zero.count() >= 0);
    writer_.u64(static_cast<std::uint64_t>(at.since_zero.count()));
  }
  template <class Role>
  void operator()(const crypto::PublicKey<Role>& key) {
    writer_.put(key.bytes());
  }
  template <class T>
  void operator()(const std::optional<T>& value) {
    (*this)(value.has_value());
    if (value) (*this)(*value);
  }
  template <class T>
  void operator()(const std::vector<T>& list) {
    assert(list.size() <= list_entries_max);
    writer_.u16(static_cast<std::uint16_t>(list.size()));
    for (const T& entry : list) (*this)(entry);
  }
  template <class T>
    requires requires(Encoder& on, const T& part) { fields(on, part); }
  void operator()(const T& part) {
    fields(*this, part);
  }

  void type(std::uint8_t value) { writer_.u8(value); }
  bool ok() const { return writer_.ok(); }
  Bytes bytes() const { return writer_.bytes(); }

 private:
  Writer writer_;
};

class Decoder {
 public:
  explicit Decoder(Bytes bytes) : reader_(bytes) {}

  void operator()(bool& value) { value = small(1) == 1; }
  void operator()(std::uint16_t& value) { value = reader_.u16(); }
  void operator()(std::uint32_t& value) { value = reader_.u32(); }
  void operator()(std::uint64_t& value) { value = reader_.u64(); }
  template <class E>
    requires std::is_enum_v<E>
  void operator()(E& value) {
    value = static_cast<E>(small(static_cast<std::uint8_t>(last_of<E>())));
  }
  void operator()(std::string& text) {
    const std::size_t length = reader_.u16();
    if (length > text_bytes_max) return fail(MessageError::too_long);
    text = text_of(reader_.take(length));
    if (!is_printable(text)) fail(MessageError::malformed);
  }
  void operator()(IpAddress& address) {
    const std::uint8_t family = reader_.u8();
    if (family != 4 && family != 6) return fail(MessageError::malformed);
    const auto read = IpAddress::from_bytes(reader_.take(family == 4 ? 4 : 16));
    // A v4-mapped address has one spelling only, the short one.
    if (!read || read->is_v4() != (family == 4)) return fail(MessageError::malformed);
    address = *read;
  }
  void operator()(Prefix& prefix) {
    IpAddress network;
    (*this)(network);
    const auto read = Prefix::make(network, reader_.u8());
    if (!read) return fail(MessageError::malformed);
    prefix = *read;
  }
  void operator()(Instant& at) {
    const std::uint64_t nanoseconds_since = reader_.u64();
    if (nanoseconds_since > static_cast<std::uint64_t>(Duration::max().count())) return fail(MessageError::malformed);
    at = Instant{Duration(static_cast<std::int64_t>(nanoseconds_since))};
  }
  template <class Role>
  void operator()(crypto::PublicKey<Role>& key) {
    key = crypto::PublicKey<Role>(reader_.array<crypto::key_bytes>());
  }
  template <class T>
  void operator()(std::optional<T>& value) {
    bool present = false;
    (*this)(present);
    if (present) (*this)(value.emplace());
  }
  template <class T>
  void operator()(std::vector<T>& list) {
    const std::size_t count = reader_.u16();
    if (count > list_entries_max) return fail(MessageError::too_long);
    for (std::size_t i = 0; i < count && ok(); i++) (*this)(list.emplace_back());
  }
  void operator()(PortRange& range) {
    fields(*this, range);
    if (range.first > range.last) fail(MessageError::malformed);
  }
  void operator()(PortAttempts& attempts) {
    fields(*this, attempts);
    if (attempts.first > attempts.last || attempts.count < attempts.ports()) fail(MessageError::malformed);
  }
  template <class T>
    requires requires(Decoder& on, T& part) { fields(on, part); }
  void operator()(T& part) {
    fields(*this, part);
  }

  std::uint8_t type() { return reader_.u8(); }
  void fail(MessageError error) {
    if (!error_) error_ = error;
  }
  bool ok() const { return reader_.ok() && !error_; }
  std::optional<MessageError> verdict() const {
    if (error_) return error_;
    if (!reader_.done()) return MessageError::malformed;  // cut short, or something follows
    return std::nullopt;
  }

 private:
  std::uint8_t small(std::uint8_t largest) {
    const std::uint8_t value = reader_.u8();
    if (value <= largest) return value;
    fail(MessageError::malformed);
    return 0;
  }

  Reader reader_;
  std::optional<MessageError> error_;
};

template <class Messages>
Buffer encode_one_of(const Messages& message, std::uint8_t first_type) {
  Buffer out(message_bytes_max);
  Encoder encoder(out);
  encoder.type(static_cast<std::uint8_t>(first_type + message.index()));
  std::visit([&](const auto& m) { fields(encoder, m); }, message);
  assert(encoder.ok());  // the limits on texts and lists keep every message below message_bytes_max
  const std::size_t length = encoder.bytes().size();
  Buffer exact(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length));
  wipe(MutableBytes(out).first(length));  // it may have been a join key
  return exact;
}

template <class Messages, std::size_t index = 0>
bool make_alternative(std::size_t wanted, Messages& message) {
  if constexpr (index < std::variant_size_v<Messages>) {
    if (wanted != index) return make_alternative<Messages, index + 1>(wanted, message);
    message.template emplace<index>();
    return true;
  }
  return false;
}

template <class Messages>
Result<Messages, MessageError> decode_one_of(Bytes packet, std::uint8_t first_type) {
  if (packet.size() > message_bytes_max) return failure(MessageError::too_long);
  Decoder decoder(packet);
  const std::uint8_t type = decoder.type();
  Messages message;
  if (type < first_type || !make_alternative<Messages>(type - first_type, message)) {
    return failure(MessageError::malformed);
  }
  std::visit([&](auto& m) { fields(decoder, m); }, message);
  if (const auto error = decoder.verdict()) return failure(*error);
  return message;
}

}  // namespace

Buffer encode(const FromTunnel& message) {
  return encode_one_of(message, from_tunnel_types);
}
Buffer encode(const FromGate& message) {
  return encode_one_of(message, from_gate_types);
}
Result<FromTunnel, MessageError> decode_from_tunnel(Bytes packet) {
  return decode_one_of<FromTunnel>(packet, from_tunnel_types);
}
Result<FromGate, MessageError> decode_from_gate(Bytes packet) {
  return decode_one_of<FromGate>(packet, from_gate_types);
}

std::size_t descriptors_with(const FromGate& message) {
  if (std::holds_alternative<Begin>(message)) return 2;
  if (std::holds_alternative<Connected>(message)) return 1;
  if (const auto* sockets = std::get_if<UdpSockets>(&message)) {
    return static_cast<std::size_t>(sockets->has_ipv4) + static_cast<std::size_t>(sockets->has_ipv6);
  }
  return 0;
}

std::string bounded_text(std::string_view text) {
  return printable(text, text_bytes_max);
}

std::string whole_text_or_none(std::string_view text) {
  return text.size() <= text_bytes_max && is_printable(text) ? std::string(text) : std::string();
}

}  // namespace quoin::pair

#include "stun/messages.h"

#include <cassert>
#include <optional>

#include "stun/fingerprint.h"

namespace quoin::stun {
namespace {

constexpr std::uint16_t binding_request = 0x0001;
constexpr std::uint16_t binding_response = 0x0101;
constexpr std::uint32_t magic_cookie = 0x2112a442;
constexpr std::string_view tailnode = "tailnode";

enum Attribute : std::uint16_t {
  mapped_address = 0x0001,
  xor_mapped_address = 0x0020,
  old_xor_mapped_address = 0x8020,  // drafts before RFC 5389; the format is the same
  software = 0x8022,
  fingerprint_attribute = 0x8028,
};

constexpr std::uint8_t family_v4 = 1;
constexpr std::uint8_t family_v6 = 2;

std::array<std::byte, 16> cookie_and(const TransactionId& transaction) {
  std::array<std::byte, 16> out{};
  Writer writer(out);
  writer.u32(magic_cookie);
  writer.put(transaction);
  return out;
}

void write_header(Writer& writer, std::uint16_t type, std::size_t length, const TransactionId& transaction) {
  writer.u16(type);
  writer.u16(static_cast<std::uint16_t>(length));
  writer.put(cookie_and(transaction));
}

// A message whose header holds together, and its attributes one by one.
class Message {
 public:
  static Result<Message, StunError> parse(Bytes datagram) {
    if (!is_stun(datagram) || datagram.size() > message_bytes_max) return failure(StunError::not_stun);
    Reader header(datagram);
    Message message(datagram);
    message.type_ = header.u16();
    if (header.u16() != datagram.size() - header_bytes) return failure(StunError::not_stun);
    header.u32();  // the cookie
    message.transaction_ = header.array<12>();
    return message;
  }

  struct Item {
    std::uint16_t attribute;
    Bytes value;
  };
  // Each call gives the next attribute, or nothing at the end. Values are padded to four bytes with anything.
  Result<std::optional<Item>, StunError> next() {
    if (attributes_.done()) return std::nullopt;
    const std::size_t start = datagram_.size() - attributes_.remaining();
    Item item{.attribute = attributes_.u16(), .value = {}};
    const std::size_t length = attributes_.u16();
    item.value = attributes_.take(length);
    attributes_.skip((4 - length % 4) % 4);
    if (!attributes_.ok()) return failure(StunError::malformed);
    if (item.attribute == fingerprint_attribute) {
      const bool last = attributes_.done();
      if (!last || length != 4 || Reader(item.value).u32() != fingerprint(datagram_.first(start))) {
        return failure(StunError::wrong_fingerprint);
      }
    }
    return item;
  }

  std::uint16_t type() const { return type_; }
  const TransactionId& transaction() const { return transaction_; }

 private:
  explicit Message(Bytes datagram) : datagram_(datagram), attributes_(datagram.subspan(header_bytes)) {}
  Bytes datagram_;
  Reader attributes_;
  std::uint16_t type_ = 0;
  TransactionId transaction_{};
};

// The value of the three address attributes; `mask` is zeros for the plain one.
std::optional<Endpoint> read_address(Bytes value, const std::array<std::byte, 16>& mask) {
  Reader reader(value);
  reader.skip(1);
  const std::uint8_t family = reader.u8();
  const std::uint16_t port = reader.u16() ^ Reader(mask).u16();
  if (family != family_v4 && family != family_v6) return std::nullopt;
  std::array<std::byte, 16> address{};
  const std::size_t length = family == family_v4 ? 4 : 16;
  const Bytes masked = reader.take(length);
  if (!reader.done()) return std::nullopt;
  for (std::size_t i = 0; i < length; i++) address[i] = masked[i] ^ mask[i];
  return Endpoint{.address = *IpAddress::from_bytes(Bytes(address).first(length)), .port = port};
}

}  // namespace

bool is_stun(Bytes datagram) {
  if (datagram.size() < header_bytes) return false;
  Reader reader(datagram);
  const std::uint8_t first = reader.u8();
  reader.skip(3);
  return (first & 0xc0) == 0 && reader.u32() == magic_cookie;
}

std::array<std::byte, request_bytes> request(const TransactionId& transaction) {
  std::array<std::byte, request_bytes> out{};
  Writer writer(out);
  write_header(writer, binding_request, request_bytes - header_bytes, transaction);
  writer.u16(software);
  writer.u16(static_cast<std::uint16_t>(tailnode.size()));
  writer.put(bytes_of(tailnode));
  const std::uint32_t sum = fingerprint(writer.bytes());
  writer.u16(fingerprint_attribute);
  writer.u16(sizeof(sum));
  writer.u32(sum);
  assert(writer.ok() && writer.written() == request_bytes);
  return out;
}

Result<TransactionId, StunError> parse_request(Bytes datagram, RequestForm form) {
  Message message = TRY(Message::parse(datagram));
  if (message.type() != binding_request) return failure(StunError::other_kind);
  bool from_tailnode = false;
  bool has_fingerprint = false;
  while (const auto item = TRY(message.next())) {
    if (item->attribute == software) from_tailnode = equal(item->value, bytes_of(tailnode));
    if (item->attribute == fingerprint_attribute) has_fingerprint = true;
  }
  if (form == RequestForm::tailnode && !(from_tailnode && has_fingerprint)) return failure(StunError::not_tailnode);
  return message.transaction();
}

Buffer response(const TransactionId& transaction, const Endpoint& mapped) {
  const Bytes address = mapped.address.bytes();
  const auto mask = cookie_and(transaction);
  const std::size_t attribute_bytes = 4 + address.size();
  Buffer out(header_bytes + 4 + attribute_bytes);
  Writer writer(out);
  write_header(writer, binding_response, 4 + attribute_bytes, transaction);
  writer.u16(xor_mapped_address);
  writer.u16(static_cast<std::uint16_t>(attribute_bytes));
  writer.u8(0);
  writer.u8(mapped.address.is_v4() ? family_v4 : family_v6);
  writer.u16(mapped.port ^ Reader(mask).u16());
  for (std::size_t i = 0; i < address.size(); i++) writer.u8(static_cast<std::uint8_t>(address[i] ^ mask[i]));
  assert(writer.ok() && writer.written() == out.size());
  return out;
}

Result<Response, StunError> parse_response(Bytes datagram) {
  Message message = TRY(Message::parse(datagram));
  if (message.type() != binding_response) return failure(StunError::other_kind);
  const auto mask = cookie_and(message.transaction());
  // In order of preference; of one kind the first that reads well counts.
  std::optional<Endpoint> standard, old, plain;
  while (const auto item = TRY(message.next())) {
    if (item->attribute == xor_mapped_address && !standard) standard = read_address(item->value, mask);
    if (item->attribute == old_xor_mapped_address && !old) old = read_address(item->value, mask);
    if (item->attribute == mapped_address && !plain) plain = read_address(item->value, {});
  }
  const auto& mapped = standard ? standard : old ? old : plain;
  if (!mapped) return failure(StunError::no_address);
  return Response{.transaction = message.transaction(), .mapped = *mapped};
}

}  // namespace quoin::stun

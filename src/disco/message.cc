#include "disco/message.h"

#include <algorithm>

namespace quoin::disco {
namespace {

constexpr std::uint8_t type_ping = 0x01;
constexpr std::uint8_t type_pong = 0x02;
constexpr std::uint8_t type_call_me_maybe = 0x03;
constexpr std::uint8_t version_known = 0;
constexpr std::size_t header_bytes = 2;
constexpr std::size_t endpoint_bytes = 18;

Endpoint read_endpoint(Reader& reader) {
  const IpAddress address = IpAddress::v6(reader.array<16>());
  return {.address = address, .port = reader.u16()};
}

void write_endpoint(Writer& writer, const Endpoint& endpoint) {
  writer.put(endpoint.address.mapped());
  writer.u16(endpoint.port);
}

Result<Message, ParseError> parse_ping(Reader& body) {
  Ping ping;
  ping.transaction = body.array<transaction_bytes>();
  if (!body.ok()) return failure(ParseError::truncated);
  if (body.remaining() >= crypto::key_bytes) {
    ping.node_key = crypto::NodePublicKey(body.array<crypto::key_bytes>());
    ping.padding_bytes = body.remaining();
  }
  return ping;
}

Result<Message, ParseError> parse_pong(Reader& body) {
  Pong pong;
  pong.transaction = body.array<transaction_bytes>();
  pong.source = read_endpoint(body);
  if (!body.ok()) return failure(ParseError::truncated);
  return pong;
}

Result<Message, ParseError> parse_call_me_maybe(Reader& body) {
  if (body.remaining() % endpoint_bytes != 0) return failure(ParseError::uneven);
  CallMeMaybe message;
  const std::size_t count = std::min(body.remaining() / endpoint_bytes, call_me_maybe_endpoints_max);
  message.endpoints.reserve(count);
  for (std::size_t i = 0; i < count; i++) message.endpoints.push_back(read_endpoint(body));
  return message;
}

}  // namespace

Result<Message, ParseError> parse(Bytes payload) {
  Reader reader(payload);
  const std::uint8_t type = reader.u8();
  const std::uint8_t version = reader.u8();
  if (!reader.ok()) return failure(ParseError::truncated);
  if (version != version_known) return Ignored{type};
  switch (type) {
    case type_ping: return parse_ping(reader);
    case type_pong: return parse_pong(reader);
    case type_call_me_maybe: return parse_call_me_maybe(reader);
    default: return Ignored{type};
  }
}

Buffer encode(const Ping& ping) {
  Buffer out(header_bytes + transaction_bytes + (ping.node_key ? crypto::key_bytes + ping.padding_bytes : 0));
  Writer writer(out);
  writer.u8(type_ping);
  writer.u8(version_known);
  writer.put(ping.transaction);
  if (ping.node_key) writer.put(ping.node_key->bytes());
  return out;
}

Buffer encode(const Pong& pong) {
  Buffer out(header_bytes + transaction_bytes + endpoint_bytes);
  Writer writer(out);
  writer.u8(type_pong);
  writer.u8(version_known);
  writer.put(pong.transaction);
  write_endpoint(writer, pong.source);
  return out;
}

Buffer encode(const CallMeMaybe& message) {
  const std::size_t count = std::min(message.endpoints.size(), call_me_maybe_endpoints_max);
  Buffer out(header_bytes + count * endpoint_bytes);
  Writer writer(out);
  writer.u8(type_call_me_maybe);
  writer.u8(version_known);
  for (std::size_t i = 0; i < count; i++) write_endpoint(writer, message.endpoints[i]);
  return out;
}

Endpoint relay_pseudo_endpoint(std::uint16_t region) {
  return {.address = IpAddress::v4(0x7f030328), .port = region};
}

}  // namespace quoin::disco

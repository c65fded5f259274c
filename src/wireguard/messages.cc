#include "wireguard/messages.h"

#include <cassert>

namespace quoin::wireguard {
namespace {

SessionIndex read_index(Reader& reader) {
  return SessionIndex{reader.u32(Endian::little)};
}

void write_start(Writer& writer, MessageType type) {
  writer.u32(static_cast<std::uint32_t>(type), Endian::little);
}

}  // namespace

std::optional<MessageType> message_type(Bytes datagram) {
  if (datagram.size() < 4) return std::nullopt;
  const std::uint32_t type = Reader(datagram).u32(Endian::little);
  if (type < 1 || type > 4) return std::nullopt;
  return static_cast<MessageType>(type);
}

std::optional<Initiation> Initiation::parse(Bytes message) {
  if (message.size() != initiation_bytes || message_type(message) != MessageType::initiation) return std::nullopt;
  Reader reader(message.subspan(4));
  Initiation initiation;
  initiation.sender = read_index(reader);
  initiation.ephemeral = reader.array<32>();
  initiation.sealed_static = reader.array<48>();
  initiation.sealed_timestamp = reader.array<28>();
  return initiation;
}

InitiationBytes Initiation::encode() const {
  InitiationBytes message{};
  Writer writer(message);
  write_start(writer, MessageType::initiation);
  writer.u32(sender.value, Endian::little);
  writer.put(ephemeral);
  writer.put(sealed_static);
  writer.put(sealed_timestamp);
  assert(writer.written() == initiation_bytes - 2 * mac_bytes);
  return message;
}

std::optional<Response> Response::parse(Bytes message) {
  if (message.size() != response_bytes || message_type(message) != MessageType::response) return std::nullopt;
  Reader reader(message.subspan(4));
  Response response;
  response.sender = read_index(reader);
  response.receiver = read_index(reader);
  response.ephemeral = reader.array<32>();
  response.sealed_nothing = reader.array<16>();
  return response;
}

ResponseBytes Response::encode() const {
  ResponseBytes message{};
  Writer writer(message);
  write_start(writer, MessageType::response);
  writer.u32(sender.value, Endian::little);
  writer.u32(receiver.value, Endian::little);
  writer.put(ephemeral);
  writer.put(sealed_nothing);
  assert(writer.written() == response_bytes - 2 * mac_bytes);
  return message;
}

std::optional<CookieReply> CookieReply::parse(Bytes message) {
  if (message.size() != cookie_reply_bytes || message_type(message) != MessageType::cookie_reply) return std::nullopt;
  Reader reader(message.subspan(4));
  CookieReply reply;
  reply.receiver = read_index(reader);
  reply.nonce = reader.array<24>();
  reply.sealed_cookie = reader.array<32>();
  return reply;
}

CookieReplyBytes CookieReply::encode() const {
  CookieReplyBytes message{};
  Writer writer(message);
  write_start(writer, MessageType::cookie_reply);
  writer.u32(receiver.value, Endian::little);
  writer.put(nonce);
  writer.put(sealed_cookie);
  assert(writer.written() == cookie_reply_bytes);
  return message;
}

std::optional<TransportHeader> TransportHeader::parse(Bytes message) {
  if (message.size() < transport_bytes_min || message_type(message) != MessageType::transport) return std::nullopt;
  Reader reader(message.subspan(4));
  TransportHeader header;
  header.receiver = read_index(reader);
  header.counter = reader.u64(Endian::little);
  return header;
}

void TransportHeader::write(MutableBytes sixteen) const {
  Writer writer(sixteen);
  write_start(writer, MessageType::transport);
  writer.u32(receiver.value, Endian::little);
  writer.u64(counter, Endian::little);
  assert(writer.ok());
}

}  // namespace quoin::wireguard

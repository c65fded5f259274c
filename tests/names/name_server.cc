#include "name_server.h"

#include <array>
#include <span>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace quoin::test_names {
namespace {

constexpr std::size_t header_bytes = 12;

void append_u16(Buffer& out, std::uint16_t value) {
  out.push_back(std::byte(value >> 8));
  out.push_back(std::byte(value & 0xff));
}

std::size_t end_of_question(Bytes message) {
  std::size_t at = header_bytes;
  while (message[at] != std::byte(0)) at += 1 + std::to_integer<std::size_t>(message[at]);
  return at + 1 + 4;
}

Buffer reply(const Asked& asked, std::uint16_t answers, std::uint8_t code) {
  Buffer out = to_buffer(Bytes(asked.message).first(end_of_question(asked.message)));
  out[2] = std::byte(0x81);
  out[3] = std::byte(0x80 | code);
  out[6] = std::byte(answers >> 8);
  out[7] = std::byte(answers & 0xff);
  for (std::size_t i = 8; i < header_bytes; i++) out[i] = std::byte(0);
  return out;
}

Asked read(Bytes message) {
  Asked asked{to_buffer(message), {}, {}};
  std::size_t at = header_bytes;
  while (message[at] != std::byte(0)) {
    const auto length = std::to_integer<std::size_t>(message[at]);
    asked.name += (asked.name.empty() ? "" : ".") + std::string(text_of(message.subspan(at + 1, length)));
    at += 1 + length;
  }
  asked.type =
      static_cast<RecordType>(std::to_integer<int>(message[at + 1]) << 8 | std::to_integer<int>(message[at + 2]));
  return asked;
}

}  // namespace

Buffer answer_with(const Asked& asked, const std::vector<IpAddress>& addresses) {
  std::vector<IpAddress> of_type;
  for (const IpAddress& each : addresses) {
    if (each.is_v4() == (asked.type == RecordType::a)) of_type.push_back(each);
  }
  Buffer out = reply(asked, static_cast<std::uint16_t>(of_type.size()), 0);
  for (const IpAddress& each : of_type) {
    append_u16(out, 0xc00c);  // the name of the question
    append_u16(out, static_cast<std::uint16_t>(asked.type));
    append_u16(out, 1);
    append_u16(out, 0);
    append_u16(out, 60);
    append_u16(out, static_cast<std::uint16_t>(each.bytes().size()));
    append(out, each.bytes());
  }
  return out;
}

Buffer no_such_name(const Asked& asked) {
  return reply(asked, 0, 3);
}

NameServer::NameServer(const std::string& address, Answer answer)
    : answer_(std::move(answer)), socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in own{};
  own.sin_family = AF_INET;
  EXPECT_EQ(inet_pton(AF_INET, address.c_str(), &own.sin_addr), 1);
  EXPECT_EQ(bind(socket_.number(), reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
  thread_ = std::thread([this] { serve(); });
}

NameServer::~NameServer() {
  ending_ = true;
  thread_.join();
}

io::Descriptor NameServer::connected() const {
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  EXPECT_EQ(getsockname(socket_.number(), reinterpret_cast<sockaddr*>(&own), &length), 0);
  io::Descriptor made(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(made.number(), reinterpret_cast<const sockaddr*>(&own), length), 0);
  return made;
}

void NameServer::serve() {
  std::array<std::byte, 4096> space;
  while (!ending_) {
    pollfd readable{socket_.number(), POLLIN, 0};
    if (poll(&readable, 1, 20) != 1) continue;
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    auto* const sender = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = recvfrom(socket_.number(), space.data(), space.size(), 0, sender, &length);
    if (got < static_cast<ssize_t>(header_bytes)) continue;
    asked_++;
    const Buffer said = answer_(read(Bytes(space).first(static_cast<std::size_t>(got))));
    if (!said.empty()) sendto(socket_.number(), said.data(), said.size(), 0, sender, length);
  }
}

}  // namespace quoin::test_names

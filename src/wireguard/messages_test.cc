#include "wireguard/messages.h"

#include <gtest/gtest.h>

namespace quoin::wireguard {
namespace {

Buffer counting(std::size_t length, std::uint8_t type) {
  Buffer bytes(length);
  for (std::size_t i = 0; i < length; i++) bytes[i] = static_cast<std::byte>(i);
  for (std::size_t i = 0; i < 4 && i < length; i++) bytes[i] = std::byte{0};
  if (length > 0) bytes[0] = static_cast<std::byte>(type);
  return bytes;
}

TEST(Messages, know_four_types_with_zero_reserved_bytes) {
  for (int type = 0; type < 256; type++) {
    const Buffer message = counting(200, static_cast<std::uint8_t>(type));
    EXPECT_EQ(message_type(message).has_value(), type >= 1 && type <= 4) << type;
    for (std::size_t reserved = 1; reserved < 4; reserved++) {
      Buffer marked = message;
      marked[reserved] = std::byte{1};
      EXPECT_FALSE(message_type(marked)) << type;
    }
  }
  EXPECT_FALSE(message_type(Buffer{std::byte{7}}));  // a filler that Tailscale nodes send
  EXPECT_FALSE(message_type({}));
}

TEST(Messages, parse_at_their_own_length_only) {
  for (std::size_t length = 0; length < 300; length++) {
    EXPECT_EQ(Initiation::parse(counting(length, 1)).has_value(), length == 148) << length;
    EXPECT_EQ(Response::parse(counting(length, 2)).has_value(), length == 92) << length;
    EXPECT_EQ(CookieReply::parse(counting(length, 3)).has_value(), length == 64) << length;
    EXPECT_EQ(TransportHeader::parse(counting(length, 4)).has_value(), length >= 32) << length;
  }
}

TEST(Messages, refuse_another_type_of_the_right_length) {
  for (std::uint8_t type = 0; type < 6; type++) {
    EXPECT_EQ(Initiation::parse(counting(148, type)).has_value(), type == 1);
    EXPECT_EQ(Response::parse(counting(92, type)).has_value(), type == 2);
    EXPECT_EQ(CookieReply::parse(counting(64, type)).has_value(), type == 3);
    EXPECT_EQ(TransportHeader::parse(counting(64, type)).has_value(), type == 4);
  }
}

TEST(Messages, are_little_endian) {
  const auto initiation = Initiation::parse(counting(148, 1));
  ASSERT_TRUE(initiation);
  EXPECT_EQ(initiation->sender.value, 0x07060504U);
  EXPECT_EQ(initiation->ephemeral[0], std::byte{8});
  EXPECT_EQ(initiation->sealed_static[0], std::byte{40});
  EXPECT_EQ(initiation->sealed_timestamp[0], std::byte{88});
  const auto response = Response::parse(counting(92, 2));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->sender.value, 0x07060504U);
  EXPECT_EQ(response->receiver.value, 0x0b0a0908U);
  EXPECT_EQ(response->ephemeral[0], std::byte{12});
  EXPECT_EQ(response->sealed_nothing[0], std::byte{44});
  const auto cookie = CookieReply::parse(counting(64, 3));
  ASSERT_TRUE(cookie);
  EXPECT_EQ(cookie->receiver.value, 0x07060504U);
  EXPECT_EQ(cookie->nonce[0], std::byte{8});
  EXPECT_EQ(cookie->sealed_cookie[0], std::byte{32});
  const auto transport = TransportHeader::parse(counting(64, 4));
  ASSERT_TRUE(transport);
  EXPECT_EQ(transport->receiver.value, 0x07060504U);
  EXPECT_EQ(transport->counter, 0x0f0e0d0c0b0a0908U);
}

TEST(Messages, are_written_as_they_were_read) {
  const Buffer initiation = counting(148, 1);
  EXPECT_TRUE(equal(before_mac1(Initiation::parse(initiation)->encode()), before_mac1(initiation)));
  EXPECT_TRUE(equal(mac1_of(Initiation::parse(initiation)->encode()), Buffer(16)));
  EXPECT_TRUE(equal(mac2_of(Initiation::parse(initiation)->encode()), Buffer(16)));
  const Buffer response = counting(92, 2);
  EXPECT_TRUE(equal(before_mac1(Response::parse(response)->encode()), before_mac1(response)));
  const Buffer cookie = counting(64, 3);
  EXPECT_TRUE(equal(CookieReply::parse(cookie)->encode(), cookie));
  const Buffer transport = counting(32, 4);
  Buffer header(16);
  TransportHeader::parse(transport)->write(header);
  EXPECT_TRUE(equal(header, Bytes(transport).first(16)));
}

}  // namespace
}  // namespace quoin::wireguard

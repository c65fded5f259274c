#include "noise/transport.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/random.h"

namespace quoin::noise {
namespace {

crypto::AeadKey key_of(std::uint8_t byte) {
  std::array<std::byte, 32> bytes;
  bytes.fill(std::byte{byte});
  return crypto::AeadKey(Secret<32>(bytes));
}

Transport sender(std::uint64_t sent = 0) {
  return Transport({.send = key_of(1), .receive = key_of(2), .sent = sent});
}
Transport receiver(std::uint64_t received = 0) {
  return Transport({.send = key_of(2), .receive = key_of(1), .received = received});
}

Buffer random_bytes(std::size_t length) {
  SeededRandom random(length);
  Buffer out(length);
  random.fill(out);
  return out;
}

Buffer sent_by(Transport& from, Bytes plain) {
  Buffer wire;
  EXPECT_TRUE(from.send(plain, wire));
  return wire;
}

TEST(Transport, carries_writes_of_every_size_and_cuts_them_at_4096_bytes_on_the_wire) {
  Transport from = sender();
  Transport to = receiver();
  for (const std::size_t length : {0, 1, 2, 4076, 4077, 4078, 8154, 8155, 100'000}) {
    const Buffer plain = random_bytes(length);
    const Buffer wire = sent_by(from, plain);
    const std::size_t records = (length + record_plain_bytes_max - 1) / record_plain_bytes_max;
    EXPECT_EQ(wire.size(), length + records * (frame_header_bytes + crypto::aead_tag_bytes));
    if (length >= record_plain_bytes_max) {
      EXPECT_EQ(Reader(Bytes(wire).subspan(1)).u16(), record_bytes_max - frame_header_bytes);
    }
    Buffer got;
    ASSERT_TRUE(to.receive(wire, got));
    EXPECT_EQ(got, plain);
    EXPECT_TRUE(to.at_record_boundary());
  }
}

TEST(Transport, does_not_care_how_the_wire_is_cut) {
  const Buffer plain = random_bytes(10'000);
  for (const std::size_t piece : {1, 2, 3, 4, 5, 18, 19, 20, 1000, 4095, 4096, 4097}) {
    Transport from = sender();
    Transport to = receiver();
    const Buffer wire = sent_by(from, plain);
    Buffer got;
    for (std::size_t at = 0; at < wire.size(); at += piece) {
      ASSERT_TRUE(to.receive(Bytes(wire).subspan(at, std::min(piece, wire.size() - at)), got));
    }
    EXPECT_EQ(got, plain) << piece;
  }
}

TEST(Transport, appends_and_keeps_what_its_buffers_held) {
  Transport from = sender();
  Transport to = receiver();
  Buffer wire = to_buffer(bytes_of("x"));
  ASSERT_TRUE(from.send(bytes_of("hello"), wire));
  EXPECT_EQ(text_of(Bytes(wire).first(1)), "x");
  Buffer plain = to_buffer(bytes_of("before "));
  ASSERT_TRUE(to.receive(Bytes(wire).subspan(1), plain));
  EXPECT_EQ(text_of(plain), "before hello");
}

TEST(Transport, takes_a_record_of_no_bytes) {
  Buffer record(frame_header_bytes + crypto::aead_tag_bytes);
  Writer writer(record);
  writer.u8(4);
  writer.u16(crypto::aead_tag_bytes);
  crypto::aead_seal(key_of(1), crypto::counter_nonce(0, Endian::big), {}, writer.reserve(crypto::aead_tag_bytes));
  Transport to = receiver();
  Buffer plain;
  ASSERT_TRUE(to.receive(record, plain));
  EXPECT_TRUE(plain.empty());
}

TEST(Transport, dies_at_a_change_in_any_byte_and_stays_dead) {
  Transport from = sender();
  const Buffer good = sent_by(from, bytes_of("first"));
  const Buffer next = sent_by(from, bytes_of("second"));
  for (std::size_t i = 0; i < good.size(); i++) {
    Transport to = receiver();
    Buffer changed = good;
    changed[i] ^= std::byte{0x20};
    append(changed, next);
    Buffer plain, wire;
    const auto result = to.receive(changed, plain);
    if (!result) {
      const auto again = to.receive(good, plain);
      ASSERT_FALSE(again) << i;
      EXPECT_EQ(again.error(), result.error());
      EXPECT_FALSE(to.send(bytes_of("x"), wire)) << i;
      EXPECT_TRUE(wire.empty());
    } else {
      // Only a length that grew: the receiver waits for the rest of a record that it will refuse.
      EXPECT_TRUE(i == 1 || i == 2) << i;
      EXPECT_FALSE(to.at_record_boundary());
      EXPECT_FALSE(to.receive(Buffer(record_bytes_max), plain)) << i;
    }
    EXPECT_TRUE(plain.empty()) << i;
  }
}

TEST(Transport, says_that_a_stream_was_cut_at_every_byte_but_the_ends_of_records) {
  Transport from = sender();
  Buffer wire = sent_by(from, bytes_of("one"));
  const std::size_t first_bytes = wire.size();
  append(wire, sent_by(from, bytes_of("two")));
  for (std::size_t length = 0; length <= wire.size(); length++) {
    Transport to = receiver();
    Buffer plain;
    ASSERT_TRUE(to.receive(Bytes(wire).first(length), plain));
    EXPECT_EQ(to.at_record_boundary(), length == 0 || length == first_bytes || length == wire.size()) << length;
    EXPECT_EQ(text_of(plain), length == wire.size() ? "onetwo" : length >= first_bytes ? "one" : "");
  }
}

TEST(Transport, refuses_records_repeated_reordered_or_left_out) {
  Transport from = sender();
  const Buffer first = sent_by(from, bytes_of("1"));
  const Buffer second = sent_by(from, bytes_of("2"));
  const Buffer third = sent_by(from, bytes_of("3"));
  Buffer plain;
  Transport repeated = receiver();
  ASSERT_TRUE(repeated.receive(first, plain));
  EXPECT_FALSE(repeated.receive(first, plain));
  Transport reordered = receiver();
  EXPECT_FALSE(reordered.receive(second, plain));
  Transport left_out = receiver();
  ASSERT_TRUE(left_out.receive(first, plain));
  EXPECT_FALSE(left_out.receive(third, plain));
}

TEST(Transport, gives_what_was_authentic_before_a_forged_record) {
  Transport from = sender();
  Buffer wire = sent_by(from, bytes_of("good"));
  Buffer bad = sent_by(from, bytes_of("bad"));
  bad.back() ^= std::byte{1};
  append(wire, bad);
  Transport to = receiver();
  Buffer plain;
  const auto result = to.receive(wire, plain);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), TransportError::not_authentic);
  EXPECT_EQ(text_of(plain), "good");
}

TEST(Transport, refuses_other_types_and_lengths_from_the_header_alone) {
  const auto error_of = [](std::uint8_t type, std::uint16_t length) -> std::optional<TransportError> {
    std::array<std::byte, 3> header;
    Writer writer(header);
    writer.u8(type);
    writer.u16(length);
    Transport to = receiver();
    Buffer plain;
    const auto result = to.receive(header, plain);
    if (result) return std::nullopt;
    return result.error();
  };
  for (int type = 0; type < 256; type++) {
    const auto expected = type == 4 ? std::nullopt : std::optional(TransportError::unexpected_type);
    EXPECT_EQ(error_of(static_cast<std::uint8_t>(type), 100), expected) << type;
  }
  EXPECT_EQ(error_of(4, 0), TransportError::wrong_length);
  EXPECT_EQ(error_of(4, 15), TransportError::wrong_length);
  EXPECT_EQ(error_of(4, 16), std::nullopt);
  EXPECT_EQ(error_of(4, 4093), std::nullopt);
  EXPECT_EQ(error_of(4, 4094), TransportError::wrong_length);
  EXPECT_EQ(error_of(4, 65535), TransportError::wrong_length);
}

TEST(Transport, never_uses_the_last_counter) {
  constexpr std::uint64_t last_used = std::numeric_limits<std::uint64_t>::max() - 1;
  Transport from = sender(last_used);
  Transport to = receiver(last_used);
  const Buffer wire = sent_by(from, bytes_of("last"));
  Buffer plain;
  ASSERT_TRUE(to.receive(wire, plain));
  EXPECT_EQ(text_of(plain), "last");

  Buffer more;
  const auto sent = from.send(bytes_of("one too many"), more);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error(), TransportError::counter_exhausted);
  EXPECT_TRUE(more.empty());
  const auto received = to.receive(wire, plain);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error(), TransportError::counter_exhausted);
}

}  // namespace
}  // namespace quoin::noise

#include "netstack/wire/tcp.h"

#include <gtest/gtest.h>

namespace quoin::netstack::tcp {
namespace {

std::string written(const Header& header) {
  Buffer out(header.length());
  EXPECT_EQ(write_header(header, out), out.size());
  return to_hex(out);
}

// Laid out by hand from RFC 9293, RFC 7323 and RFC 2018; Linux sends its options in the same order.
TEST(TcpHeader, writes_a_syn_with_every_option) {
  const Header header{.source_port = 0xc001,
                      .destination_port = 80,
                      .sequence = 0x01020304,
                      .flags = {.syn = true},
                      .window = 0xffff,
                      .options = {.mss = 1'240,
                                  .window_scale = 8,
                                  .sack_permitted = true,
                                  .timestamps = Timestamps{.value = 0x11223344, .echo = 0}}};
  EXPECT_EQ(written(header),
            "c0010050"
            "01020304"
            "00000000"
            "a002ffff"
            "00000000"
            "020404d8"
            "0402080a1122334400000000"
            "01030308");
}

TEST(TcpHeader, writes_an_acknowledgment_with_three_blocks_beside_timestamps) {
  Header header{.source_port = 80,
                .destination_port = 0xc001,
                .sequence = 0xffffffff,
                .acknowledgment = 0xfffffff0,
                .flags = {.ack = true},
                .window = 255,
                .options = {.timestamps = Timestamps{.value = 1, .echo = 2}}};
  for (std::uint32_t i = 0; i < 4; i++) header.options.sack.add({.left = i * 16, .right = i * 16 + 8});
  EXPECT_EQ(written(header),
            "0050c001"
            "ffffffff"
            "fffffff0"
            "f01000ff"
            "00000000"
            "0101080a0000000100000002"
            "0101051a"
            "0000000000000008"
            "0000001000000018"
            "0000002000000028");
}

TEST(TcpHeader, reads_back_what_it_writes) {
  for (unsigned bits = 0; bits < 64; bits++) {
    Header header{.source_port = 1,
                  .destination_port = 65'535,
                  .sequence = 7,
                  .acknowledgment = 9,
                  .flags = Flags::from_byte(static_cast<std::uint8_t>(bits & 0x1f)),
                  .window = 11};
    if (bits & 1) header.options.mss = 536;
    if (bits & 2) header.options.window_scale = 14;
    if (bits & 4) header.options.sack_permitted = true;
    if (bits & 8) header.options.timestamps = Timestamps{.value = 5, .echo = 6};
    if (bits & 16) header.options.sack.add({.left = 3, .right = 4});
    Buffer packet(header.length());
    write_header(header, packet);
    append(packet, bytes_of("text"));
    const auto parsed = parse_packet(packet);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->header.options, header.options) << bits;
    EXPECT_EQ(parsed->header.flags, header.flags);
    EXPECT_EQ(parsed->header.sequence, 7u);
    EXPECT_EQ(parsed->header.acknowledgment, 9u);
    EXPECT_EQ(parsed->header.window, 11u);
    EXPECT_EQ(text_of(parsed->payload), "text");
  }
}

TEST(TcpHeader, refuses_what_is_not_a_header) {
  const Header header{.source_port = 1, .destination_port = 2};
  Buffer packet(header.length());
  write_header(header, packet);
  EXPECT_EQ(parse_packet(Bytes(packet).first(19)).error(), HeaderError::truncated);
  packet[12] = std::byte{0x40};
  EXPECT_EQ(parse_packet(packet).error(), HeaderError::bad_offset);
  packet[12] = std::byte{0x60};
  EXPECT_EQ(parse_packet(packet).error(), HeaderError::bad_offset);
  packet[12] = std::byte{0x50};
  EXPECT_TRUE(parse_packet(packet));
  packet[3] = std::byte{0};
  EXPECT_EQ(parse_packet(packet).error(), HeaderError::bad_port);
}

Options parsed(std::string_view hex) {
  return Options::parse(*from_hex(hex));
}

TEST(TcpOptions, skip_what_they_do_not_know_and_stop_at_an_impossible_length) {
  EXPECT_EQ(parsed("fe04abcd020404d8"), (Options{.mss = 1'240}));
  EXPECT_EQ(parsed("0101020404d8"), (Options{.mss = 1'240}));
  EXPECT_EQ(parsed("00020404d8"), Options{});
  EXPECT_EQ(parsed("020404d80301"), (Options{.mss = 1'240}));
  EXPECT_EQ(parsed("020404d80300030308"), (Options{.mss = 1'240}));
  EXPECT_EQ(parsed("020404d808ff"), (Options{.mss = 1'240}));
  EXPECT_EQ(parsed("02"), Options{});
}

TEST(TcpOptions, ignore_a_known_option_of_the_wrong_length) {
  EXPECT_EQ(parsed("0205000000"), Options{});
  EXPECT_EQ(parsed("030400ff"), Options{});
  EXPECT_EQ(parsed("05040000"), Options{});
  EXPECT_EQ(parsed("0809000000000000000000"), Options{});
}

TEST(TcpOptions, take_a_shift_above_14_for_14) {
  EXPECT_EQ(parsed("03030f").window_scale, 14);
  EXPECT_EQ(parsed("0303ff").window_scale, 14);
}

}  // namespace
}  // namespace quoin::netstack::tcp

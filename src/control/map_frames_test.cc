#include "control/map_frames.h"

#include <gtest/gtest.h>
#include <zstd.h>

namespace quoin::control {
namespace {

Buffer framed(Bytes payload) {
  Buffer out(4 + payload.size());
  Writer writer(out);
  writer.u32(static_cast<std::uint32_t>(payload.size()), Endian::little);
  writer.put(payload);
  return out;
}

Buffer compressed(Bytes plain) {
  Buffer out(ZSTD_compressBound(plain.size()));
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 1));
  return out;
}

std::vector<std::string> read_all(MapFrameReader& reader, Bytes stream, std::size_t step) {
  std::vector<std::string> out;
  while (!stream.empty()) {
    Bytes piece = stream.first(std::min(step, stream.size()));
    stream = stream.subspan(piece.size());
    while (true) {
      const auto message = reader.next(piece);
      if (!message) return {"error"};
      if (!*message) break;
      out.emplace_back(text_of(**message));
    }
  }
  return out;
}

FrameError error_of(Compression compression, Bytes stream) {
  MapFrameReader reader(compression);
  const auto message = reader.next(stream);
  EXPECT_FALSE(message.has_value());
  return message ? FrameError{} : message.error();
}

TEST(MapFrames, come_out_as_they_went_in_however_the_stream_is_cut) {
  for (const Compression compression : {Compression::none, Compression::zstd}) {
    Buffer stream = map_frame(R"({"KeepAlive":true})", compression);
    append(stream, map_frame("{}", compression));
    append(stream, map_frame(std::string(200'000, ' ') + "1", compression));
    for (const std::size_t step : {1, 3, 4, 5, 100, 1'000'000}) {
      MapFrameReader reader(compression);
      const auto messages = read_all(reader, stream, step);
      ASSERT_EQ(messages.size(), 3u) << step;
      EXPECT_EQ(messages[0], R"({"KeepAlive":true})");
      EXPECT_EQ(messages[1], "{}");
      EXPECT_EQ(messages[2].size(), 200'001u);
      EXPECT_TRUE(reader.at_boundary());
    }
  }
}

TEST(MapFrames, have_a_little_endian_length) {
  const Buffer frame = map_frame("{}", Compression::none);
  EXPECT_EQ(to_hex(frame), "020000007b7d");
}

TEST(MapFrames, are_not_at_a_boundary_in_the_middle) {
  MapFrameReader reader(Compression::none);
  const Buffer frame = map_frame("{}", Compression::none);
  Bytes part = Bytes(frame).first(5);
  ASSERT_TRUE(reader.next(part).has_value());
  EXPECT_FALSE(reader.at_boundary());
}

TEST(MapFrames, that_claim_too_much_are_refused_before_any_of_it_is_kept) {
  Buffer claim(4);
  Writer(claim).u32(map_message_bytes_max + 1, Endian::little);
  EXPECT_EQ(error_of(Compression::none, claim), FrameError::too_long);
  Writer(claim).u32(0xffffffff, Endian::little);
  EXPECT_EQ(error_of(Compression::zstd, claim), FrameError::too_long);
}

TEST(MapFrames, that_decompress_to_exactly_the_limit_pass_and_one_byte_more_does_not) {
  const Buffer limit(map_message_bytes_max, std::byte{' '});
  EXPECT_EQ(decompress(compressed(limit))->size(), map_message_bytes_max);
  const Buffer over(map_message_bytes_max + 1, std::byte{' '});
  EXPECT_EQ(error_of(Compression::zstd, framed(compressed(over))), FrameError::too_long);
}

TEST(MapFrames, that_are_bombs_are_refused) {
  const Buffer gigabyte_in_small = compressed(Buffer(256 * 1024 * 1024, std::byte{0}));
  ASSERT_LT(gigabyte_in_small.size(), 100'000u);
  EXPECT_EQ(error_of(Compression::zstd, framed(gigabyte_in_small)), FrameError::too_long);
}

TEST(MapFrames, that_ask_for_a_huge_window_are_refused) {
  // RFC 8878: magic; descriptor without single segment, size or checksum; window descriptor of 1 GiB; an empty last
  // block.
  const Buffer frame = *from_hex(
      "28b52ffd"
      "00"
      "a0"
      "010000");
  EXPECT_EQ(error_of(Compression::zstd, framed(frame)), FrameError::malformed);
}

TEST(MapFrames, that_are_cut_empty_doubled_or_no_zstd_are_refused) {
  const Buffer whole = compressed(bytes_of("{\"Domain\":\"a domain\"}"));
  for (std::size_t size = 1; size < whole.size(); size++) {
    EXPECT_EQ(error_of(Compression::zstd, framed(Bytes(whole).first(size))), FrameError::malformed) << size;
  }
  Buffer doubled = whole;
  append(doubled, whole);
  EXPECT_EQ(error_of(Compression::zstd, framed(doubled)), FrameError::malformed);
  EXPECT_EQ(error_of(Compression::zstd, framed(bytes_of("{}"))), FrameError::malformed);
  EXPECT_EQ(error_of(Compression::zstd, framed({})), FrameError::malformed);
  EXPECT_EQ(error_of(Compression::none, framed({})), FrameError::malformed);
}

}  // namespace
}  // namespace quoin::control

#include "noise/early_payload.h"

#include <string>

#include <gtest/gtest.h>

namespace quoin::noise {
namespace {

constexpr std::string_view json = R"({"nodeKeyChallenge":"chalpub:00"})";
const Buffer settings_frame = *from_hex("0000060400000000000003000000640000");  // and the first bytes of another

TEST(EarlyPayload, is_written_as_tailscale_writes_it) {
  EXPECT_EQ(to_hex(early_payload(bytes_of("{}"))), "ffffff5453000000027b7d");
}

TEST(EarlyPayload, is_taken_out_of_the_stream_however_it_is_cut) {
  Buffer stream = early_payload(bytes_of(json));
  append(stream, settings_frame);
  for (std::size_t piece = 1; piece <= stream.size(); piece++) {
    EarlyPayloadReader reader;
    Buffer rest;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(reader.receive(Bytes(stream).subspan(at, std::min(piece, stream.size() - at)), rest));
    }
    EXPECT_TRUE(reader.decided());
    ASSERT_TRUE(reader.payload());
    EXPECT_EQ(text_of(*reader.payload()), json);
    EXPECT_EQ(rest, settings_frame);
  }
}

TEST(EarlyPayload, is_not_seen_where_http2_starts_at_once) {
  for (std::size_t piece = 1; piece <= settings_frame.size(); piece++) {
    EarlyPayloadReader reader;
    Buffer rest;
    for (std::size_t at = 0; at < settings_frame.size(); at += piece) {
      ASSERT_TRUE(reader.receive(Bytes(settings_frame).subspan(at, std::min(piece, settings_frame.size() - at)), rest));
    }
    EXPECT_TRUE(reader.decided());
    EXPECT_FALSE(reader.payload());
    EXPECT_EQ(rest, settings_frame);
  }
}

TEST(EarlyPayload, gives_back_a_beginning_that_turns_out_to_be_something_else) {
  const Buffer almost = *from_hex("ffffff545400000001");
  EarlyPayloadReader reader;
  Buffer rest;
  ASSERT_TRUE(reader.receive(Bytes(almost).first(4), rest));
  EXPECT_FALSE(reader.decided());
  EXPECT_TRUE(rest.empty());
  ASSERT_TRUE(reader.receive(Bytes(almost).subspan(4), rest));
  EXPECT_TRUE(reader.decided());
  EXPECT_EQ(rest, almost);
}

TEST(EarlyPayload, may_be_empty_and_is_looked_for_only_once) {
  Buffer stream = early_payload({});
  append(stream, early_payload({}));
  EarlyPayloadReader reader;
  Buffer rest;
  ASSERT_TRUE(reader.receive(stream, rest));
  ASSERT_TRUE(reader.payload());
  EXPECT_TRUE(reader.payload()->empty());
  EXPECT_EQ(rest, early_payload({}));
}

TEST(EarlyPayload, is_refused_before_it_is_held_when_it_is_too_long) {
  Buffer header = early_payload({});
  Writer(MutableBytes(header).subspan(early_payload_magic.size())).u32(early_payload_bytes_max + 1);
  EarlyPayloadReader reader;
  Buffer rest;
  const auto result = reader.receive(header, rest);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), EarlyPayloadError::too_long);
  EXPECT_FALSE(reader.receive(bytes_of("more"), rest));
  EXPECT_TRUE(rest.empty());

  Writer(MutableBytes(header).subspan(early_payload_magic.size())).u32(early_payload_bytes_max);
  EarlyPayloadReader at_the_limit;
  ASSERT_TRUE(at_the_limit.receive(header, rest));
  ASSERT_TRUE(at_the_limit.receive(Buffer(early_payload_bytes_max + 3), rest));
  EXPECT_TRUE(at_the_limit.payload());
  EXPECT_EQ(rest.size(), 3u);
}

}  // namespace
}  // namespace quoin::noise

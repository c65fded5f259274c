#include "control/timestamp.h"

#include <gtest/gtest.h>

namespace quoin::control {
namespace {

TEST(Timestamp, reads_what_go_writes) {
  EXPECT_EQ(Timestamp::parse("1970-01-01T00:02:03Z")->unix_seconds, 123);
  EXPECT_EQ(Timestamp::parse("2026-08-22T10:00:00Z")->unix_seconds, 1787392800);
  EXPECT_EQ(Timestamp::parse("2026-08-22T12:00:00.123456789+02:00")->unix_seconds, 1787392800);
  EXPECT_EQ(Timestamp::parse("2026-08-22T04:30:00-05:30")->unix_seconds, 1787392800);
  EXPECT_TRUE(Timestamp::parse("0001-01-01T00:00:00Z")->is_zero());
  EXPECT_EQ(Timestamp::parse("2024-02-29T23:59:59Z")->unix_seconds, 1709251199);
}

TEST(Timestamp, refuses_what_is_no_time) {
  for (const char* text :
       {"", "2026", "2026-08-22", "2026-08-22T10:00:00", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
        "2026-08-22T24:00:00Z", "2026-08-22T10:60:00Z", "2026-08-22T10:00:60Z", "2026-08-22T10:00:00.Z",
        "2026-08-22T10:00:00+24:00", "2026-08-22T10:00:00Zx", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00", "+026-08-22T10:00:00Z"}) {
    EXPECT_FALSE(Timestamp::parse(text)) << text;
  }
}

TEST(Timestamp, writes_what_it_reads) {
  for (const char* text :
       {"0001-01-01T00:00:00Z", "1970-01-01T00:02:03Z", "2026-08-22T10:00:09Z", "9999-12-31T23:59:59Z"}) {
    EXPECT_EQ(Timestamp::parse(text)->text(), text);
  }
}

}  // namespace
}  // namespace quoin::control

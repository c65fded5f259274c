#include "json/text.h"

#include <gtest/gtest.h>

namespace quoin::json {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

TEST(JsonText, escapes_what_json_asks_for) {
  EXPECT_EQ(quoted("a\"b\\c\nd\te"), R"("a\"b\\c\nd\u0009e")");
  EXPECT_EQ(quoted(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(JsonText, escapes_what_acts_on_a_page_or_a_terminal) {
  EXPECT_EQ(quoted("<&>"), R"("\u003c\u0026\u003e")");
  EXPECT_EQ(quoted("\x1b[31m\x7f\xc2\x9b"), R"("\u001b[31m\u007f\u009b")");
  EXPECT_EQ(quoted("\xe2\x80\xa8\xe2\x80\xa9"), R"("\u2028\u2029")");
}

TEST(JsonText, leaves_other_characters_as_they_are) {
  EXPECT_EQ(quoted("Stra\xc3\x9f"
                   "e \xe6\xbc\xa2 \xf0\x9f\x94\x91"),
            "\"Stra\xc3\x9f"
            "e \xe6\xbc\xa2 \xf0\x9f\x94\x91\"");
}

TEST(JsonText, replaces_each_byte_that_breaks_utf8) {
  EXPECT_EQ(quoted("a\xff"
                   "b"),
            R"("a\ufffdb")");
  EXPECT_EQ(quoted("\xc0\x80"), R"("\ufffd\ufffd")");                      // overlong
  EXPECT_EQ(quoted("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");            // surrogate
  EXPECT_EQ(quoted("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");  // beyond U+10FFFF
  EXPECT_EQ(quoted("\xe2\x82"), R"("\ufffd\ufffd")");                      // cut short
}

TEST(JsonNumber, is_the_shortest_that_reads_back) {
  std::string out;
  append_number(out, 0.1);
  EXPECT_EQ(out, "0.1");
}

}  // namespace
}  // namespace quoin::json

#include "base/printable.h"

#include <gtest/gtest.h>

namespace quoin {
namespace {

TEST(Printable, keeps_what_people_write) {
  for (const char* text : {"", "plain", "Büro 3, 複合機", "Пушкин", "שלום", "مرحبا", "\xf0\x9f\x96\xa8",
                           "a b\xc2\xa0"
                           "c"}) {
    EXPECT_TRUE(is_printable(text)) << text;
    EXPECT_EQ(printable(text, 100), text);
  }
}

TEST(Printable, nothing_that_moves_a_cursor_hides_or_turns_the_direction_of_writing_passes) {
  constexpr const char* bad[] = {"\x1b",
                                 "\n",
                                 "\r",
                                 "\t",
                                 "\x7f",
                                 "\xc2\x80",
                                 "\xc2\x85",
                                 "\xc2\x9b",
                                 "\xc2\x9f",  // C1: CSI among them
                                 "\xd8\x9c",
                                 "\xe2\x80\x8e",
                                 "\xe2\x80\x8f",  // direction marks
                                 "\xe2\x80\xaa",
                                 "\xe2\x80\xae",
                                 "\xe2\x81\xa6",
                                 "\xe2\x81\xa9",  // overrides and isolates
                                 "\xe2\x80\x8b",
                                 "\xe2\x80\x8c",
                                 "\xe2\x80\x8d",
                                 "\xe2\x81\xa0",
                                 "\xef\xbb\xbf",  // without width
                                 "\xc2\xad",
                                 "\xcd\x8f",
                                 "\xe1\xa0\x8e",
                                 "\xe3\x85\xa4",
                                 "\xe1\x85\x9f",  // that nobody sees
                                 "\xe2\x80\xa8",
                                 "\xe2\x80\xa9",  // separators
                                 "\xef\xbf\xb9",
                                 "\xf3\xa0\x81\x81",
                                 "\xef\xbf\xbe",  // annotations, tags, none
                                 "\xff",
                                 "\xc0\x8a",
                                 "\xe0\x80\x8a",
                                 "\xed\xa0\x80",
                                 "\xf4\x90\x80\x80"};  // no UTF-8
  for (const std::string each : bad) {
    const std::string text = "a" + each + "b";
    EXPECT_FALSE(is_printable(text)) << text;
    EXPECT_EQ(printable(text, 100), "a" + std::string(each.size(), '?') + "b") << text;
  }
}

TEST(Printable, cuts_between_characters) {
  EXPECT_EQ(printable("aü", 2), "a");
  EXPECT_EQ(printable("aü", 3), "aü");
}

}  // namespace
}  // namespace quoin

#include "pair/serial_question.h"

#include <gtest/gtest.h>

namespace quoin::pair {
namespace {

TEST(SerialQuestion, comes_back_as_it_was_asked) {
  EXPECT_EQ(decode_question(encode_question("public")), "public");
  EXPECT_EQ(decode_question(encode_question(std::string(community_bytes_max, '~'))),
            std::string(community_bytes_max, '~'));
}

TEST(SerialQuestion, refuses_what_is_no_community) {
  for (const std::string& bad : {std::string(), std::string(community_bytes_max + 1, 'x'), std::string("pub\nlic"),
                                 std::string("publ\xc3\xa9"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(decode_question(bytes_of(bad))) << bad;
  }
}

TEST(SerialAnswer, comes_back_as_it_was_given) {
  for (const SerialAnswer& answer :
       {SerialAnswer{SerialOutcome::read, "3089LAB00021"}, SerialAnswer{SerialOutcome::read, "a b"},
        SerialAnswer{SerialOutcome::silent, ""}, SerialAnswer{SerialOutcome::unreadable, ""}}) {
    EXPECT_EQ(decode_answer(encode(answer)), answer);
  }
}

TEST(SerialAnswer, refuses_every_other_form) {
  const auto packet = [](int outcome, std::string_view rest) {
    Buffer out{static_cast<std::byte>(outcome)};
    append(out, bytes_of(rest));
    return out;
  };
  EXPECT_FALSE(decode_answer({}));
  EXPECT_FALSE(decode_answer(packet(0, "")));
  EXPECT_FALSE(decode_answer(packet(0, " X")));
  EXPECT_FALSE(decode_answer(packet(0, "X ")));
  EXPECT_FALSE(decode_answer(packet(0, "X\x1b[2J")));
  EXPECT_FALSE(decode_answer(packet(0, std::string(serial_bytes_max + 1, 'X'))));
  EXPECT_TRUE(decode_answer(packet(0, std::string(serial_bytes_max, 'X'))));
  EXPECT_FALSE(decode_answer(packet(1, "X")));
  EXPECT_FALSE(decode_answer(packet(2, "X")));
  EXPECT_FALSE(decode_answer(packet(3, "")));
  EXPECT_FALSE(decode_answer(packet(255, "")));
}

TEST(SerialAnswer, is_trimmed_of_what_devices_pad_it_with) {
  using std::string_view;
  EXPECT_EQ(serial_answer_of(bytes_of("  X7LAB00024 ")), (SerialAnswer{SerialOutcome::read, "X7LAB00024"}));
  EXPECT_EQ(serial_answer_of(bytes_of(string_view("X7\0\0", 4))), (SerialAnswer{SerialOutcome::read, "X7"}));
  for (const string_view nothing : {string_view(""), string_view("  "), string_view("\0", 1), string_view("a\0b", 3),
                                    string_view("a\nb"), string_view("\xff")}) {
    EXPECT_EQ(serial_answer_of(bytes_of(nothing)).outcome, SerialOutcome::unreadable);
  }
  EXPECT_EQ(serial_answer_of(bytes_of(std::string(65, 'x'))).outcome, SerialOutcome::unreadable);
}

}  // namespace
}  // namespace quoin::pair

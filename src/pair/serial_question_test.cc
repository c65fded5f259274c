#include "pair/serial_question.h"

#include <gtest/gtest.h>

namespace quoin::pair {
namespace {

TEST(SerialQuestion, comes_back_as_it_was_asked) {
  for (const SerialQuestion& question : {SerialQuestion{"public", SnmpVersion::v2c},
                                         SerialQuestion{std::string(community_bytes_max, '~'), SnmpVersion::v1}}) {
    EXPECT_EQ(decode_question(encode(question)), question);
  }
}

TEST(SerialQuestion, refuses_what_is_no_community) {
  for (const std::string& bad : {std::string(), std::string(community_bytes_max + 1, 'x'), std::string("pub\nlic"),
                                 std::string("publ\xc3\xa9"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(decode_question(bytes_of(std::string(1, '\0') + bad))) << bad;
  }
}

TEST(SerialAnswer, comes_back_as_it_was_given) {
  for (const SerialAnswer& answer :
       {SerialAnswer{SerialOutcome::read, "3089LAB00021"}, SerialAnswer{SerialOutcome::read, "a b"},
        SerialAnswer{SerialOutcome::silent, ""}, SerialAnswer{SerialOutcome::unreadable, "", SnmpVersion::v1},
        SerialAnswer{SerialOutcome::unreadable, "\"a\\x00b\"", SnmpVersion::v2c}}) {
    EXPECT_EQ(decode_answer(encode(answer)), answer);
  }
}

TEST(SerialAnswer, refuses_every_other_form) {
  const auto packet = [](int outcome, std::string_view rest) {
    Buffer out{static_cast<std::byte>(outcome), std::byte(0)};
    append(out, bytes_of(rest));
    return out;
  };
  EXPECT_FALSE(decode_answer({}));
  EXPECT_FALSE(decode_answer(bytes_of(std::string("\0", 1))));
  EXPECT_FALSE(decode_answer(bytes_of(std::string("\0\2X", 3))));
  EXPECT_FALSE(decode_answer(packet(0, "")));
  EXPECT_FALSE(decode_answer(packet(0, " X")));
  EXPECT_FALSE(decode_answer(packet(0, "X ")));
  EXPECT_FALSE(decode_answer(packet(0, "X\x1b[2J")));
  EXPECT_FALSE(decode_answer(packet(0, std::string(serial_bytes_max + 1, 'X'))));
  EXPECT_TRUE(decode_answer(packet(0, std::string(serial_bytes_max, 'X'))));
  EXPECT_FALSE(decode_answer(packet(1, "X")));
  EXPECT_TRUE(decode_answer(packet(2, "X")));
  EXPECT_FALSE(decode_answer(packet(2, "X\n")));
  EXPECT_FALSE(decode_answer(packet(2, std::string(serial_bytes_max + 1, 'X'))));
  EXPECT_FALSE(decode_answer(packet(3, "")));
  EXPECT_FALSE(decode_answer(packet(255, "")));
}

// As they stand in public walks of printers.
TEST(SerialAnswer, has_one_form_however_devices_pad_it) {
  using std::string_view;
  for (const string_view sent :
       {string_view("X7LAB24"), string_view("  X7LAB24 "), string_view("X7LAB24\0\0", 9), string_view("X7LAB24\r\n"),
        string_view("X7LAB24\t"), string_view("X7LAB24\0\x12\x9a?", 11), string_view("\0\nX7LAB24", 9),
        string_view("\xfd\xe8X7LAB24"), string_view("\xef\xbb\xbfX7LAB24"), string_view("X7LAB24\xff\xff\xff\xff"),
        string_view("\0X7LAB24\0 \n", 11)}) {
    EXPECT_EQ(serial_answer_of(bytes_of(sent)), (SerialAnswer{SerialOutcome::read, "X7LAB24"}))
        << shown(bytes_of(sent));
  }
  EXPECT_EQ(serial_answer_of(bytes_of("X7 LAB")).text, "X7 LAB");
  for (const string_view none : {string_view(""), string_view("  "), string_view("\0", 1), string_view("a\nb"),
                                 string_view("\xff\xff"), string_view("a\x1b[2Jb")}) {
    const SerialAnswer answer = serial_answer_of(bytes_of(none));
    EXPECT_EQ(answer.outcome, SerialOutcome::unreadable);
    EXPECT_EQ(answer.text, shown(bytes_of(none)));
  }
  EXPECT_EQ(serial_answer_of(bytes_of(std::string(65, 'x'))).outcome, SerialOutcome::unreadable);
}

TEST(SerialAnswer, is_shown_to_people_as_it_came_and_not_longer_than_a_line) {
  EXPECT_EQ(shown(bytes_of("a\nb\"")), "\"a\\x0ab\\x22\"");
  EXPECT_EQ(shown({}), "\"\"");
  EXPECT_LE(shown(bytes_of(std::string(10'000, '\n'))).size(), serial_bytes_max);
  EXPECT_TRUE(shown(bytes_of(std::string(10'000, 'x'))).ends_with("xxx...\""));
}

}  // namespace
}  // namespace quoin::pair

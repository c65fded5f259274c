#include "pair/name_question.h"

#include <gtest/gtest.h>

namespace quoin::pair {
namespace {

IpAddress at(std::string_view text) {
  return *IpAddress::parse(text);
}

TEST(NameQuestion, comes_back_as_it_was_asked) {
  for (const NameQuestion& question :
       {NameQuestion{7, true, "derp.example.com"}, NameQuestion{0xffffffff, false, std::string(name_bytes_max, 'x')}}) {
    EXPECT_EQ(decode_name_question(encode(question)), question);
  }
}

TEST(NameQuestion, refuses_what_is_no_name_and_every_other_form) {
  const auto packet = [](std::string_view text) { return decode_name_question(bytes_of(text)); };
  using std::string_view;
  EXPECT_TRUE(packet(string_view("\1\0\0\0\1a", 6)));
  EXPECT_FALSE(packet(string_view("\1\0\0\0\2a", 6)));
  EXPECT_FALSE(packet(string_view("\1\0\0\0\1", 5)));
  EXPECT_FALSE(packet(string_view("\1\0\0\0", 4)));
  for (const char* bad : {"a b", "a\n", "\xc3\xa9", "a/b", "a%eth0"}) {
    EXPECT_FALSE(packet(std::string("\1\1\1\1\1", 5) + bad)) << bad;
  }
  EXPECT_FALSE(packet(std::string("\1\1\1\1\1", 5) + std::string(name_bytes_max + 1, 'x')));
}

TEST(NameAnswer, comes_back_as_it_was_given) {
  for (const NameAnswer& answer :
       {NameAnswer{7, NameOutcome::found, {at("192.0.2.1"), at("2001:db8::1")}}, NameAnswer{1, NameOutcome::not_found},
        NameAnswer{2, NameOutcome::failed},
        NameAnswer{3, NameOutcome::found, std::vector(addresses_of_name_max, at("2001:db8::1"))}}) {
    EXPECT_EQ(decode_name_answer(encode(answer)), answer);
  }
}

TEST(NameAnswer, refuses_every_other_form) {
  Buffer good = encode(NameAnswer{7, NameOutcome::found, {at("192.0.2.1")}});
  EXPECT_TRUE(decode_name_answer(good));
  for (std::size_t length = 0; length < good.size(); length++)
    EXPECT_FALSE(decode_name_answer(Bytes(good).first(length)));
  Buffer bad = good;
  bad[4] = std::byte(1);  // not found, with an address
  EXPECT_FALSE(decode_name_answer(bad));
  bad[4] = std::byte(3);
  EXPECT_FALSE(decode_name_answer(bad));
  bad = good;
  bad[5] = std::byte(5);
  EXPECT_FALSE(decode_name_answer(bad));
  bad = encode(NameAnswer{3, NameOutcome::found, std::vector(addresses_of_name_max, at("192.0.2.1"))});
  append(bad, Bytes(good).subspan(5));
  EXPECT_FALSE(decode_name_answer(bad));
  bad = encode(NameAnswer{7, NameOutcome::found, {at("2001:db8::1")}});
  const std::array<std::byte, 12> mapped{{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, std::byte(0xff), std::byte(0xff)}};
  std::ranges::copy(mapped, bad.begin() + 6);
  EXPECT_FALSE(decode_name_answer(bad));
}

TEST(HostTable, is_searched_by_every_name_of_a_line_whatever_its_case) {
  constexpr std::string_view table =
      "127.0.0.1 localhost\n# 192.0.2.9 hidden\n192.0.2.1\tDerp.Lab derp # alias\n2001:db8::1 derp\n192.0.2.1 derp\n"
      "nonsense derp\nfe80::1%eth0 derp\n192.0.2.2 other derp.lab";
  EXPECT_EQ(addresses_in_host_table(table, "derp"), (std::vector{at("192.0.2.1"), at("2001:db8::1")}));
  EXPECT_EQ(addresses_in_host_table(table, "derp.lab."), (std::vector{at("192.0.2.1"), at("192.0.2.2")}));
  EXPECT_EQ(addresses_in_host_table(table, "hidden"), std::vector<IpAddress>());
  EXPECT_EQ(addresses_in_host_table(table, "alias"), std::vector<IpAddress>());
}

}  // namespace
}  // namespace quoin::pair

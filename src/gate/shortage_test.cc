#include "gate/shortage.h"

#include <gtest/gtest.h>

namespace quoin::gate {
namespace {

const WallTime start{seconds(1'795'944'000)};
const Shortage::Refused snmp{"alice@example.com", pair::Protocol::udp, 161, Shortage::Of::room};

TEST(Shortage, says_nothing_before_something_was_refused_and_long_after_it) {
  Shortage shortage;
  EXPECT_EQ(shortage.sentence(start), "");
  shortage.note(snmp, start);
  EXPECT_NE(shortage.sentence(start + minutes(9)), "");
  EXPECT_EQ(shortage.sentence(start + minutes(10)), "");
}

TEST(Shortage, names_who_and_what_since_when_and_does_not_change_while_it_goes_on) {
  Shortage shortage;
  shortage.note(snmp, start);
  const std::string said = shortage.sentence(start);
  EXPECT_TRUE(said.starts_with("udp port 161 of alice@example.com since ")) << said;
  EXPECT_NE(said.find("too many at once"), std::string::npos) << said;
  for (int i = 1; i < 5; i++) {
    shortage.note(snmp, start + minutes(9) * i);
    EXPECT_EQ(shortage.sentence(start + minutes(9) * i), said);
  }
  shortage.note(snmp, start + hours(1));
  EXPECT_NE(shortage.sentence(start + hours(1)), said);
}

TEST(Shortage, says_how_what_is_too_large_gets_through) {
  Shortage shortage;
  shortage.note({"bob@example.com", pair::Protocol::icmp, 0, Shortage::Of::length}, start);
  EXPECT_NE(shortage.sentence(start).find("ping of bob@example.com"), std::string::npos);
  EXPECT_NE(shortage.sentence(start).find("use the IPv4 address"), std::string::npos);
}

}  // namespace
}  // namespace quoin::gate

#include <algorithm>

#include <gtest/gtest.h>

#include "io/isolated_network.h"
#include "io/neighbour_survey.h"
#include "io/run_until.h"

namespace quoin::io {
namespace {

class SurveyTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  }
  std::string survey(const char* address, Duration within = seconds(10)) {
    std::string outcome;
    NeighbourSurvey asked(loop, *IpAddress::parse(address), within,
                          [&](Result<std::vector<MacBytes>, NeighbourError> result) {
                            if (!result) outcome = "error " + std::to_string(static_cast<int>(result.error()));
                            if (!result) return;
                            std::ranges::sort(*result);
                            for (const MacBytes& mac : *result) outcome += (outcome.empty() ? "" : " ") + to_hex(mac);
                          });
    EXPECT_TRUE(run_until(loop, [&] { return !outcome.empty(); }));
    return outcome;
  }
  static std::string error(NeighbourError code) { return "error " + std::to_string(static_cast<int>(code)); }
  Loop loop;
};

TEST_F(SurveyTest, finds_the_one_that_answers) {
  EXPECT_EQ(survey(far_address), far_mac);
  EXPECT_EQ(survey(far_address_v6), far_mac);
}

TEST_F(SurveyTest, finds_both_of_two_that_have_one_address) {
  // A second interface next door on the same wire: a switch of macvlans would say the same.
  ASSERT_TRUE(command_next_door("ip link add second link far address 02:00:00:00:00:77 type macvlan mode bridge"));
  ASSERT_TRUE(command_next_door("sysctl -q -w net.ipv4.conf.all.arp_ignore=1"));
  ASSERT_TRUE(command_next_door("ip address add 192.0.2.2/24 dev second"));
  ASSERT_TRUE(command_next_door("ip address add 2001:db8:1::2/64 dev second nodad"));
  ASSERT_TRUE(command_next_door("ip link set second up"));
  EXPECT_EQ(survey(far_address), std::string(far_mac) + " 020000000077");
  EXPECT_EQ(survey(far_address_v6), std::string(far_mac) + " 020000000077");
  ASSERT_TRUE(command_next_door("ip link del second"));
  ASSERT_TRUE(command_next_door("sysctl -q -w net.ipv4.conf.all.arp_ignore=0"));
  command_here("ip neigh flush dev near");
}

// Somebody who puts himself into the kernel's table and keeps still when the whole link is asked.
TEST_F(SurveyTest, counts_whom_the_kernel_sends_packets_to_now_and_makes_it_forget_him) {
  for (const char* address : {far_address, far_address_v6}) {
    ASSERT_TRUE(
        command_here(std::string("ip neigh replace ") + address + " lladdr 02:ff:ff:ff:ff:ff nud reachable dev near"));
    EXPECT_EQ(survey(address), std::string(far_mac) + " 02ffffffffff");
    EXPECT_FALSE(command_here("ip neigh show dev near | grep 02:ff:ff:ff:ff:ff"));
    EXPECT_EQ(survey(address), far_mac);
  }
}

TEST_F(SurveyTest, makes_the_kernel_forget_whom_it_confirmed_before_and_who_does_not_answer_now) {
  for (const char* address : {far_address, far_address_v6}) {
    ASSERT_TRUE(
        command_here(std::string("ip neigh replace ") + address + " lladdr 02:ff:ff:ff:ff:ff nud stale dev near"));
    EXPECT_EQ(survey(address), far_mac);
    EXPECT_FALSE(command_here("ip neigh show dev near | grep 02:ff:ff:ff:ff:ff"));
  }
}

TEST_F(SurveyTest, that_nobody_answers_or_that_has_nobody_to_ask_says_so) {
  EXPECT_EQ(survey("192.0.2.78", milliseconds(50)), error(NeighbourError::no_answer));
  EXPECT_EQ(survey("2001:db8:1::78", milliseconds(50)), error(NeighbourError::no_answer));
  EXPECT_EQ(survey("203.0.113.1"), error(NeighbourError::not_on_link));
  EXPECT_EQ(survey(near_address), error(NeighbourError::own_address));
}

}  // namespace
}  // namespace quoin::io

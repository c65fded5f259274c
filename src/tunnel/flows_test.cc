#include "tunnel/flows.h"

#include <gtest/gtest.h>

namespace quoin::tunnel {
namespace {

using netstack::FlowId;
using netstack::Transport;

constexpr std::size_t datagrams_of_one_max = Flows::of_one_max / 4 * 3;
constexpr std::size_t datagrams_max = Flows::all_max / 4 * 3;

class FlowsTest : public ::testing::Test {
 protected:
  FlowId add(const std::string& person, Transport transport) {
    const FlowId id{next_++, 1};
    Flow flow;
    flow.id = id;
    flow.transport = transport;
    flow.request = id.index;
    flow.person = person;
    flows.opened(flows.add(std::move(flow)));
    return id;
  }
  FlowId asks(const std::string& person) {
    const FlowId id = add(person, Transport::udp);
    flows.passed(*flows.find(id), false, now);
    return id;
  }
  FlowId answered(const std::string& person) {
    const FlowId id = asks(person);
    flows.passed(*flows.find(id), true, now);
    return id;
  }
  void fill(const std::string& person, Transport transport, std::size_t count) {
    for (std::size_t i = 0; i < count; i++) add(person, transport);
  }

  Instant now{seconds(100)};
  Flows flows;

 private:
  std::uint32_t next_ = 1;
};

TEST_F(FlowsTest, datagrams_of_one_engineer_leave_room_to_their_connections) {
  for (std::size_t i = 0; i < datagrams_of_one_max; i++) {
    ASSERT_TRUE(flows.has_room_for("alice", Transport::udp));
    asks("alice");
  }
  EXPECT_FALSE(flows.has_room_for("alice", Transport::udp));
  EXPECT_TRUE(flows.has_room_for("bob", Transport::udp));
  for (std::size_t i = datagrams_of_one_max; i < Flows::of_one_max; i++) {
    ASSERT_TRUE(flows.has_room_for("alice", Transport::tcp));
    add("alice", Transport::tcp);
  }
  EXPECT_FALSE(flows.has_room_for("alice", Transport::tcp));
  EXPECT_TRUE(flows.has_room_for("bob", Transport::tcp));
}

TEST_F(FlowsTest, datagrams_of_all_leave_room_to_all_connections) {
  fill("alice", Transport::udp, datagrams_of_one_max);
  fill("bob", Transport::udp, datagrams_max - datagrams_of_one_max);
  EXPECT_FALSE(flows.has_room_for("carol", Transport::udp));
  EXPECT_TRUE(flows.has_room_for("carol", Transport::tcp));
}

// Each takes memory that the stack then does not have for anybody else.
TEST_F(FlowsTest, connections_of_one_engineer_leave_memory_to_others_and_to_datagrams) {
  for (std::size_t i = 0; i < Flows::connections_of_one_max; i++) {
    ASSERT_TRUE(flows.has_room_for("bob", Transport::tcp));
    add("bob", Transport::tcp);
  }
  answered("alice");
  EXPECT_FALSE(flows.has_room_for("bob", Transport::tcp));
  EXPECT_EQ(flows.to_take_back("bob", Transport::tcp, now), std::nullopt) << "it would not help, so hers stays";
  EXPECT_TRUE(flows.has_room_for("bob", Transport::udp));
  EXPECT_TRUE(flows.has_room_for("alice", Transport::udp));
  for (std::size_t i = Flows::connections_of_one_max; i < Flows::connections_max; i++) {
    ASSERT_TRUE(flows.has_room_for("alice", Transport::tcp));
    add("alice", Transport::tcp);
  }
  EXPECT_FALSE(flows.has_room_for("alice", Transport::tcp));
  EXPECT_TRUE(flows.has_room_for("carol", Transport::udp));
}

TEST_F(FlowsTest, one_place_is_made_at_a_time_so_that_nobody_loses_flows_in_vain) {
  fill("bob", Transport::tcp, Flows::connections_of_one_max);
  for (std::size_t i = Flows::connections_of_one_max; i < Flows::all_max; i++) answered("alice");
  ASSERT_FALSE(flows.has_room_for("carol", Transport::udp));
  flows.remove(*flows.to_take_back("carol", Transport::udp, now));
  EXPECT_TRUE(flows.has_room_for("carol", Transport::udp));
}

TEST_F(FlowsTest, what_is_being_dialled_has_the_same_shares) {
  for (std::uint32_t i = 0; i < Flows::dialling_of_one_max / 4 * 3; i++) {
    ASSERT_TRUE(flows.may_dial("alice", Transport::udp));
    Flow each;
    each.id = {i, 1};
    each.request = i;
    each.person = "alice";
    each.transport = Transport::udp;
    flows.add(std::move(each));
  }
  EXPECT_FALSE(flows.may_dial("alice", Transport::udp));
  EXPECT_TRUE(flows.may_dial("alice", Transport::tcp));
  EXPECT_TRUE(flows.may_dial("bob", Transport::udp));
}

TEST_F(FlowsTest, the_least_recently_used_of_those_that_were_answered_goes_first) {
  const FlowId first = answered("alice"), second = answered("alice"), unanswered = asks("alice");
  now += seconds(30);
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), first);
  flows.passed(*flows.find(first), false, now);  // it asks again, and waits
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), second);
  flows.passed(*flows.find(first), true, now);
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), second);
  flows.remove(second);
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), first);
  flows.remove(first);
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), unanswered);
  flows.remove(unanswered);
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), std::nullopt);
}

TEST_F(FlowsTest, one_that_waits_for_its_answer_has_ten_seconds) {
  const FlowId flow = asks("alice");
  now += Flows::unanswered_patience - milliseconds(1);
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), std::nullopt);
  now += milliseconds(1);
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), flow);
}

TEST_F(FlowsTest, connections_are_never_taken_back) {
  fill("alice", Transport::tcp, Flows::of_one_max);
  EXPECT_EQ(flows.to_take_back("alice", Transport::tcp, now + hours(1)), std::nullopt);
}

TEST_F(FlowsTest, who_has_too_many_loses_their_own_and_else_whoever_has_the_most) {
  const FlowId of_bob = answered("bob");
  const FlowId of_alice = answered("alice");
  fill("alice", Transport::udp, datagrams_of_one_max - 1);
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), of_alice);
  EXPECT_EQ(flows.to_take_back("carol", Transport::udp, now), of_alice);
  flows.remove(of_alice);
  EXPECT_EQ(flows.to_take_back("carol", Transport::udp, now), of_bob) << "hers wait for their answers";
  fill("alice", Transport::udp, 1);
  EXPECT_EQ(flows.to_take_back("alice", Transport::udp, now), std::nullopt) << "and nobody else's is hers to take";
}

}  // namespace
}  // namespace quoin::tunnel

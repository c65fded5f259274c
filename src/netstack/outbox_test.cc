#include "netstack/outbox.h"

#include <gtest/gtest.h>

namespace quoin::netstack {
namespace {

const IpAddress a = IpAddress::v4(1), b = IpAddress::v4(2), c = IpAddress::v4(3);

Buffer packet(char name) {
  return Buffer(1, std::byte(name));
}

// Serves each line until it is empty, one packet or flow a character; lines are parted by a space.
std::string drained(Outbox& outbox) {
  std::string order;
  while (Outbox::Line* line = outbox.next_line()) {
    if (!order.empty()) order += ' ';
    while (!line->packets.empty()) order += std::string(text_of(outbox.pop_packet(*line)));
    while (!line->flows.empty()) order += std::to_string(outbox.pop_flow(*line));
  }
  return order;
}

TEST(Outbox, keeps_what_goes_to_one_destination_together_packets_first) {
  Outbox outbox;
  outbox.add_flow(b, 1);
  outbox.push(a, packet('x'));
  outbox.push(b, packet('y'));
  outbox.add_flow(a, 2);
  outbox.add_flow(b, 3);
  EXPECT_EQ(drained(outbox), "x2 y13");
  EXPECT_EQ(drained(outbox), "");
}

TEST(Outbox, has_each_flow_in_line_once) {
  Outbox outbox;
  outbox.add_flow(a, 1);
  outbox.add_flow(a, 1);
  EXPECT_EQ(drained(outbox), "1");
  outbox.add_flow(a, 1);
  EXPECT_EQ(drained(outbox), "1");
}

TEST(Outbox, begins_with_the_destination_after_the_one_that_filled_the_last_batch) {
  Outbox outbox;
  for (const IpAddress& to : {a, b, c}) {
    outbox.push(to, packet('1'));
    outbox.push(to, packet('2'));
  }
  std::string order;
  for (int batch = 0; batch < 6; batch++) {  // each batch has room for one packet
    Outbox::Line* line = outbox.next_line();
    ASSERT_NE(line, nullptr);
    order += std::string(text_of(outbox.pop_packet(*line)));
  }
  EXPECT_EQ(order, "111222");
  EXPECT_EQ(outbox.next_line(), nullptr);
}

TEST(Outbox, lets_a_flow_that_was_cut_short_go_on_first_and_one_with_more_to_say_last) {
  Outbox outbox;
  for (const std::uint32_t place : {1u, 2u, 3u}) outbox.add_flow(a, place);
  Outbox::Line* line = outbox.next_line();
  EXPECT_EQ(outbox.pop_flow(*line), 1u);
  outbox.put_back(*line, 1);
  EXPECT_EQ(outbox.pop_flow(*line), 2u);
  outbox.put_front(*line, 2);
  EXPECT_EQ(drained(outbox), "231");
}

TEST(Outbox, forgets_a_flow_that_ended) {
  Outbox outbox;
  outbox.add_flow(a, 1);
  outbox.add_flow(a, 2);
  outbox.remove_flow(a, 1);
  outbox.remove_flow(a, 7);
  EXPECT_EQ(drained(outbox), "2");
  outbox.add_flow(b, 3);
  outbox.remove_flow(b, 3);
  EXPECT_EQ(drained(outbox), "");
}

TEST(Outbox, bounds_finished_packets) {
  Outbox outbox;
  for (std::size_t i = 0; i < Outbox::packets_max; i++) EXPECT_TRUE(outbox.push(i % 2 == 0 ? a : b, packet('x')));
  EXPECT_FALSE(outbox.push(c, packet('y')));
  EXPECT_EQ(drained(outbox).size(), Outbox::packets_max + 1);
  EXPECT_TRUE(outbox.push(c, packet('y')));
}

}  // namespace
}  // namespace quoin::netstack

#include "tunnel/endpoints.h"

#include <gtest/gtest.h>

namespace quoin::tunnel {
namespace {

using Verdict = Endpoints::Verdict;
using path::Origin;

Endpoint peer(std::uint32_t n) {
  return {IpAddress::v4(0xc633'6400U + n), 41'641};
}

class EndpointsTest : public testing::Test {
 protected:
  Verdict send(const Endpoint& to, Origin origin = Origin::named, std::size_t datagrams = 1) {
    const Buffer segments(100 * datagrams, static_cast<std::byte>(to.port));
    return endpoints.judge({to, segments, 100, origin}, now);
  }
  // Asks, and is answered.
  bool connect(const Endpoint& to, Origin origin = Origin::named) {
    if (send(to, origin) != Verdict::wanted) return false;
    endpoints.asked(to, ++request);
    return endpoints.connected(request, now) == to;
  }
  std::size_t released() {
    std::size_t count = 0;
    while (endpoints.poll_released()) count++;
    return count;
  }

  Instant now{hours(1)};
  Endpoints endpoints{now};
  pair::RequestId request = 0;
};

TEST_F(EndpointsTest, what_is_first_sent_waits_for_its_socket_and_is_not_lost) {
  EXPECT_EQ(send(peer(1)), Verdict::wanted);
  endpoints.asked(peer(1), 7);
  EXPECT_EQ(send(peer(1), Origin::named, 3), Verdict::waits);
  EXPECT_EQ(released(), 0U);
  EXPECT_EQ(endpoints.connected(7, now), peer(1));
  const auto first = endpoints.poll_released();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->to, peer(1));
  EXPECT_EQ(first->segments.size(), 100U);
  EXPECT_EQ(released(), 3U);
  EXPECT_EQ(send(peer(1)), Verdict::ready);
}

TEST_F(EndpointsTest, only_so_much_waits) {
  std::size_t asked = 0;
  for (std::uint32_t n = 0; n < 100; n++) {
    if (send(peer(n), Origin::named, 100) != Verdict::wanted) continue;
    endpoints.asked(peer(n), ++request);
    asked++;
  }
  for (pair::RequestId id = 1; id <= request; id++) endpoints.connected(id, now);
  EXPECT_EQ(released(), asked * Endpoints::held_datagrams_max);
  // Nothing is counted twice or forgotten: as much may wait again.
  EXPECT_EQ(send(peer(101), Origin::named, 100), Verdict::wanted);
  endpoints.asked(peer(101), ++request);
  endpoints.connected(request, now);
  EXPECT_EQ(released(), Endpoints::held_datagrams_max);
}

TEST_F(EndpointsTest, a_refused_one_is_not_asked_for_all_the_time) {
  for (const auto& [why, lasts] : {std::pair{pair::Unanswered::not_allowed, Endpoints::refused_for},
                                   {pair::Unanswered::unreachable, Endpoints::no_way_for},
                                   {pair::Unanswered::too_many, Endpoints::too_many_for}}) {
    ASSERT_EQ(send(peer(1)), Verdict::wanted);
    endpoints.asked(peer(1), ++request);
    EXPECT_EQ(endpoints.failed(request, why, now), peer(1));
    EXPECT_EQ(send(peer(1)), Verdict::no_way);
    now = now + lasts - milliseconds(1);
    EXPECT_EQ(send(peer(1)), Verdict::no_way);
    now = now + milliseconds(1);
    EXPECT_EQ(released(), 0U);
  }
  EXPECT_EQ(send(peer(1)), Verdict::wanted);
}

TEST_F(EndpointsTest, a_stranger_brings_no_socket_about) {
  EXPECT_EQ(send(peer(1), Origin::stranger), Verdict::dropped);
  EXPECT_EQ(endpoints.size(), 0U);
  ASSERT_TRUE(connect(peer(1)));
  EXPECT_EQ(send(peer(1), Origin::stranger), Verdict::ready);
}

TEST_F(EndpointsTest, what_is_sent_on_from_a_thousand_places_takes_no_place_from_those_that_are_named) {
  std::uint32_t taken = 0;
  for (std::uint32_t n = 0; n < 1000; n++) {
    if (connect({IpAddress::v4(0xcb00'0000U + n), 1}, Origin::source)) taken++;
    now = now + seconds(1);
  }
  EXPECT_LE(endpoints.size(), Endpoints::sources_max);
  EXPECT_GT(taken, Endpoints::sources_max);
  for (std::uint32_t n = 0; n < Endpoints::endpoints_max - Endpoints::sources_max; n++) {
    EXPECT_TRUE(connect(peer(n))) << n;
  }
}

TEST_F(EndpointsTest, the_one_used_longest_ago_makes_room_but_none_that_is_in_use) {
  for (std::uint32_t n = 0; n < Endpoints::endpoints_max; n++) {
    ASSERT_TRUE(connect(peer(n)));
    now = now + milliseconds(1);
  }
  EXPECT_EQ(send(peer(500)), Verdict::no_way);
  now = now + Endpoints::busy_for;
  EXPECT_EQ(send(peer(0)), Verdict::ready);
  endpoints.note_heard(peer(1), now);
  EXPECT_TRUE(connect(peer(500)));
  EXPECT_EQ(endpoints.poll_given_back(), peer(2));
  EXPECT_EQ(endpoints.poll_given_back(), std::nullopt);
  EXPECT_EQ(endpoints.size(), Endpoints::endpoints_max);
}

TEST_F(EndpointsTest, the_gate_is_not_asked_without_end) {
  std::uint32_t asked = 0;
  for (std::uint32_t n = 0; n < 100'000; n++) {
    if (send(peer(n)) == Verdict::wanted) {
      endpoints.asked(peer(n), ++request);
      endpoints.failed(request, pair::Unanswered::not_allowed, now);
      asked++;
    }
  }
  EXPECT_EQ(asked, Endpoints::named_burst);
  now = now + seconds(1);
  EXPECT_EQ(send(peer(200'000)), Verdict::wanted);
}

TEST_F(EndpointsTest, an_idle_one_is_given_back) {
  ASSERT_TRUE(connect(peer(1)));
  ASSERT_TRUE(connect(peer(2)));
  now = now + seconds(100);
  ASSERT_EQ(send(peer(1)), Verdict::ready);
  now = now + seconds(20);
  ASSERT_EQ(endpoints.poll_timeout(), now);
  endpoints.handle_timeout(now);
  EXPECT_EQ(endpoints.poll_given_back(), peer(2));
  EXPECT_EQ(endpoints.poll_given_back(), std::nullopt);
  ASSERT_EQ(endpoints.poll_timeout(), now + seconds(100));
  now = now + seconds(100);
  endpoints.handle_timeout(now);
  EXPECT_EQ(endpoints.poll_given_back(), peer(1));
  EXPECT_EQ(endpoints.poll_timeout(), std::nullopt);
}

TEST_F(EndpointsTest, when_the_sockets_are_void_all_is_asked_for_anew_and_what_waits_goes_on_waiting) {
  ASSERT_TRUE(connect(peer(1)));
  EXPECT_EQ(send(peer(2)), Verdict::wanted);
  endpoints.asked(peer(2), 50);
  EXPECT_EQ(endpoints.forget_connected(), std::vector{peer(1)});
  EXPECT_EQ(released(), 0U);
  EXPECT_EQ(send(peer(1)), Verdict::wanted);
  EXPECT_EQ(endpoints.connected(50, now), peer(2));
  EXPECT_EQ(released(), 1U);
}

TEST_F(EndpointsTest, an_answer_that_nobody_waits_for_is_nothing) {
  EXPECT_EQ(endpoints.connected(1, now), std::nullopt);
  EXPECT_EQ(endpoints.failed(1, pair::Unanswered::refused, now), std::nullopt);
  EXPECT_EQ(send(peer(1)), Verdict::wanted);
  endpoints.asked(peer(1), 2);
  endpoints.clear();
  EXPECT_EQ(endpoints.connected(2, now), std::nullopt);
}

}  // namespace
}  // namespace quoin::tunnel

#include "path/home_region.h"

#include <gtest/gtest.h>

namespace quoin::path {
namespace {

RelayMap regions(std::initializer_list<RegionId> ids) {
  RelayMap map;
  for (const RegionId id : ids) map.push_back({.id = id, .stun = std::nullopt});
  return map;
}

struct Chosen {
  HomeRegion home;
  Instant now{seconds(100)};

  void report(std::initializer_list<std::pair<RegionId, int>> latencies_ms) {
    now += seconds(23);
    for (const auto& [region, latency] : latencies_ms) home.note_latency(region, milliseconds(latency), now);
    home.note_report_done(now);
  }
};

TEST(HomeRegion, a_single_region_is_home_at_once) {
  Chosen chosen;
  chosen.home.set_map(regions({5}), chosen.now);
  EXPECT_EQ(chosen.home.region(), 5);
}

TEST(HomeRegion, of_several_the_nearest_by_the_first_report) {
  Chosen chosen;
  chosen.home.set_map(regions({1, 2, 3}), chosen.now);
  EXPECT_FALSE(chosen.home.region());
  chosen.report({{1, 80}, {2, 20}, {3, 40}});
  EXPECT_EQ(chosen.home.region(), 2);
  EXPECT_EQ(chosen.home.fastest_other(), 3);
}

TEST(HomeRegion, without_answers_it_is_the_lowest_after_a_second) {
  Chosen chosen;
  chosen.home.set_map(regions({4, 2, 9}), chosen.now);
  chosen.home.note_report_done(chosen.now);
  EXPECT_FALSE(chosen.home.region());
  EXPECT_EQ(chosen.home.next_timeout(), chosen.now + seconds(1));
  chosen.home.handle_timeout(chosen.now + seconds(1));
  EXPECT_EQ(chosen.home.region(), 2);
}

TEST(HomeRegion, without_answers_the_one_last_connected_goes_before_the_lowest) {
  Chosen chosen;
  chosen.home.set_map(regions({2, 4, 9}), chosen.now);
  chosen.home.relay_connected(9);
  chosen.home.handle_timeout(chosen.now + seconds(1));
  EXPECT_EQ(chosen.home.region(), 9);
}

TEST(HomeRegion, stays_unless_the_gain_is_real) {
  Chosen chosen;
  chosen.home.set_map(regions({1, 2}), chosen.now);
  chosen.report({{1, 30}, {2, 50}});
  ASSERT_EQ(chosen.home.region(), 1);
  chosen.now += minutes(10);
  chosen.report({{1, 30}, {2, 21}});  // less than 10 ms
  EXPECT_EQ(chosen.home.region(), 1);
  chosen.now += minutes(10);
  chosen.report({{1, 100}, {2, 80}});  // more than two thirds
  EXPECT_EQ(chosen.home.region(), 1);
  chosen.now += minutes(10);
  chosen.report({{1, 100}, {2, 60}});
  EXPECT_EQ(chosen.home.region(), 2);
}

TEST(HomeRegion, one_slow_answer_among_good_ones_moves_nothing) {
  Chosen chosen;
  chosen.home.set_map(regions({1, 2}), chosen.now);
  chosen.report({{1, 30}, {2, 50}});
  chosen.report({{1, 400}, {2, 50}});
  EXPECT_EQ(chosen.home.region(), 1);
}

TEST(HomeRegion, stays_while_its_relay_is_connected_though_stun_does_not_answer) {
  Chosen chosen;
  chosen.home.set_map(regions({1, 2}), chosen.now);
  chosen.report({{1, 30}, {2, 90}});
  chosen.home.relay_connected(1);
  chosen.now += minutes(6);
  chosen.report({{2, 90}});
  EXPECT_EQ(chosen.home.region(), 1);
  chosen.home.relay_disconnected(1, chosen.now);
  chosen.report({{2, 90}});
  EXPECT_EQ(chosen.home.region(), 2);
}

TEST(HomeRegion, regions_that_are_nobodys_home_are_left_out_unless_there_is_no_other) {
  Chosen chosen;
  RelayMap map = regions({1, 2});
  map[0].never_home = true;
  chosen.home.set_map(map, chosen.now);
  EXPECT_EQ(chosen.home.region(), 2);

  Chosen lonely;
  map.pop_back();
  lonely.home.set_map(map, lonely.now);
  EXPECT_EQ(lonely.home.region(), 1);
}

TEST(HomeRegion, a_score_weighs_latency) {
  Chosen chosen;
  RelayMap map = regions({1, 2});
  map[0].score = 3;
  chosen.home.set_map(map, chosen.now);
  chosen.report({{1, 20}, {2, 40}});
  EXPECT_EQ(chosen.home.region(), 2);
}

TEST(HomeRegion, a_relay_that_stays_down_is_left_once_and_not_returned_to_for_five_minutes) {
  Chosen chosen;
  chosen.home.set_map(regions({1, 2}), chosen.now);
  chosen.report({{1, 10}, {2, 90}});
  chosen.home.relay_connected(1);
  chosen.home.relay_disconnected(1, chosen.now);
  chosen.home.handle_timeout(chosen.now + seconds(9));
  EXPECT_EQ(chosen.home.region(), 1);
  chosen.home.handle_timeout(chosen.now + seconds(10));
  EXPECT_EQ(chosen.home.region(), 2);
  chosen.home.relay_connected(2);
  chosen.report({{1, 10}, {2, 90}});
  EXPECT_EQ(chosen.home.region(), 2);
  chosen.now += minutes(6);
  chosen.report({{1, 10}, {2, 90}});
  EXPECT_EQ(chosen.home.region(), 1);
}

TEST(HomeRegion, who_has_nowhere_else_to_go_stays) {
  Chosen chosen;
  chosen.home.set_map(regions({1}), chosen.now);
  for (int i = 0; i < 5; i++) {
    const auto due = chosen.home.next_timeout();
    ASSERT_TRUE(due);
    ASSERT_GT(*due, chosen.now);
    chosen.now = *due;
    chosen.home.handle_timeout(chosen.now);
    EXPECT_EQ(chosen.home.region(), 1);
  }
}

TEST(HomeRegion, an_empty_map_has_no_home) {
  Chosen chosen;
  chosen.home.set_map(regions({1}), chosen.now);
  chosen.home.set_map({}, chosen.now);
  EXPECT_FALSE(chosen.home.region());
  EXPECT_FALSE(chosen.home.next_timeout());
}

}  // namespace
}  // namespace quoin::path

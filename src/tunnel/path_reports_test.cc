#include "tunnel/path_reports.h"

#include <map>

#include <gtest/gtest.h>

namespace quoin::tunnel {
namespace {

crypto::NodePublicKey engineer(int n) {
  std::array<std::byte, crypto::key_bytes> bytes{};
  bytes[0] = static_cast<std::byte>(n);
  bytes[1] = static_cast<std::byte>(n >> 8);
  return crypto::NodePublicKey(bytes);
}
pair::PathReport through(int who, std::string relay) {
  return {engineer(who), pair::PathKind::relay, std::move(relay), 0};
}
pair::PathReport none(int who) {
  return {engineer(who), pair::PathKind::none, {}, 0};
}

// Takes what may be told until `end`, waking when asked to. All are heard all the time, but for who was heard last
// then.
std::vector<pair::PathReport> told(PathReports& reports, Instant& now, Instant end,
                                   const std::map<crypto::NodePublicKey, Instant>& last_heard = {}) {
  std::vector<pair::PathReport> out;
  for (int wakes = 0; wakes < 100'000; wakes++) {
    reports.look_who_is_silent([&](const auto& key) { return last_heard.contains(key) ? last_heard.at(key) : now; },
                               now);
    while (auto report = reports.take(now)) out.push_back(*std::move(report));
    const auto next = reports.poll_timeout();
    if (!next || *next > end) break;
    EXPECT_GE(*next, now);
    now = std::max(now, *next);
  }
  now = end;
  return out;
}

TEST(PathReports, the_first_paths_are_told_at_once) {
  Instant now{};
  PathReports reports(now);
  reports.note(none(1), now);
  reports.note(through(1, "ams"), now);
  const auto said = told(reports, now, now);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].through, "ams");
  EXPECT_EQ(reports.poll_timeout(), now + PathReports::looked_every);
  reports.note(none(1), now);
  told(reports, now, now + minutes(1));
  EXPECT_FALSE(reports.poll_timeout());
}

TEST(PathReports, a_path_that_changes_all_the_time_is_told_once_a_second_and_as_it_is_in_the_end) {
  Instant now{};
  PathReports reports(now);
  std::vector<pair::PathReport> said;
  for (int i = 0; i < 10'000; i++) {  // ten seconds
    reports.note(i % 2 == 0 ? through(1, "ams") : i % 4 == 1 ? through(1, "fra") : none(1), now);
    for (auto& report : told(reports, now, now + milliseconds(1))) said.push_back(std::move(report));
  }
  reports.note(through(1, "fra"), now);
  for (auto& report : told(reports, now, now + seconds(2))) said.push_back(std::move(report));
  EXPECT_GE(said.size(), 8u);
  EXPECT_LE(said.size(), 32u);
  EXPECT_EQ(said.back().through, "fra");
}

TEST(PathReports, one_engineer_whose_path_changes_does_not_hold_up_another) {
  Instant now{};
  PathReports reports(now);
  for (int i = 0; i < 100; i++) {
    reports.note(through(1, std::to_string(i)), now);
    told(reports, now, now);
  }
  reports.note(through(2, "ams"), now);
  const auto said = told(reports, now, now);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].engineer, engineer(2));
}

TEST(PathReports, all_paths_together_keep_to_a_pace_and_none_is_lost) {
  Instant now{};
  PathReports reports(now);
  for (int who = 0; who < 1000; who++) reports.note(through(who, "ams"), now);
  EXPECT_EQ(told(reports, now, now).size(), PathReports::burst);
  const Duration rest = PathReports::interval * (1000 - PathReports::burst);
  EXPECT_EQ(told(reports, now, now + rest + seconds(2)).size(), 1000 - PathReports::burst);
}

TEST(PathReports, who_has_not_been_heard_for_three_minutes_is_told_as_silent_and_who_speaks_again_is_not) {
  Instant now{};
  PathReports reports(now);
  reports.note(through(1, "ams"), now);
  reports.note(through(2, "ams"), now);
  std::map<crypto::NodePublicKey, Instant> last_heard{{engineer(1), now + seconds(10)}};
  EXPECT_EQ(told(reports, now, now + seconds(10) + PathReports::silent_after - milliseconds(1), last_heard).size(), 2u);
  const auto silent = told(reports, now, now + PathReports::looked_every, last_heard);
  ASSERT_EQ(silent.size(), 1u);
  EXPECT_EQ(silent[0].engineer, engineer(1));
  EXPECT_EQ(silent[0].through, "ams");
  EXPECT_GE(silent[0].silent_seconds, 180u);
  EXPECT_LE(silent[0].silent_seconds, 185u);
  EXPECT_TRUE(told(reports, now, now + minutes(10), last_heard).empty());
  reports.note(through(1, "fra"), now);  // another way, and still not a word
  const auto moved = told(reports, now, now + seconds(1), last_heard);
  ASSERT_EQ(moved.size(), 1u);
  EXPECT_GT(moved[0].silent_seconds, 0u);
  last_heard[engineer(1)] = now;
  const auto back = told(reports, now, now + PathReports::looked_every, last_heard);
  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0].silent_seconds, 0u);
}

TEST(PathReports, who_comes_and_goes_is_not_told_of_more_often_for_it) {
  Instant now{};
  PathReports reports(now);
  std::size_t said = 0;
  for (int i = 0; i < 10'000; i++) {
    reports.note(through(1, "ams"), now);
    reports.note(none(1), now);
    said += told(reports, now, now + milliseconds(1)).size();
  }
  EXPECT_LE(said, 32u);
}

}  // namespace
}  // namespace quoin::tunnel

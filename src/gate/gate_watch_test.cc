// Being told in time: the warning before the end, and `status --watch`.
#include <gtest/gtest.h>

#include "gate/audit_queue.h"
#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

CommandId watch(Site& site) {
  return site.command(StatusRequest{.watch = true});
}
bool warned_in_status(Site& site) {
  const Reply status = *site.reply(site.command(StatusRequest{}));
  const bool in_text = status.text.find("  warning    mfp ends within five minutes") != std::string::npos;
  EXPECT_EQ(in_text, status.open->front().ends_soon);
  return in_text;
}

TEST(EndsSoon, is_said_by_status_and_once_by_the_log_five_minutes_before_the_end) {
  Site site;
  site.open_with_alice("mfp", "30m");
  site.pass(minutes(25) - seconds(1));
  EXPECT_FALSE(warned_in_status(site));
  EXPECT_EQ(site.log.size(), 0U);
  site.pass(seconds(2));
  EXPECT_TRUE(warned_in_status(site));
  ASSERT_EQ(site.log.size(), 1U);
  EXPECT_EQ(site.log.front(),
            "mfp ends within five minutes; quoin-agent extend mfp --for 30m keeps it open for longer");
  site.pass(minutes(4));
  EXPECT_EQ(site.log.size(), 1U);
}

TEST(EndsSoon, is_said_again_after_an_extension) {
  Site site;
  site.open_with_alice("mfp", "30m");
  site.pass(minutes(26));
  site.command(ExtendRequest{"mfp", "20m"});
  EXPECT_FALSE(warned_in_status(site));
  site.pass(minutes(14));
  EXPECT_EQ(site.log.size(), 1U);
  site.pass(minutes(2));
  EXPECT_TRUE(warned_in_status(site));
  EXPECT_EQ(site.log.size(), 2U);
}

TEST(EndsSoon, follows_the_calendar_where_that_comes_first) {
  Site site;
  site.open_with_alice("mfp", "30m");
  site.jump_calendar(minutes(26));
  site.pass(seconds(1));
  EXPECT_TRUE(warned_in_status(site));
  EXPECT_EQ(site.log.size(), 1U);
}

TEST(EndsSoon, is_no_news_for_the_log_of_what_was_opened_for_less) {
  Site site;
  site.open_with_alice("mfp", "4m");
  EXPECT_TRUE(warned_in_status(site));
  site.pass(minutes(3));
  EXPECT_EQ(site.log.size(), 0U);
}

TEST(Watch, tells_at_once_and_then_each_change_and_at_rest_nothing) {
  Site site;
  const auto id = watch(site);
  ASSERT_EQ(site.updates(id), 1U);
  EXPECT_EQ(site.last_update(id).text, "Nothing is open.");
  site.pass(hours(1));
  EXPECT_EQ(site.updates(id), 1U);
  site.open_with_alice("mfp", "30m");
  site.pass(seconds(2));
  ASSERT_TRUE(site.last_update(id).open && site.last_update(id).open->size() == 1);
  EXPECT_EQ(site.last_update(id).open->front().state, "open");
  EXPECT_EQ(site.last_update(id).open->front().paths.size(), 1U);
  const std::size_t so_far = site.updates(id);
  site.pass(minutes(20));  // only the countdown goes on
  EXPECT_EQ(site.updates(id), so_far);
  site.pass(minutes(6));
  EXPECT_EQ(site.updates(id), so_far + 1);
  EXPECT_TRUE(site.last_update(id).open->front().ends_soon);
  site.pass(minutes(6));
  EXPECT_EQ(site.last_update(id).text, "Nothing is open.");
  EXPECT_FALSE(site.reply(id));
  EXPECT_PROMISES_KEPT(site);
}

TEST(Watch, tells_the_last_of_many_changes_once_a_second_at_most) {
  Site site;
  const SessionId session = site.open_with_alice("mfp", "30m");
  const auto id = watch(site);
  for (int i = 0; i < 1000; i++) {
    site.say(session, pair::PathReport{node_key(1), pair::PathKind::direct, "198.51.100.1:" + std::to_string(i)});
    site.pass(milliseconds(3));
  }
  site.pass(seconds(2));
  EXPECT_LE(site.updates(id), 6U);
  EXPECT_EQ(site.last_update(id).open->front().paths.front().through, "198.51.100.1:999");
  EXPECT_PROMISES_KEPT(site);
}

TEST(Watch, tells_that_the_audit_file_does_not_keep_up_when_nothing_else_happens) {
  Site site;
  const auto id = watch(site);
  site.pass(seconds(5));
  site.hold_appends = true;
  site.command(CloseRequest{"no such device"});  // a refusal, which is recorded
  site.pass(AuditQueue::slow_after - milliseconds(1));
  EXPECT_EQ(site.last_update(id).audit_works, true);
  site.pass(milliseconds(1));
  EXPECT_EQ(site.last_update(id).audit_works, false);
  EXPECT_EQ(site.gate->poll_timeout(), std::nullopt);
  site.release_appends();
  site.pass(seconds(2));
  EXPECT_EQ(site.last_update(id).audit_works, true);
  EXPECT_PROMISES_KEPT(site);
}

TEST(Watch, wakes_nobody_while_nothing_is_open_and_nothing_happens) {
  Site site;
  watch(site);
  site.pass(seconds(5));
  EXPECT_EQ(site.gate->poll_timeout(), std::nullopt);
}

TEST(Watch, has_room_for_so_many_and_for_another_when_one_has_gone) {
  Site site;
  std::vector<CommandId> watchers;
  for (std::size_t i = 0; i < Gate::watchers_max; i++) watchers.push_back(watch(site));
  const auto one_more = watch(site);
  ASSERT_TRUE(site.reply(one_more));
  EXPECT_EQ(site.reply(one_more)->code, ExitCode::refused);
  EXPECT_TRUE(site.reply(site.command(StatusRequest{})));  // asking once is always possible
  site.hang_up(watchers.front());
  const auto another = watch(site);
  EXPECT_EQ(site.updates(another), 1U);
  site.open_with_alice();
  site.pass(seconds(2));
  EXPECT_EQ(site.updates(watchers.front()), 1U);
  EXPECT_GT(site.updates(watchers.back()), 1U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(Watch, is_for_those_who_may_command) {
  Site site;
  const auto id = site.command(StatusRequest{.watch = true}, {.uid = 1000, .name = "eve", .in_group = false});
  EXPECT_EQ(site.reply(id)->code, ExitCode::refused);
  site.open_with_alice();
  site.pass(seconds(2));
  EXPECT_EQ(site.updates(id), 0U);
}

}  // namespace
}  // namespace quoin::gate

// Extending an open device: by the person at the agent alone, written down before it counts, never beyond the longest
// time from now, never to an earlier end.
#include <gtest/gtest.h>

#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

#define EXPECT_PROMISES_KEPT(site) EXPECT_EQ((site).broken, std::vector<std::string>())

CommandId extend(Site& site, std::string lasts, std::string device = "mfp") {
  return site.command(ExtendRequest{std::move(device), std::move(lasts)});
}

TEST(GateExtend, gives_a_device_so_much_longer_from_now) {
  Site site;
  site.open_with_alice("mfp", "30m");
  site.pass(minutes(20));
  const auto reply = site.reply(extend(site, "30m"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, ExitCode::done);
  ASSERT_TRUE(reply->open && reply->open->size() == 1);
  EXPECT_EQ(reply->open->front().seconds_left, 30 * 60);
  EXPECT_EQ(reply->text, "mfp is open until " + reply->open->front().until + " now (30m from now).");
  const auto told = site.told<pair::Extend>(1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().deadline, site.now + minutes(30));
  site.pass(minutes(30) - milliseconds(1));
  EXPECT_EQ(site.running(), 1U);
  site.pass(milliseconds(1));
  site.pass(seconds(1));
  EXPECT_EQ(site.running(), 0U);
  EXPECT_NE(site.last_record("closed").find("the time was up"), std::string::npos);
  EXPECT_TRUE(site.audit_is_whole());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateExtend, is_recorded_with_who_did_it_and_both_ends) {
  Site site;
  site.open_with_alice("mfp", "30m");
  const std::string before = site.reply(site.command(StatusRequest{}))->open->front().until;
  site.command(ExtendRequest{"mfp", "1h"}, {.uid = 1000, .name = "carla", .in_group = true});
  const std::string after = site.reply(site.command(StatusRequest{}))->open->front().until;
  EXPECT_NE(before, after);
  EXPECT_NE(site.last_record("extended")
                .find(R"("device":"mfp","by":"carla","until":")" + after + R"(","until_before":")" + before + R"(")"),
            std::string::npos)
      << site.last_record("extended");
}

TEST(GateExtend, counts_only_once_its_record_is_on_disk) {
  Site site;
  site.open_with_alice("mfp", "30m");
  site.hold_appends = true;
  const auto id = extend(site, "1h");
  EXPECT_FALSE(site.reply(id));
  EXPECT_TRUE(site.told<pair::Extend>(1).empty());
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->open->front().seconds_left, 30 * 60);
  EXPECT_EQ(site.reply(extend(site, "2h"))->text,
            "mfp is just being extended by somebody else; try again in a moment.");
  site.release_appends();
  EXPECT_EQ(site.reply(id)->code, ExitCode::done);
  EXPECT_EQ(site.told<pair::Extend>(1).size(), 1U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateExtend, that_cannot_be_written_down_ends_the_device) {
  Site site;
  site.open_with_alice("mfp", "30m");
  site.disk_works = false;
  const auto id = extend(site, "1h");
  ASSERT_TRUE(site.reply(id));
  EXPECT_EQ(site.reply(id)->code, ExitCode::failed);
  EXPECT_EQ(site.reply(id)->text, "mfp ended while it was being extended: the audit file cannot be written.");
  EXPECT_TRUE(site.told<pair::Extend>(1).empty());
  site.disk_works = true;
  site.pass(seconds(10));
  EXPECT_EQ(site.running(), 0U);
  EXPECT_EQ(site.records("extended"), 0U);  // it never came about
  EXPECT_TRUE(site.audit_is_whole());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateExtend, a_warrant_that_ends_while_it_is_written_down_stays_over) {
  Site site;
  site.open_with_alice("mfp", "30m");
  site.hold_appends = true;
  const auto id = extend(site, "1h");
  site.pass(minutes(30));
  site.release_appends();
  site.pass(seconds(2));
  EXPECT_EQ(site.reply(id)->text, "mfp ended while it was being extended: the time was up.");
  EXPECT_TRUE(site.told<pair::Extend>(1).empty());
  EXPECT_EQ(site.running(), 0U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateExtend, a_calendar_set_back_while_it_is_written_down_ends_the_device) {
  Site site;
  site.open_with_alice("mfp", "30m");
  site.hold_appends = true;
  const auto id = extend(site, "4h");
  site.jump_calendar(-hours(1));
  site.release_appends();
  EXPECT_EQ(site.reply(id)->text,
            "mfp ended while it was being extended: a clock was set while it was being extended.");
  site.pass(seconds(2));
  EXPECT_EQ(site.running(), 0U);
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateExtend, refuses_with_a_sentence_and_records_the_refusal) {
  Site site;
  EXPECT_EQ(site.reply(extend(site, "1h"))->code, ExitCode::refused);
  EXPECT_EQ(site.reply(extend(site, "1h"))->text, "mfp is not open, so it cannot be extended; open it.");
  EXPECT_EQ(site.reply(extend(site, "1h", "files"))->code, ExitCode::wrong_usage);
  site.open_with_alice("mfp", "30m");
  EXPECT_EQ(site.reply(extend(site, "soon"))->code, ExitCode::wrong_usage);
  EXPECT_EQ(site.reply(extend(site, "0s"))->code, ExitCode::wrong_usage);
  EXPECT_EQ(site.reply(extend(site, "5h"))->code, ExitCode::refused);
  EXPECT_EQ(site.reply(extend(site, "5h"))->text, "5h is longer than warrant.longest allows; ask for 4h at most.");
  const auto shorter = site.reply(extend(site, "29m"));
  EXPECT_EQ(shorter->code, ExitCode::refused);
  EXPECT_NE(shorter->text.find("an extension never shortens: to end it earlier, close it."), std::string::npos);
  EXPECT_EQ(site.reply(site.command(ExtendRequest{"mfp", "1h"}, {.uid = 1000, .name = "eve", .in_group = false}))->code,
            ExitCode::refused);
  EXPECT_NE(site.last_record("refused").find(R"("command":"any")"), std::string::npos);
  EXPECT_EQ(site.records("refused"), 9U);
  EXPECT_EQ(site.records("extended"), 0U);
  EXPECT_TRUE(site.told<pair::Extend>(1).empty());
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateExtend, waits_neither_for_an_opening_nor_for_a_closing) {
  Site site;
  site.manner = SimulatedEdge::Manner::silent;
  site.open("mfp");
  EXPECT_EQ(site.reply(extend(site, "1h"))->text, "mfp is just being opened; try again in a moment.");
  site.manner = SimulatedEdge::Manner::stopped;
  site.command(CloseRequest{"mfp"});
  EXPECT_EQ(site.reply(extend(site, "1h"))->text, "mfp is just being closed; try again in a moment.");
  EXPECT_PROMISES_KEPT(site);
}

TEST(GateExtend, a_person_who_hangs_up_leaves_what_was_asked_for) {
  Site site;
  site.open_with_alice("mfp", "30m");
  site.hold_appends = true;
  const auto id = extend(site, "1h");
  site.hang_up(id);
  site.release_appends();
  EXPECT_FALSE(site.reply(id));
  EXPECT_EQ(site.reply(site.command(StatusRequest{}))->open->front().seconds_left, 60 * 60);
  EXPECT_PROMISES_KEPT(site);
}

}  // namespace
}  // namespace quoin::gate

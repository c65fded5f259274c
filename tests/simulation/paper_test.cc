// A printer that is out of paper and reads nothing for ten minutes: an ordinary day, and no reason to break anything.
#include "town.h"

namespace quoin::simulation {
namespace {

// Port 9100 of a printer that prints until its tray is empty, and goes on where it was when somebody fills it.
class PaperTray final : public Service {
 public:
  static constexpr std::uint64_t first_tray_bytes = 300'000;

  bool is_hungry_later() const override { return true; }
  void fill_tray() { is_filled_ = true; }

 private:
  std::size_t appetite() const override {
    return is_filled_ ? SIZE_MAX : static_cast<std::size_t>(first_tray_bytes - std::min(position_, first_tray_bytes));
  }
  void take(Bytes bytes) override {
    for (const std::byte each : bytes) {
      if (each != byte_at(position_++)) is_right_ = false;
    }
  }
  void finish() override {
    append(output_, bytes_of(std::to_string(position_) + (is_right_ ? " right" : " wrong")));
    ends_ = true;
  }
  bool is_filled_ = false;
  bool is_right_ = true;
  std::uint64_t position_ = 0;
};

TEST(OutOfPaper, a_job_waits_ten_minutes_and_then_arrives_byte_for_byte) {
  constexpr std::size_t job_bytes = 5'000'000;
  for (const bool direct : {true, false}) {
    Town town;
    const auto tray = std::make_shared<PaperTray>();
    town.agent.printer.tcp[9102] = [&] { return tray; };
    ASSERT_TRUE(town.open());
    if (direct) {
      const auto echo = town.alice.connect(town.printer(), 7);
      ASSERT_TRUE(town.go_direct(echo));
    } else {
      town.no_udp();
    }
    const auto job = town.alice.connect(town.printer(), 9102);
    town.alice.send_pattern(job, job_bytes);
    town.alice.finish(job);
    ASSERT_TRUE(town.world.run_until([&] { return tray->taken() == PaperTray::first_tray_bytes; }, seconds(30)));
    town.world.run(minutes(10));
    EXPECT_FALSE(town.alice.flow(job).closed);
    EXPECT_FALSE(tray->got_reset() || tray->got_closed());
    EXPECT_EQ(tray->taken(), PaperTray::first_tray_bytes);
    EXPECT_EQ(town.fetch(), WebPage::page);  // whoever looks at the printer's page why, sees it
    tray->fill_tray();
    ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(job).finished_by_peer; }, minutes(3)));
    EXPECT_EQ(town.alice.flow(job).received, std::to_string(job_bytes) + " right");
  }
}

TEST(Silence, of_a_printer_is_silence_for_the_client_too_and_each_try_asks_once) {
  Town town;
  town.agent.script.dial_time = seconds(10);
  town.agent.printer.unanswered[80] = pair::Unanswered::timed_out;
  ASSERT_TRUE(town.open());
  const std::size_t before = town.agent.count<pair::DialService>();
  const auto flow = town.alice.connect(town.printer(), 80);
  town.world.run(seconds(9));  // three or four SYNs
  EXPECT_EQ(town.agent.count<pair::DialService>(), before + 1);
  EXPECT_FALSE(town.alice.flow(flow).closed);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(flow).closed.has_value(); }, minutes(5)));
  EXPECT_EQ(town.alice.flow(flow).closed, netstack::CloseReason::timed_out);  // by its own patience
  const std::size_t tries = town.agent.count<pair::DialService>() - before;
  EXPECT_GE(tries, 2u);
  EXPECT_LE(tries, 7u);
  town.world.run(seconds(11));
  town.agent.printer.unanswered.clear();
  town.agent.script.dial_time = milliseconds(3);
  EXPECT_EQ(town.fetch(), WebPage::page);
}

}  // namespace
}  // namespace quoin::simulation

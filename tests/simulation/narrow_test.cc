// An uplink that loses large datagrams without a word, and an engineer whose client notices nothing of it, as
// Tailscale's do: the relay carries everything, after a moment at most.
#include "town.h"

namespace quoin::simulation {
namespace {

constexpr std::size_t uplink_bytes = 1272;  // 1300 with the headers
constexpr std::size_t bulk_bytes = 1'000'000;

struct Hole {
  const char* name;
  bool out, in;
};

class Narrow : public ::testing::TestWithParam<Hole> {
 protected:
  void SetUp() override {
    town.alice.is_stock = true;
    town.alice.restart();
    town.agent.printer.tcp[8080] = [] { return std::make_shared<Download>(bulk_bytes); };
    narrow();
    ASSERT_TRUE(town.open());
  }
  void narrow() {
    if (GetParam().out) town.customer.largest_out = uplink_bytes;
    if (GetParam().in) town.customer.largest_in = uplink_bytes;
  }
  void widen() { town.customer.largest_out = town.customer.largest_in = SIZE_MAX; }
  bool is_past_narrow() const {
    return town.agent.path() && town.agent.path()->kind == pair::PathKind::relay_past_narrow;
  }
  // How long each takes; none if it does not end.
  std::optional<Duration> scan() {
    const Instant begin = town.world.now;
    const auto flow = town.alice.connect(town.printer(), 8080);
    if (!town.world.run_until([&] { return town.alice.flow(flow).finished_by_peer; }, minutes(2))) return std::nullopt;
    EXPECT_EQ(town.alice.flow(flow).received_bytes, bulk_bytes);
    EXPECT_TRUE(town.alice.flow(flow).received_right);
    town.alice.finish(flow);
    return town.world.now - begin;
  }
  std::optional<Duration> print() {
    const Instant begin = town.world.now;
    const auto flow = town.alice.connect(town.printer(), 9100);
    if (!town.world.run_until([&] { return town.alice.flow(flow).connected; }, minutes(1))) return std::nullopt;
    town.alice.send_pattern(flow, bulk_bytes);
    town.alice.finish(flow);
    if (!town.world.run_until([&] { return town.alice.flow(flow).finished_by_peer; }, minutes(2))) return std::nullopt;
    EXPECT_EQ(town.alice.flow(flow).received, std::to_string(bulk_bytes) + " right");
    return town.world.now - begin;
  }
  Town town;
};
INSTANTIATE_TEST_SUITE_P(Holes, Narrow,
                         ::testing::Values(Hole{"both", true, true}, Hole{"out", true, false}, Hole{"in", false, true}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(Narrow, pages_scans_and_print_jobs_pass_and_status_can_say_why_they_take_the_relay) {
  EXPECT_EQ(town.fetch(), WebPage::page);
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "x"));
  town.world.run(seconds(GetParam().out ? 5 : 1));
  EXPECT_EQ(is_past_narrow(), GetParam().out);
  const auto scanned = scan();
  ASSERT_TRUE(scanned);
  EXPECT_LT(*scanned, seconds(5));
  const auto printed = print();
  ASSERT_TRUE(printed);
  EXPECT_LT(*printed, seconds(15));
  EXPECT_TRUE(is_past_narrow());
  for (int i = 0; i < 5; i++) {
    const auto again = print();
    ASSERT_TRUE(again);
    EXPECT_LT(*again, seconds(5)) << i;
  }
}

TEST_P(Narrow, a_way_that_narrows_in_the_middle_of_a_job_costs_seconds) {
  widen();
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  narrow();
  const auto printed = print();
  ASSERT_TRUE(printed);
  EXPECT_LT(*printed, seconds(40));
  ASSERT_TRUE(scan());
}

TEST_P(Narrow, it_is_direct_again_some_time_after_large_datagrams_pass) {
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(echo, "x"));
  ASSERT_TRUE(print());
  town.world.run(seconds(4));
  ASSERT_TRUE(is_past_narrow());
  widen();
  const Instant begin = town.world.now;
  ASSERT_TRUE(town.go_direct(echo, minutes(10)));
  if (GetParam().out) EXPECT_LT(town.world.now - begin, seconds(10));
}

TEST(Wide, a_print_job_by_a_stock_client_over_a_lossy_way_stays_direct) {
  Town town;
  town.alice.is_stock = true;
  town.alice.restart();
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  town.internet.udp_loss = 0.05;
  std::size_t relayed = 0;
  for (int i = 0; i < 600; i++) {
    town.echoes(echo, "x");
    if (!town.is_direct()) relayed++;
    town.world.run(milliseconds(500));
  }
  EXPECT_EQ(relayed, 0u);
}

}  // namespace
}  // namespace quoin::simulation

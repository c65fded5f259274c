// Bulk data, byte for byte, over either kind of path, with and without loss.
#include "town.h"

namespace quoin::simulation {
namespace {

constexpr std::size_t job_bytes = 5'000'000;

struct Road {
  const char* name;
  bool relay_only;
  double loss;
};

class Transfers : public ::testing::TestWithParam<Road> {
 protected:
  void open() {
    ASSERT_TRUE(town.open());
    if (GetParam().relay_only) {
      town.no_udp();
    } else {
      const auto echo = town.alice.connect(town.printer(), 7);
      ASSERT_TRUE(town.go_direct(echo));
    }
    town.internet.udp_loss = GetParam().loss;
    for (Relay* relay : {&town.servers.amsterdam, &town.servers.frankfurt}) relay->loss = GetParam().loss;
  }
  void check_road() const {
    EXPECT_EQ(town.is_direct(), !GetParam().relay_only);
    if (GetParam().loss > 0 && !GetParam().relay_only) EXPECT_GT(town.internet.datagrams_lost, 20u);
  }
  Town town;
};
INSTANTIATE_TEST_SUITE_P(Roads, Transfers,
                         ::testing::Values(Road{"direct", false, 0}, Road{"direct_lossy", false, 0.01},
                                           Road{"relay", true, 0}, Road{"relay_lossy", true, 0.01}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(Transfers, a_print_job_arrives_byte_for_byte) {
  open();
  const auto job = town.alice.connect(town.printer(), 9100);
  town.alice.send_pattern(job, job_bytes);
  town.alice.finish(job);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(job).finished_by_peer; }, minutes(3)));
  EXPECT_EQ(town.alice.flow(job).received, std::to_string(job_bytes) + " right");
  check_road();
}

TEST_P(Transfers, a_scan_comes_back_byte_for_byte) {
  town.agent.printer.tcp[8080] = [] { return std::make_shared<Download>(job_bytes); };
  open();
  const auto scan = town.alice.connect(town.printer(), 8080);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(scan).finished_by_peer; }, minutes(3)));
  EXPECT_EQ(town.alice.flow(scan).received_bytes, job_bytes);
  EXPECT_TRUE(town.alice.flow(scan).received_right);
  check_road();
  town.alice.finish(scan);
  EXPECT_TRUE(town.world.run_until([&] { return town.agent.open_flows() <= 1; }, seconds(10)));
}

TEST(ManyAtOnce, fifty_requests_are_all_answered) {
  Town town;
  ASSERT_TRUE(town.open());
  std::vector<netstack::FlowId> flows;
  for (int i = 0; i < 50; i++) {
    flows.push_back(town.alice.connect(town.printer(), 80));
    town.alice.send(flows.back(), "GET / HTTP/1.0\r\n\r\n");
    town.alice.finish(flows.back());
  }
  for (const auto flow : flows) {
    EXPECT_TRUE(town.world.run_until([&] { return town.alice.flow(flow).finished_by_peer; }, seconds(30)));
    EXPECT_EQ(town.alice.flow(flow).received, WebPage::page);
  }
  EXPECT_TRUE(town.world.run_until([&] { return town.agent.open_flows() == 0; }, seconds(10)));
}

}  // namespace
}  // namespace quoin::simulation

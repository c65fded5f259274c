// From an open warrant to what a device's services look like through it.
#include "town.h"

namespace quoin::simulation {
namespace {

using netstack::CloseReason;

TEST(Opening, goes_online_and_shows_the_page_through_the_relay_and_then_directly) {
  Town town;
  ASSERT_TRUE(town.open());
  EXPECT_EQ(town.fetch(), WebPage::page);
  EXPECT_GT(town.servers.amsterdam.packets() + town.servers.frankfurt.packets(), 0u);
  const auto echo = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.go_direct(echo));
  const auto reports = town.agent.all<pair::PathReport>();
  EXPECT_EQ(reports.front().kind, pair::PathKind::relay);
  EXPECT_EQ(reports.back().through.substr(0, 12), "203.0.113.2:");
  const auto relayed = town.servers.amsterdam.packets() + town.servers.frankfurt.packets();
  ASSERT_TRUE(town.echoes(echo, "over the direct path"));
  EXPECT_EQ(town.servers.amsterdam.packets() + town.servers.frankfurt.packets(), relayed);
}

TEST(Opening, asks_the_gate_about_the_person_before_anything) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto asked = town.agent.all<pair::Admit>();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].login, "alice@example.com");
  EXPECT_EQ(asked[0].node_key, town.alice.node_key());
  EXPECT_FALSE(asked[0].tagged);
}

struct Nats {
  const char* name;
  NatBehaviour customer;
  NatBehaviour desk;
  bool becomes_direct;
};
constexpr auto any = Dependence::endpoint_independent;
constexpr auto address = Dependence::address_dependent;
constexpr auto both = Dependence::address_and_port_dependent;

class ThroughNats : public ::testing::TestWithParam<Nats> {};
INSTANTIATE_TEST_SUITE_P(Kinds, ThroughNats,
                         ::testing::Values(Nats{"full_cone", {any, any}, {any, any}, true},
                                           Nats{"restricted", {any, address}, {any, address}, true},
                                           Nats{"port_restricted", {any, both}, {any, both}, true},
                                           Nats{"symmetric_to_full_cone", {both, both}, {any, any}, true},
                                           Nats{"symmetric_to_restricted", {any, address}, {both, both}, true},
                                           Nats{"symmetric_to_port_restricted", {both, both}, {any, both}, false},
                                           Nats{"symmetric_both", {both, both}, {both, both}, false}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(ThroughNats, the_page_comes_whichever_path_there_is) {
  Town town({.customer = GetParam().customer, .desk = GetParam().desk});
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(), 7);
  EXPECT_EQ(town.go_direct(echo, seconds(20)), GetParam().becomes_direct);
  EXPECT_EQ(town.fetch(), WebPage::page);
}

TEST(Services, a_refusing_port_looks_refused) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto flow = town.alice.connect(town.printer(), 443);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(flow).closed.has_value(); }, seconds(5)));
  EXPECT_EQ(town.alice.flow(flow).closed, CloseReason::refused);
  EXPECT_FALSE(town.alice.flow(flow).connected);
}

TEST(Services, an_unreachable_device_looks_unreachable) {
  Town town;
  ASSERT_TRUE(town.open());
  town.agent.printer.unanswered[80] = pair::Unanswered::unreachable;
  const auto flow = town.alice.connect(town.printer(), 80);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(flow).closed.has_value(); }, seconds(120)));
  EXPECT_EQ(town.alice.flow(flow).closed, CloseReason::unreachable);
}

TEST(Services, a_port_outside_the_warrant_is_refused_without_asking) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto flow = town.alice.connect(town.printer(), 20'000);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(flow).closed.has_value(); }, seconds(5)));
  EXPECT_EQ(town.alice.flow(flow).closed, CloseReason::refused);
  EXPECT_EQ(town.agent.count<pair::DialService>(), 0u);
}

TEST(Services, the_control_servers_rules_narrow_what_the_warrant_opens) {
  Town town;
  town.servers.control.box.filter[0].dst_ports[0].ports = {80, 80};
  ASSERT_TRUE(town.open());
  const auto flow = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(flow).closed.has_value(); }, seconds(5)));
  EXPECT_EQ(town.agent.count<pair::DialService>(), 0u);
  EXPECT_EQ(town.fetch(), WebPage::page);
}

TEST(Services, snmp_passes_and_a_closed_udp_port_says_so) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto snmp = town.alice.open_udp(town.printer(), 161);
  town.alice.send_datagram(snmp, "get");
  town.alice.send_datagram(snmp, "get-next");
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(snmp).datagrams.size() == 2; }, seconds(5)));
  EXPECT_EQ(text_of(town.alice.flow(snmp).datagrams[1]), "get-next");

  town.agent.printer.udp[161] = [](Bytes) { return std::nullopt; };
  town.alice.send_datagram(snmp, "get");
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(snmp).closed.has_value(); }, seconds(5)));
  EXPECT_EQ(town.alice.flow(snmp).closed, CloseReason::port_unreachable);
  EXPECT_EQ(town.agent.open_flows(), 0u);
}

TEST(Services, an_idle_udp_flow_is_reported_closed) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto snmp = town.alice.open_udp(town.printer(), 161);
  town.alice.send_datagram(snmp, "get");
  town.world.run(seconds(1));
  EXPECT_EQ(town.agent.open_flows(), 1u);
  town.world.run(minutes(10));
  EXPECT_EQ(town.agent.open_flows(), 0u);
  const auto closed = town.agent.all<pair::FlowClosed>();
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].bytes_to_device, 3u);
  EXPECT_EQ(closed[0].bytes_to_engineer, 3u);
}

TEST(Services, a_ping_is_answered_only_if_the_device_answers) {
  Town town;
  ASSERT_TRUE(town.open());
  town.alice.ping(town.printer());
  EXPECT_TRUE(town.world.run_until([&] { return town.alice.pongs() == 1; }, seconds(5)));
  town.agent.printer.answers_ping = false;
  town.alice.ping(town.printer());
  town.world.run(seconds(10));
  EXPECT_EQ(town.alice.pongs(), 1u);
  EXPECT_EQ(town.agent.count<pair::PingDevice>(), 2u);
}

TEST(Services, a_ping_is_not_even_asked_for_if_the_warrant_does_not_say_so) {
  Town town({.script = {.services = {.ports = {}, .ping = false}}});
  ASSERT_TRUE(town.open());
  town.alice.ping(town.printer());
  town.world.run(seconds(10));
  EXPECT_EQ(town.alice.pongs(), 0u);
  EXPECT_EQ(town.agent.count<pair::PingDevice>(), 0u);
}

TEST(Services, the_ipv6_address_serves_as_well) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto echo = town.alice.connect(town.printer(IpVersion::v6), 7);
  EXPECT_TRUE(town.echoes(echo, "hello"));
}

TEST(HalfCloses, the_engineer_ends_first_and_still_reads) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto job = town.alice.connect(town.printer(), 9100);
  town.alice.send_pattern(job, 100'000);
  town.alice.finish(job);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(job).finished_by_peer; }, seconds(30)));
  EXPECT_EQ(town.alice.flow(job).received, "100000 right");
  town.world.run(seconds(1));
  EXPECT_EQ(town.agent.open_flows(), 0u);
  EXPECT_FALSE(town.agent.service(0)->got_reset());
}

TEST(HalfCloses, a_slow_printer_gets_every_byte_after_the_engineer_has_gone_home) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto job = town.alice.connect(town.printer(), 9101);
  town.alice.send_pattern(job, 1'000'000);
  town.alice.finish(job);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(job).finished_by_peer; }, seconds(60)));
  EXPECT_EQ(town.alice.flow(job).received, "1000000 right");
}

TEST(HalfCloses, the_device_ends_first_and_still_gets_all_that_follows) {
  class EndsAndReads final : public Service {  // and reads slowly
   public:
    EndsAndReads() { ends_ = true; }
    bool is_hungry_later() const override { return true; }

   private:
    void take(Bytes) override {}
    std::size_t appetite() const override { return 3'000; }
  };
  Town town;
  town.agent.printer.tcp[515] = [] { return std::make_shared<EndsAndReads>(); };
  ASSERT_TRUE(town.open());
  const auto flow = town.alice.connect(town.printer(), 515);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(flow).finished_by_peer; }, seconds(5)));
  town.alice.send_pattern(flow, 300'000);
  town.alice.finish(flow);
  EXPECT_TRUE(town.world.run_until([&] { return town.agent.open_flows() == 0; }, seconds(60)));
  EXPECT_EQ(town.agent.service(0)->taken(), 300'000u);
  EXPECT_FALSE(town.agent.service(0)->got_reset());
}

TEST(Ends, a_device_that_breaks_off_resets_the_engineer) {
  Town town;
  town.agent.printer.tcp[23] = [] { return std::make_shared<Crash>(); };
  ASSERT_TRUE(town.open());
  const auto flow = town.alice.connect(town.printer(), 23);
  town.alice.send(flow, "hello");
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(flow).closed.has_value(); }, seconds(5)));
  EXPECT_EQ(town.alice.flow(flow).closed, CloseReason::reset_by_peer);
  EXPECT_EQ(town.agent.open_flows(), 0u);
}

TEST(Ends, an_engineer_who_breaks_off_resets_the_device) {
  Town town;
  ASSERT_TRUE(town.open());
  const auto flow = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.echoes(flow, "hello"));
  town.alice.abort(flow);
  town.world.run(seconds(1));
  EXPECT_TRUE(town.agent.service(0)->got_reset());
  EXPECT_EQ(town.agent.open_flows(), 0u);
}

TEST(Ends, an_engineer_who_is_removed_while_the_device_is_dialled_leaves_no_flow_behind) {
  Town town({.script = {.dial_time = seconds(5)}});
  ASSERT_TRUE(town.open());
  town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.world.run_until([&] { return town.agent.count<pair::DialService>() == 1; }, seconds(5)));
  town.servers.control.box.delete_node(town.alice.node_key());
  town.servers.control.pump();
  town.world.run(seconds(20));
  EXPECT_EQ(town.agent.count<pair::FlowClosed>(), 1u) << "the gate has connected it meanwhile";
  EXPECT_EQ(town.agent.open_flows(), 0u);
  EXPECT_EQ(town.agent.services(), 0u);
}

TEST(Ends, a_descriptor_that_is_lost_is_a_refused_flow) {
  Town town({.script = {.loses_descriptors = true}});
  ASSERT_TRUE(town.open());
  const auto flow = town.alice.connect(town.printer(), 7);
  ASSERT_TRUE(town.world.run_until([&] { return town.alice.flow(flow).closed.has_value(); }, seconds(5)));
  EXPECT_EQ(town.alice.flow(flow).closed, CloseReason::refused);
  EXPECT_EQ(town.agent.open_flows(), 0u);
  EXPECT_FALSE(town.agent.end());
}

}  // namespace
}  // namespace quoin::simulation

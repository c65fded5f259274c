#include "path/stun_probes.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace quoin::path {
namespace {

Endpoint at(std::string_view text) {
  return Endpoint::parse(text).value();
}

struct Probing {
  SeededRandom random{2};
  StunProbes probes{random};
  Instant now{seconds(50)};
  std::vector<StunProbes::Probe> sent;

  explicit Probing(std::initializer_list<RegionId> regions) {
    RelayMap map;
    for (const RegionId id : regions) {
      map.push_back({.id = id,
                     .stun = StunServer{.host = "",
                                        .ipv4 = IpAddress::v4(0xc0000200u + id),
                                        .ipv6 = IpAddress::parse("2001:db8::" + std::to_string(id))}});
    }
    probes.set_map(map);
    probes.set_families(true, true);
  }
  void start(std::initializer_list<RegionId> preferred = {}) {
    probes.start_report(std::vector<RegionId>(preferred), now);
    drain();
  }
  void drain() {
    while (auto probe = probes.poll_probe(now)) sent.push_back(std::move(*probe));
  }
  std::optional<StunProbes::Answer> answer(const StunProbes::Probe& probe, std::string_view mapped) {
    const auto transaction = stun::parse_request(probe.datagram, stun::RequestForm::tailnode).value();
    return probes.handle(stun::response(transaction, at(mapped)), now);
  }
  std::vector<std::uint8_t> regions_asked() const {
    std::set<std::uint8_t> out;
    for (const auto& probe : sent) out.insert(std::to_integer<std::uint8_t>(probe.to.address.bytes().back()));
    return {out.begin(), out.end()};
  }
};

TEST(StunProbes, asks_both_families_three_times_a_tenth_of_a_second_apart) {
  Probing probing({1});
  probing.start();
  EXPECT_EQ(probing.sent.size(), 2u);
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(probing.probes.next_timeout(), probing.now + milliseconds(100));
    probing.now += milliseconds(100);
    probing.drain();
  }
  EXPECT_EQ(probing.sent.size(), 6u);
  probing.now += milliseconds(100);
  probing.drain();
  EXPECT_EQ(probing.sent.size(), 6u);
}

TEST(StunProbes, an_answer_tells_latency_and_endpoint_and_ends_the_asking) {
  Probing probing({1});
  probing.start();
  probing.now += milliseconds(30);
  const auto answer = probing.answer(probing.sent[0], "203.0.113.5:41641");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->region, 1);
  EXPECT_EQ(answer->latency, milliseconds(30));
  EXPECT_FALSE(probing.answer(probing.sent[0], "203.0.113.66:1"));  // a second answer to one question
  EXPECT_FALSE(probing.probes.poll_report_done());
  probing.now += milliseconds(10);
  EXPECT_TRUE(probing.answer(probing.sent[1], "[2001:db8:1::5]:41641"));
  EXPECT_TRUE(probing.probes.poll_report_done());
  EXPECT_TRUE(probing.probes.poll_endpoints_changed());
  EXPECT_EQ(probing.probes.own_endpoints(), (std::vector{at("[2001:db8:1::5]:41641"), at("203.0.113.5:41641")}));
  EXPECT_FALSE(probing.probes.next_timeout());
}

TEST(StunProbes, an_answer_after_three_seconds_is_none) {
  Probing probing({1});
  probing.start();
  probing.now += seconds(3);
  EXPECT_FALSE(probing.answer(probing.sent[0], "203.0.113.5:41641"));
}

TEST(StunProbes, a_report_asks_three_regions_and_in_time_every_one) {
  Probing probing({1, 2, 3, 4, 5, 6, 7});
  std::set<std::uint8_t> ever;
  for (int i = 0; i < 6; i++) {
    probing.sent.clear();
    probing.start({5, 2});
    const auto asked = probing.regions_asked();
    EXPECT_EQ(asked.size(), 3u);
    EXPECT_NE(std::ranges::find(asked, 5), asked.end());
    EXPECT_NE(std::ranges::find(asked, 2), asked.end());
    ever.insert(asked.begin(), asked.end());
    probing.now += seconds(3);
    probing.probes.handle_timeout(probing.now);
  }
  EXPECT_EQ(ever.size(), 7u);
}

TEST(StunProbes, a_name_is_asked_for_once_and_anew_after_three_silent_reports) {
  Probing probing({});
  probing.probes.set_map({{.id = 4, .stun = StunServer{.host = "relay.example", .ipv4 = {}, .ipv6 = {}}}});
  probing.start();
  const auto question = probing.probes.poll_question();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->host, "relay.example");
  EXPECT_EQ(question->port, 3478);
  probing.probes.set_addresses(4, {at("192.0.2.4:3478"), at("192.0.2.5:3478")}, probing.now);
  probing.drain();
  EXPECT_EQ(probing.sent.size(), 1u);  // one address of each family
  for (int i = 0; i < 3; i++) {
    EXPECT_FALSE(probing.probes.poll_question());
    probing.now += seconds(3);
    probing.probes.handle_timeout(probing.now);
    probing.start();
  }
  EXPECT_TRUE(probing.probes.poll_question());
}

TEST(StunProbes, reports_wanted_again_and_again_are_a_second_apart) {
  Probing probing({1});
  probing.probes.want_report(probing.now);
  EXPECT_TRUE(probing.probes.report_is_due(probing.now));
  probing.start();
  for (const auto& probe : std::vector(probing.sent)) probing.answer(probe, "203.0.113.5:41641");
  probing.probes.want_report(probing.now);
  EXPECT_FALSE(probing.probes.report_is_due(probing.now));
  EXPECT_EQ(probing.probes.next_timeout(), probing.now + seconds(1));
}

TEST(StunProbes, endpoints_are_fresh_for_27_seconds_and_forgotten_after_310) {
  Probing probing({1});
  probing.start();
  probing.answer(probing.sent[0], "203.0.113.5:41641");
  EXPECT_TRUE(probing.probes.is_fresh(probing.now + seconds(27)));
  EXPECT_FALSE(probing.probes.is_fresh(probing.now + seconds(28)));
  probing.now += seconds(3);
  probing.probes.handle_timeout(probing.now);
  probing.now += seconds(310);
  probing.sent.clear();
  probing.start();
  probing.answer(probing.sent[0], "203.0.113.5:50000");
  probing.now += seconds(3);
  probing.probes.handle_timeout(probing.now);
  EXPECT_EQ(probing.probes.own_endpoints(), std::vector{at("203.0.113.5:50000")});
}

TEST(StunProbes, keeps_eight_endpoints_at_most_and_none_that_is_not_public) {
  Probing probing({1});
  for (int i = 0; i < 20; i++) {
    probing.sent.clear();
    probing.start();
    probing.answer(probing.sent[0], "203.0.113.5:" + std::to_string(1000 + i));
    probing.answer(probing.sent[1], "192.168.1.5:41641");
    probing.now += seconds(2);
  }
  const auto own = probing.probes.own_endpoints();
  EXPECT_EQ(own.size(), StunProbes::own_endpoints_max);
  EXPECT_EQ(own.front(), at("203.0.113.5:1019"));
  EXPECT_EQ(own.back(), at("203.0.113.5:1012"));
}

TEST(StunProbes, new_sockets_forget_what_the_old_ones_learned) {
  Probing probing({1});
  probing.start();
  probing.answer(probing.sent[0], "203.0.113.5:41641");
  EXPECT_TRUE(probing.probes.poll_endpoints_changed());
  probing.probes.set_families(true, false);
  EXPECT_TRUE(probing.probes.poll_endpoints_changed());
  EXPECT_TRUE(probing.probes.own_endpoints().empty());
  EXPECT_FALSE(probing.answer(probing.sent[1], "203.0.113.6:1"));
}

}  // namespace
}  // namespace quoin::path

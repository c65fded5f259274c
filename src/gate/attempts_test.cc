// That no attempt goes unrecorded, however many there are, and that the records of them stay few.
#include "gate/attempts.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "gate/errands.h"
#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

struct Told {  // the sums of what the records say
  std::uint64_t count = 0;
  std::uint64_t records = 0;
  std::uint64_t ports_together = 0;  // of records of several ports
};

std::uint64_t number_after(const std::string& line, std::string_view name) {
  const std::size_t at = line.find("\"" + std::string(name) + "\":");
  return at == std::string::npos ? 0 : std::stoull(line.substr(at + name.size() + 3));
}

Told told_of(const SimulatedEdge& site, const std::vector<std::string>& words) {
  Told told;
  for (const std::string& line : site.audit_lines()) {
    if (line.find("\"event\":\"attempts\"") == std::string::npos) continue;
    if (!std::ranges::all_of(words, [&](const std::string& word) { return line.find(word) != std::string::npos; })) {
      continue;
    }
    told.count += number_after(line, "count");
    told.records++;
    told.ports_together += number_after(line, "ports");
  }
  return told;
}

pair::DialService dial(pair::RequestId id, std::uint16_t port, int engineer = 1) {
  return {id, node_key(engineer), pair::Transport::tcp, port};
}

struct OpenForAll : Site {
  OpenForAll() {
    command(OpenRequest{"mfp", "30m", "all", {}, ""});
    say(1, pair::Admit{node_key(1), "alice@example.com", false});
    say(1, pair::Admit{node_key(2), "bob@example.com", false});
  }
};

TEST(Attempts, a_connection_that_the_device_refuses_is_recorded_at_once) {
  OpenForAll site;
  site.say(1, dial(9, 8080));
  EXPECT_NE(site.last_record("attempts")
                .find("\"device\":\"mfp\",\"engineer\":\"alice@example.com\",\"transport\":\"tcp\",\"port\":8080,"
                      "\"outcome\":\"refused by the device\",\"count\":1,\"claimed\":[\"engineer\"]"),
            std::string::npos)
      << site.last_record("attempts");
}

TEST(Attempts, each_outcome_is_recorded_as_what_it_was) {
  OpenForAll site;
  site.listening.insert({at("192.168.77.21"), 81});
  site.listening.insert({at("192.168.77.21"), 82});
  site.dial_fails[{at("192.168.77.21"), 81}] = pair::Unanswered::timed_out;
  site.dial_fails[{at("192.168.77.21"), 82}] = pair::Unanswered::unreachable;
  site.say(1, dial(10, 81));
  site.say(1, dial(11, 82));
  site.say(1, dial(12, 83, 3));
  site.hold_dials = true;
  site.say(1, dial(13, 84));
  for (pair::RequestId id = 100; id < 100 + Errands::device_dials_of_one_max; id++) site.say(1, dial(id, 85));
  site.command(CloseRequest{});
  EXPECT_EQ(told_of(site, {"\"port\":81,", "unanswered"}).count, 1u);
  EXPECT_EQ(told_of(site, {"\"port\":82,", "unreachable"}).count, 1u);
  EXPECT_EQ(told_of(site, {"\"port\":83,", "the warrant does not open it", "a node that is not admitted"}).count, 1u);
  EXPECT_EQ(told_of(site, {"\"port\":84,", "cut short"}).count, 1u);
  EXPECT_EQ(told_of(site, {"\"port\":85,", "cut short"}).count, Errands::device_dials_of_one_max - 1);
  EXPECT_EQ(told_of(site, {"\"port\":85,", "too many at once"}).count, 1u);
  EXPECT_NE(site.last_record("closed").find("\"flows_refused\":" + std::to_string(told_of(site, {}).count)),
            std::string::npos)
      << site.last_record("closed");
}

TEST(Attempts, what_follows_the_first_is_joined_by_the_minute_and_nothing_is_left_out) {
  OpenForAll site;
  for (pair::RequestId id = 10; id < 110; id++) site.say(1, dial(id, 8080));
  for (pair::RequestId id = 200; id < 210; id++) site.say(1, dial(id, 8080, 2));
  EXPECT_EQ(told_of(site, {"alice"}).count, 1u);
  site.pass(Attempts::window);
  EXPECT_EQ(told_of(site, {"alice", "\"port\":8080,"}).count, 100u);
  EXPECT_EQ(told_of(site, {"alice"}).records, 2u);
  EXPECT_EQ(told_of(site, {"bob"}).count, 10u);
  site.say(1, dial(300, 8080));
  site.command(CloseRequest{});
  EXPECT_EQ(told_of(site, {"alice"}).count, 101u);
  EXPECT_EQ(told_of(site, {"alice"}).records, 3u) << "the minute after is another";
}

TEST(Attempts, a_scan_of_all_ports_is_seen_whole_and_in_few_records) {
  OpenForAll site;
  pair::RequestId id = 10;
  for (std::uint32_t port = 1; port <= 65'535; port++) {
    site.say(1, dial(id++, static_cast<std::uint16_t>(port)));
    if (port % 4000 == 0) site.pass(seconds(1));
  }
  site.pass(Attempts::window);
  const Told refused = told_of(site, {"refused by the device"});
  const Told too_many = told_of(site, {"too many at once"});
  EXPECT_EQ(refused.count + too_many.count + site.records("flow_opened"), 65'535u);
  EXPECT_LE(refused.records + too_many.records, 2 * (2 * pair::PortCounts::singles_max + 1));
  EXPECT_EQ(told_of(site, {"too many at once", "\"highest\":65535"}).records, 1u);
}

TEST(Attempts, what_a_tunnel_says_that_it_refused_is_marked_and_apart) {
  OpenForAll site;
  site.say(1, dial(9, 8080));
  site.say(1, pair::Refused{node_key(1), pair::Protocol::tcp, pair::RefusedFor::service, {{8080, 8080, 7}}});
  site.say(1, pair::Refused{node_key(1), pair::Protocol::udp, pair::RefusedFor::filter, {{1, 1000, 2000}}});
  site.command(CloseRequest{});
  const std::string marked = "\"claimed\":[\"engineer\",\"transport\",\"port";
  EXPECT_EQ(told_of(site, {marked, "\"port\":8080,"}).count, 7u);
  EXPECT_EQ(told_of(site, {marked, "rules do not let it", "\"ports\":1000,\"lowest\":1,\"highest\":1000"}).count,
            2000u);
  EXPECT_EQ(told_of(site, {"\"claimed\":[\"engineer\"]"}).count, 1u);
}

TEST(Attempts, are_counted_also_while_the_disk_is_slow) {
  OpenForAll site;
  site.hold_appends = true;
  for (pair::RequestId id = 10; id < 20'000; id++) {
    site.say(1, dial(id, static_cast<std::uint16_t>(id % 500), 3));
    if (id % 4000 == 0) site.pass(seconds(1));
  }
  site.release_appends();
  site.pass(Attempts::window);
  EXPECT_EQ(told_of(site, {}).count, 19'990u);
  EXPECT_EQ(site.records("records_lost"), 0u);
}

TEST(Attempts, a_tunnel_that_makes_them_up_does_not_fill_the_file) {
  SeededRandom random(11);
  OpenForAll site;
  for (int i = 0; i < 100'000; i++) {
    pair::Refused report{
        crypto::NodePublicKey(random.array<crypto::key_bytes>()), pair::Protocol::udp, pair::RefusedFor::service, {}};
    for (int each = 0; each < 4; each++) {
      const auto port = static_cast<std::uint16_t>(random.below(65'536));
      report.ports.push_back({port, port, 1});
    }
    site.say(1, std::move(report));
    if (i % 4000 == 0) site.pass(seconds(1));
  }
  EXPECT_EQ(site.running(), 1u);
  site.command(CloseRequest{});
  EXPECT_EQ(told_of(site, {}).count, 400'000u);
  EXPECT_LE(told_of(site, {}).records, 2 * pair::PortCounts::singles_max + 1);
}

}  // namespace
}  // namespace quoin::gate

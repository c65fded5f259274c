// What a session and its errands hold to on their own, even where the gate around them has looked already: the second
// lock on the same door.
#include "gate/session.h"

#include <gtest/gtest.h>

#include "gate/simulated_site.h"

namespace quoin::gate {
namespace {

class SessionAlone : public testing::Test {
 protected:
  static constexpr WallTime wall{hours(24) * 365 * 56};
  static constexpr Instant now{hours(3)};

  SessionAlone() : desk_(site_config(), site_host(), AuditPlace{{9, std::string(64, 'a')}, 1, 1000}) {}

  Warrant warrant() const {
    return {.device = "mfp",
            .services = {{{pair::Transport::tcp, 80, 80}}, true},
            .engineers = {"alice@example.com"},
            .opened_by = "root",
            .reason = "",
            .ends = now + minutes(1),
            .ends_wall = wall + minutes(1)};
  }
  template <class E>
  std::vector<E> effects() const {
    std::vector<E> out;
    for (const Effect& effect : desk_.effects) {
      if (const auto* each = std::get_if<E>(&effect)) out.push_back(*each);
    }
    return out;
  }
  void write_records() {
    while (desk_.audit.next(now)) desk_.audit.appended(true, wall, now);
  }

  Desk desk_;
};

TEST_F(SessionAlone, errands_ask_the_dial_guard_before_each_dial_and_ping) {
  Admissions admissions;
  Flows flows("mfp", desk_.audit);
  Recognition recognition(1, *desk_.config.device("mfp"), desk_);
  EndpointSockets endpoint_sockets(1, desk_);
  Errands errands(1, *desk_.config.device("mfp"), desk_, admissions, flows, recognition, endpoint_sockets);
  recognition.check(now);
  ASSERT_EQ(admissions.judge({node_key(1), "alice@example.com", false}, {"*"}, {}).verdict,
            Admissions::Verdict::recording);
  admissions.recorded_under(node_key(1), desk_.audit.add(EngineerAdmitted{}, wall));
  write_records();
  ASSERT_EQ(admissions.newly_admitted(desk_.audit).size(), 1U);

  const pair::DialService dial{1, node_key(1), pair::Transport::tcp, 80};
  ASSERT_EQ(errands.handle(dial, warrant(), wall, now), Errands::Trouble::none);
  ASSERT_EQ(effects<LookupNeighbour>().size(), 1U);

  HostView host = site_host();
  host.gateways.push_back(desk_.config.device("mfp")->address);
  desk_.host_changed(host);
  EXPECT_EQ(errands.handle(pair::DialService{2, node_key(1), pair::Transport::tcp, 80}, warrant(), wall, now),
            Errands::Trouble::guard_refuses);
  EXPECT_EQ(errands.handle(pair::PingDevice{3, node_key(1), 8}, warrant(), wall, now), Errands::Trouble::guard_refuses);
  EXPECT_TRUE(effects<Dial>().empty());
  EXPECT_TRUE(effects<Ping>().empty());
}

TEST_F(SessionAlone, flows_have_a_rate_so_that_their_records_do_not_fill_a_disk) {
  Admissions admissions;
  Flows flows("mfp", desk_.audit);
  Recognition recognition(1, *desk_.config.device("mfp"), desk_);
  EndpointSockets endpoint_sockets(1, desk_);
  Errands errands(1, *desk_.config.device("mfp"), desk_, admissions, flows, recognition, endpoint_sockets);
  admissions.judge({node_key(1), "alice@example.com", false}, {"*"}, {});
  admissions.recorded_under(node_key(1), desk_.audit.add(EngineerAdmitted{}, wall));
  write_records();
  ASSERT_EQ(admissions.newly_admitted(desk_.audit).size(), 1U);

  for (std::uint64_t i = 0; i < Flows::opened_of_one_burst; i++)
    ASSERT_TRUE(flows.may_open("bob@example.com", pair::Transport::tcp, now));
  EXPECT_FALSE(flows.may_open("bob@example.com", pair::Transport::tcp, now));
  for (std::uint64_t i = Flows::opened_of_one_burst; i < Flows::opened_burst; i++)
    ASSERT_TRUE(flows.may_open("alice@example.com", pair::Transport::tcp, now));
  const auto why_not = [&](const pair::FromGate& message) { return std::get<pair::Failed>(message).why; };
  ASSERT_EQ(errands.handle(pair::DialService{1, node_key(1), pair::Transport::tcp, 80}, warrant(), wall, now),
            Errands::Trouble::none);
  ASSERT_EQ(errands.handle(pair::PingDevice{2, node_key(1), 8}, warrant(), wall, now), Errands::Trouble::none);
  ASSERT_EQ(effects<SendToChild>().size(), 2U);
  for (const auto& sent : effects<SendToChild>()) EXPECT_EQ(why_not(sent.message), pair::Unanswered::too_many);
  EXPECT_TRUE(effects<LookupNeighbour>().empty());

  const Instant later = now + seconds(1);
  for (std::uint64_t i = 0; i < Flows::opened_of_one_per_second; i++)
    EXPECT_TRUE(flows.may_open("bob@example.com", pair::Transport::tcp, later));
  EXPECT_FALSE(flows.may_open("bob@example.com", pair::Transport::tcp, later));
  for (std::uint64_t i = Flows::opened_of_one_per_second; i < Flows::opened_per_second; i++)
    EXPECT_TRUE(flows.may_open("alice@example.com", pair::Transport::tcp, later));
  EXPECT_FALSE(flows.may_open("alice@example.com", pair::Transport::tcp, later));
}

TEST_F(SessionAlone, the_name_of_the_control_server_does_not_lead_to_a_metadata_service) {
  const Admissions admissions;
  Flows flows("mfp", desk_.audit);
  Recognition recognition(1, *desk_.config.device("mfp"), desk_);
  EndpointSockets endpoint_sockets(1, desk_);
  Errands errands(1, *desk_.config.device("mfp"), desk_, admissions, flows, recognition, endpoint_sockets);
  ASSERT_EQ(errands.handle(pair::DialControl{1}, now), Errands::Trouble::none);
  ASSERT_EQ(effects<Resolve>().size(), 1U);
  const TaskId task = effects<Resolve>()[0].task;
  ASSERT_EQ(errands.handle(Resolved{task, {at("169.254.169.254"), at("fe80::1")}}), Errands::Trouble::none);
  EXPECT_TRUE(effects<Dial>().empty());
  ASSERT_EQ(effects<SendToChild>().size(), 1U);
  EXPECT_EQ(std::get<pair::Failed>(effects<SendToChild>()[0].message).why, pair::Unanswered::not_allowed);
}

TEST_F(SessionAlone, servers_are_looked_for_at_a_rate) {
  const Admissions admissions;
  Flows flows("mfp", desk_.audit);
  Recognition recognition(1, *desk_.config.device("mfp"), desk_);
  EndpointSockets endpoint_sockets(1, desk_);
  Errands errands(1, *desk_.config.device("mfp"), desk_, admissions, flows, recognition, endpoint_sockets);
  const auto ask = [&](pair::RequestId id, Instant when) {
    desk_.effects.clear();
    EXPECT_EQ(errands.handle(pair::ResolveStun{id, "stun", at("203.0.113.20"), std::nullopt, 3478}, when),
              Errands::Trouble::none);
    return std::holds_alternative<pair::Resolved>(effects<SendToChild>().at(0).message);
  };
  for (pair::RequestId id = 1; id <= Errands::servers_burst; id++) ASSERT_TRUE(ask(id, now));
  EXPECT_FALSE(ask(9999, now));
  EXPECT_TRUE(ask(9999, now + seconds(1)));
}

TEST(AdmissionsAlone, a_crowd_of_strangers_does_not_shut_a_named_engineer_out) {
  const auto key = [](std::size_t number) {
    std::array<std::byte, crypto::key_bytes> bytes{};
    bytes[0] = std::byte{1};
    bytes[1] = static_cast<std::byte>(number);
    bytes[2] = static_cast<std::byte>(number >> 8);
    return crypto::NodePublicKey(bytes);
  };
  const std::vector<std::string> engineers = {"alice@example.com"};
  Admissions admissions;
  ASSERT_EQ(admissions.judge({key(0), "alice@example.com", false}, engineers, {}).verdict,
            Admissions::Verdict::recording);
  ASSERT_EQ(admissions.judge({key(0), "bob@example.com", false}, engineers, {}).verdict, Admissions::Verdict::refused);
  for (std::size_t i = 1; i < 2 * Admissions::nodes_max; i++) {
    EXPECT_EQ(admissions.judge({key(i), "bob@example.com", false}, engineers, {}).verdict,
              Admissions::Verdict::refused);
  }
  EXPECT_EQ(admissions.nodes().size(), Admissions::nodes_max);
  // The rest of alice's, each of which takes a stranger's place; then there is none left.
  for (std::size_t i = 1; i < Admissions::nodes_max; i++) {
    EXPECT_EQ(admissions.judge({key(1000 + i), "alice@example.com", false}, engineers, {}).verdict,
              Admissions::Verdict::recording);
  }
  EXPECT_EQ(admissions.judge({key(5000), "alice@example.com", false}, engineers, {}).verdict,
            Admissions::Verdict::refused);
  EXPECT_EQ(admissions.nodes().size(), Admissions::nodes_max);
  EXPECT_EQ(admissions.judge({key(0), "alice@example.com", false}, engineers, {}).verdict, Admissions::Verdict::refused)
      << "what changed its name is not forgotten";
}

TEST_F(SessionAlone, a_session_looks_at_the_lock_with_each_message_itself) {
  Session session(1, *desk_.config.device("mfp"), warrant(), desk_, now);
  session.begin(now);
  session.handle(NeighboursFound{effects<LookupNeighbour>().at(0).task, desk_.config.device("mfp")->macs}, wall, now);
  write_records();
  session.records_written(wall, now);
  session.child_started(wall, now);
  session.handle(pair::FromTunnel{pair::Registered{node_key(9), "n", {}}}, wall, now);
  session.handle(pair::FromTunnel{pair::Online{1, "lab"}}, wall, now);
  session.handle(pair::FromTunnel{pair::Admit{node_key(1), "alice@example.com", false}}, wall, now);
  write_records();
  session.records_written(wall, now);
  ASSERT_EQ(session.phase(), Session::Phase::open);

  desk_.effects.clear();
  const Instant late = now + minutes(1);
  session.handle(pair::FromTunnel{pair::DialService{5, node_key(1), pair::Transport::tcp, 80}}, wall, late);
  EXPECT_EQ(session.phase(), Session::Phase::closing);
  EXPECT_TRUE(effects<Dial>().empty());
  ASSERT_EQ(effects<SendToChild>().size(), 1U);
  EXPECT_TRUE(std::holds_alternative<pair::Close>(effects<SendToChild>()[0].message));
}

TEST_F(SessionAlone, a_tunnel_that_comes_up_after_its_session_ended_is_killed_and_told_nothing) {
  Session session(1, *desk_.config.device("mfp"), warrant(), desk_, now);
  session.begin(now);
  session.handle(NeighboursFound{effects<LookupNeighbour>().at(0).task, desk_.config.device("mfp")->macs}, wall, now);
  write_records();
  session.records_written(wall, now);
  ASSERT_EQ(effects<StartChild>().size(), 1U);
  session.end({.why = "a person closed it", .code = ExitCode::failed, .sentence = "", .by = "root"}, wall, now);
  EXPECT_EQ(effects<KillChild>().size(), 1U);  // in vain: there was no process yet
  session.child_started(wall, now);
  EXPECT_EQ(effects<KillChild>().size(), 2U);
  EXPECT_TRUE(effects<SendToChild>().empty());
  session.child_exited("signal 9", wall, now);
  EXPECT_EQ(session.phase(), Session::Phase::gone);
}

}  // namespace
}  // namespace quoin::gate

// Names resolved as the gate does it: a process for each session, and name servers that are good, silent, late or
// hostile.
#include "names.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include <gtest/gtest.h>
#include <unistd.h>

#include "io/files.h"
#include "io/run_until.h"
#include "name_server.h"

namespace quoin::apps {
namespace {

using test_names::answer_with;
using test_names::Asked;
using test_names::NameServer;
using test_names::RecordType;

IpAddress at(std::string_view text) {
  return *IpAddress::parse(text);
}

std::vector<pid_t> resolvers() {  // our children that run quoin-resolver
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    std::string all;
    if (!std::getline(file, all)) continue;
    const std::size_t behind_name = all.rfind(')');
    const bool is_ours =
        all.find("(quoin-resolver)") != std::string::npos &&
        all.substr(behind_name + 4, all.find(' ', behind_name + 4) - behind_name - 4) == std::to_string(getpid());
    if (is_ours && all[behind_name + 2] != 'Z') found.push_back(std::stoi(name));
  }
  return found;
}

class NamesTest : public testing::Test {
 protected:
  void SetUp() override {
    while (!resolvers().empty()) usleep(1000);  // of the test before
    auto program = io::Program::find(QUOIN_RESOLVER);
    ASSERT_TRUE(program) << program.error().text();
    turns.set(io::now());
    names.emplace(
        loop, guard, closer, reads, std::move(*program),
        [this] {
          io::NameSources sources;
          if (!host_table.empty()) sources.host_table = std::move(*io::open_for_reading(host_table));
          for (const NameServer* each : servers) sources.servers.push_back(each->connected());
          return sources;
        },
        kept);
    for (const gate::SessionId session : {1, 2}) names->begin(session, "mfp", {Instant::max(), WallTime::max()});
  }
  void ask(gate::SessionId session, const std::string& host) {
    names->resolve(session, host,
                   [this, key = std::pair(session, host)](pair::NameOutcome outcome, std::vector<IpAddress> found) {
                     EXPECT_FALSE(answers.contains(key)) << key.second;
                     answers[key] = std::move(found);
                     outcomes[key] = outcome;
                   });
  }
  std::vector<IpAddress> resolve(const std::string& host, gate::SessionId session = 1) {
    answers.erase({session, host});
    ask(session, host);
    EXPECT_TRUE(io::run_until(loop, [&] { return answers.contains({session, host}); })) << host;
    return answers[{session, host}];
  }

  io::Loop loop;
  // What happens elsewhere wakes no loop; run_until looks again at each turn.
  io::Timer turns{loop, [this] { turns.set(io::now() + milliseconds(5)); }};
  io::Closer closer;
  io::ProcessGuard guard{loop, closer, {}, [] {}};
  FileReads reads{loop};
  Duration kept = seconds(60);
  std::string host_table;
  std::vector<const NameServer*> servers;
  std::optional<Names> names;
  pair::NameOutcome outcome(const std::string& host, gate::SessionId session = 1) {
    resolve(host, session);
    return outcomes[{session, host}];
  }
  std::map<std::pair<gate::SessionId, std::string>, std::vector<IpAddress>> answers;
  std::map<std::pair<gate::SessionId, std::string>, pair::NameOutcome> outcomes;
};

TEST_F(NamesTest, have_the_addresses_of_both_families_by_turns_and_ipv4_comes_first) {
  const NameServer good("127.0.0.1", [](const Asked& asked) {
    return answer_with(asked, {at("2001:db8::1"), at("192.0.2.1"), at("192.0.2.2"), at("192.0.2.1")});
  });
  servers = {&good};
  EXPECT_EQ(resolve("derp.example.com"), (std::vector{at("192.0.2.1"), at("2001:db8::1"), at("192.0.2.2")}));
}

TEST_F(NamesTest, that_are_addresses_or_no_names_are_asked_of_nobody) {
  const NameServer good("127.0.0.1", [](const Asked& asked) { return answer_with(asked, {at("192.0.2.1")}); });
  servers = {&good};
  EXPECT_EQ(resolve("2001:db8::1"), std::vector{at("2001:db8::1")});
  for (const std::string& none : {std::string(), std::string("a b"), std::string("a\0b", 3), std::string(254, 'a')}) {
    EXPECT_EQ(resolve(none), std::vector<IpAddress>());
  }
  EXPECT_EQ(good.asked(), 0);
  EXPECT_TRUE(resolvers().empty());
}

TEST_F(NamesTest, that_the_host_table_has_are_asked_of_nobody) {
  char made[] = "/tmp/quoin-hosts-XXXXXX";
  const io::Descriptor file(mkstemp(made));
  ASSERT_TRUE(file);
  constexpr std::string_view table = "127.0.0.1 localhost\n192.0.2.7 Derp.lab derp\n";
  ASSERT_EQ(write(file.number(), table.data(), table.size()), static_cast<ssize_t>(table.size()));
  host_table = made;
  const NameServer good("127.0.0.1", [](const Asked& asked) { return answer_with(asked, {at("192.0.2.1")}); });
  servers = {&good};
  EXPECT_EQ(resolve("derp.LAB"), std::vector{at("192.0.2.7")});
  EXPECT_EQ(good.asked(), 0);
  EXPECT_EQ(resolve("other.lab"), std::vector{at("192.0.2.1")});
  std::filesystem::remove(made);
}

TEST_F(NamesTest, are_found_where_the_first_server_is_silent) {
  const NameServer silent("127.0.0.1", [](const Asked&) { return Buffer(); });
  const NameServer good("127.0.0.2", [](const Asked& asked) { return answer_with(asked, {at("192.0.2.1")}); });
  servers = {&silent, &good};
  EXPECT_EQ(resolve("derp.example.com"), std::vector{at("192.0.2.1")});
  EXPECT_GT(silent.asked(), 0);
}

TEST_F(NamesTest, that_do_not_exist_or_that_nobody_can_be_asked_for_have_no_address) {
  const NameServer none("127.0.0.1", [](const Asked& asked) { return test_names::no_such_name(asked); });
  servers = {&none};
  EXPECT_EQ(resolve("no.example.com"), std::vector<IpAddress>());
  EXPECT_EQ(outcome("no.example.com"), pair::NameOutcome::not_found);
  servers = {};
  EXPECT_EQ(resolve("derp.example.com"), std::vector<IpAddress>());
  EXPECT_EQ(outcome("derp.example.com"), pair::NameOutcome::failed);
}

TEST_F(NamesTest, whose_server_is_silent_about_one_family_have_the_addresses_of_the_other) {
  for (const bool is_v6_silent : {true, false}) {
    const NameServer half("127.0.0.1", [&](const Asked& asked) {
      if ((asked.type == RecordType::aaaa) == is_v6_silent) return Buffer();
      return answer_with(asked, {at("2001:db8::1"), at("192.0.2.1")});
    });
    servers = {&half};
    const IpAddress known = at(is_v6_silent ? "192.0.2.1" : "2001:db8::1");
    EXPECT_EQ(resolve(is_v6_silent ? "four.example.com" : "six.example.com"), std::vector{known});
  }
}

// As of a server that has to ask far away itself.
TEST_F(NamesTest, whose_answer_comes_late_are_found_all_the_same) {
  std::map<RecordType, int> asked_before;
  const NameServer late("127.0.0.1", [&](const Asked& asked) {
    if (asked_before[asked.type]++ > 0) return Buffer();
    usleep(1'700'000);  // by then it has been asked again
    return answer_with(asked, {at("192.0.2.1")});
  });
  servers = {&late};
  EXPECT_EQ(resolve("derp.example.com"), std::vector{at("192.0.2.1")});
}

// With one resolver for all, as many slow names of one session held up the next session's for as long as they took.
TEST_F(NamesTest, of_one_session_that_nobody_answers_do_not_delay_those_of_another) {
  const NameServer server("127.0.0.1", [](const Asked& asked) {
    return asked.name.starts_with("slow") ? Buffer() : answer_with(asked, {at("192.0.2.1")});
  });
  servers = {&server};
  for (std::size_t i = 0; i < Names::asked_at_once_max; i++) ask(1, "slow" + std::to_string(i) + ".example.com");
  EXPECT_EQ(resolve("derp.example.com", 2), std::vector{at("192.0.2.1")});
  EXPECT_EQ(answers.size(), 1U);                                             // none of the others has been answered
  EXPECT_EQ(resolve("one-too-many.example.com"), std::vector<IpAddress>());  // nor waits any more for that session
  names->end(1);
  EXPECT_EQ(answers.size(), 2 + Names::asked_at_once_max);
}

TEST_F(NamesTest, answered_with_rubbish_have_no_address_and_the_next_one_is_found) {
  int round = 0;
  const NameServer server("127.0.0.1", [&](const Asked& asked) {
    if (asked.name.starts_with("good")) return answer_with(asked, {at("192.0.2.1")});
    Buffer said = answer_with(asked, std::vector(60, at("192.0.2.1")));
    switch (round++ % 5) {
      case 0: return to_buffer(Bytes(said).first(13));
      case 1: said[7] = std::byte(0xff); return said;                             // more records than there are
      case 2: said[12] = std::byte(0xc0), said[13] = std::byte(12); return said;  // a name that points to itself
      case 3: return Buffer(4000, std::byte(0xc0));
      default: said[0] ^= std::byte(1); return said;  // another question's
    }
  });
  servers = {&server};
  for (int i = 0; i < 3; i++) ask(1, "bad" + std::to_string(i) + ".example.com");
  EXPECT_EQ(resolve("good.example.com"), std::vector{at("192.0.2.1")});
  names->end(1);
}

TEST_F(NamesTest, are_asked_by_a_new_process_once_the_first_has_died) {
  std::atomic<bool> is_silent = true;
  const NameServer server(
      "127.0.0.1", [&](const Asked& asked) { return is_silent ? Buffer() : answer_with(asked, {at("192.0.2.1")}); });
  servers = {&server};
  ask(1, "first.example.com");
  ASSERT_TRUE(io::run_until(loop, [&] { return server.asked() > 0; }));
  ASSERT_EQ(resolvers().size(), 1U);
  const pid_t first = resolvers().front();
  kill(first, SIGKILL);
  is_silent = false;
  ASSERT_TRUE(io::run_until(loop, [&] { return answers.contains({1, "first.example.com"}); }));
  EXPECT_EQ(resolve("second.example.com"), std::vector{at("192.0.2.1")});
  ASSERT_EQ(resolvers().size(), 1U);
  EXPECT_NE(resolvers().front(), first);
}

struct BrieflyKept : NamesTest {
  BrieflyKept() { kept = milliseconds(1); }
};
TEST_F(BrieflyKept, names_have_no_process_while_none_is_asked_for_and_a_new_one_for_the_next) {
  const NameServer server("127.0.0.1", [](const Asked& asked) { return answer_with(asked, {at("192.0.2.1")}); });
  servers = {&server};
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(resolve("derp.example.com"), std::vector{at("192.0.2.1")});
    EXPECT_TRUE(io::run_until(loop, [&] { return resolvers().empty(); }));
  }
}

TEST_F(NamesTest, have_no_process_left_after_their_session) {
  const NameServer server("127.0.0.1", [](const Asked& asked) { return answer_with(asked, {at("192.0.2.1")}); });
  servers = {&server};
  resolve("derp.example.com", 1);
  resolve("derp.example.com", 2);
  EXPECT_EQ(resolvers().size(), 2U);
  names->end(1);
  EXPECT_TRUE(io::run_until(loop, [&] { return resolvers().size() == 1; }));
  names->end(2);
  EXPECT_TRUE(io::run_until(loop, [&] { return resolvers().empty(); }));
}

}  // namespace
}  // namespace quoin::apps

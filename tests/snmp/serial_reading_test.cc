// What asks a device for its serial number, from the gate's side, beside a program that never answers.
#include "serial_reading.h"

#include <csignal>
#include <optional>

#include <gtest/gtest.h>

#include "io/dial.h"
#include "io/run_until.h"

namespace quoin::apps {
namespace {

struct SerialReadingTest : testing::Test {
  std::unique_ptr<SerialReading> start(Duration within) {
    auto socket = io::connect_udp({*IpAddress::parse("127.0.0.1"), 161});
    if (!socket) return nullptr;
    const auto program = io::Program::find(QUOIN_SPAWN_PROBE);
    if (!program) return nullptr;
    auto started = SerialReading::start({loop, closer, guard, processes, *program},
                                        {"mfp", std::move(*socket), {"public", {}}, within},
                                        [this](const pair::SerialAnswer& answer) { outcome = answer.outcome; });
    return started ? std::move(*started) : nullptr;
  }
  io::Loop loop;
  io::Closer closer;
  io::ProcessGuard guard{loop, closer, {}, [] {}};
  SerialReading::Processes processes;
  std::optional<pair::SerialOutcome> outcome;
};

TEST_F(SerialReadingTest, that_is_given_up_leaves_its_process_to_the_loop_and_waits_for_nothing) {
  auto reading = start(seconds(60));
  ASSERT_TRUE(reading);
  ASSERT_EQ(processes.size(), 1U);
  const pid_t pid = processes.front()->pid();
  reading.reset();
  EXPECT_EQ(kill(pid, 0), 0);  // not waited for
  EXPECT_TRUE(io::run_until(loop, [&] { return processes.empty(); }));
  EXPECT_EQ(kill(pid, 0), -1);  // killed, and waited for then
  EXPECT_EQ(outcome, std::nullopt);
}

TEST_F(SerialReadingTest, whose_process_says_nothing_in_time_is_silence_and_the_process_goes) {
  const auto reading = start(milliseconds(50));
  ASSERT_TRUE(reading);
  EXPECT_TRUE(io::run_until(loop, [&] { return outcome && processes.empty(); }));
  EXPECT_EQ(outcome, pair::SerialOutcome::silent);
}

}  // namespace
}  // namespace quoin::apps

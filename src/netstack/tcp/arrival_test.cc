// RFC 9293, section 3.10.7, and RFC 5961 as a table: in this state, this segment; then that answer and that state.
#include <array>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

#include "netstack/tcp/active_open.h"
#include "netstack/tcp/connection.h"

namespace quoin::netstack::tcp {
namespace {

// Both numbers wrap with the first byte.
constexpr std::uint32_t our_initial = 0xffff'ffff;
constexpr std::uint32_t peer_initial = 0xffff'fffe;
constexpr Instant start{hours(1)};

enum class Answer { nothing, acknowledges, resets, accepts };

struct Row {
  const char* sentence;
  State before;
  Flags flags;
  int sequence = 0;        // from RCV.NXT
  int acknowledgment = 0;  // from SND.NXT
  std::size_t payload = 0;
  Answer answer;
  State after;
  std::optional<CloseReason> closed{};
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << name(row.before) << ": " << row.sentence;
}

// A connection and the other end's numbers, by hand.
struct ByHand {
  Connection tcp;
  std::uint32_t sequence = peer_initial;       // RCV.NXT of the connection
  std::uint32_t acknowledgment = our_initial;  // SND.NXT of the connection
  Instant now = start;
  std::vector<Outgoing> answers{};

  void drain() {
    while (const auto out = tcp.poll_transmit(now)) {
      answers.push_back(*out);
      if (!out->flags.rst && (out->payload_bytes() > 0 || out->flags.fin || out->flags.syn)) {
        acknowledgment =
            out->sequence + static_cast<std::uint32_t>(out->payload_bytes()) + out->flags.fin + out->flags.syn;
      }
    }
  }
  void arrive(Segment segment, std::size_t payload = 0) {
    static const Buffer text(100'000, std::byte{'x'});
    const std::array<Bytes, 1> pieces{Bytes(text).first(payload)};
    segment.payload = pieces;
    if (segment.window == 0) segment.window = 10'000;
    tcp.handle_segment(segment, now);
    answers.clear();
    drain();
  }
  void arrive_in_order(Flags flags, std::size_t payload = 0) {
    arrive({.sequence = sequence, .acknowledgment = acknowledgment, .flags = flags}, payload);
    sequence += static_cast<std::uint32_t>(payload) + flags.syn + flags.fin;
  }
};

Config plain() {
  return {.initial_sequence = our_initial, .timestamps = false};
}

ByHand in(State state, const Config& config = plain(), const Options& options = {}) {
  if (state == State::syn_sent) {
    ByHand hand{.tcp = connect(config, start)};
    hand.drain();
    return hand;
  }
  ByHand hand{
      .tcp = Connection::accept({.sequence = peer_initial, .window = 10'000, .options = options}, config, start),
      .sequence = peer_initial + 1};
  hand.drain();
  if (state == State::syn_received) return hand;
  hand.arrive_in_order({.ack = true});
  if (state == State::close_wait || state == State::last_ack) hand.arrive_in_order({.fin = true, .ack = true});
  if (state != State::established && state != State::close_wait) {
    const std::uint32_t before = hand.acknowledgment;
    hand.tcp.finish(hand.now);
    hand.drain();
    if (state == State::closing) {
      hand.acknowledgment = before;  // the peer's FIN crosses ours
      hand.arrive_in_order({.fin = true, .ack = true});
      hand.acknowledgment = before + 1;
    }
    if (state == State::fin_wait_2 || state == State::time_wait) hand.arrive_in_order({.ack = true});
    if (state == State::time_wait) hand.arrive_in_order({.fin = true, .ack = true});
  }
  while (hand.tcp.poll_event()) {
  }
  EXPECT_EQ(hand.tcp.state(), state);
  return hand;
}

class TcpArrival : public testing::TestWithParam<Row> {};

TEST_P(TcpArrival, is_answered_as_specified) {
  const Row& row = GetParam();
  ByHand hand = in(row.before);
  const std::uint32_t next = hand.acknowledgment;
  hand.arrive({.sequence = hand.sequence + static_cast<std::uint32_t>(row.sequence),
               .acknowledgment = hand.acknowledgment + static_cast<std::uint32_t>(row.acknowledgment),
               .flags = row.flags},
              row.payload);
  switch (row.answer) {
    case Answer::nothing: EXPECT_TRUE(hand.answers.empty()); break;
    case Answer::acknowledges:
      ASSERT_EQ(hand.answers.size(), 1u);
      EXPECT_EQ(hand.answers[0].flags, (Flags{.ack = true}));
      EXPECT_EQ(hand.answers[0].sequence, next);
      break;
    case Answer::resets:
      ASSERT_EQ(hand.answers.size(), 1u);
      EXPECT_TRUE(hand.answers[0].flags.rst);
      if (row.flags.ack) EXPECT_EQ(hand.answers[0].sequence, next + static_cast<std::uint32_t>(row.acknowledgment));
      break;
    case Answer::accepts:
      ASSERT_EQ(hand.answers.size(), 1u);
      EXPECT_EQ(hand.answers[0].flags, (Flags{.syn = true, .ack = true}));
      EXPECT_EQ(hand.answers[0].sequence, our_initial);
      break;
  }
  EXPECT_EQ(name(hand.tcp.state()), name(row.after));
  std::optional<CloseReason> closed;
  while (const auto event = hand.tcp.poll_event()) {
    EXPECT_FALSE(closed) << "an event after closed";
    if (event->kind == EventKind::closed) closed = event->reason;
  }
  EXPECT_EQ(closed, row.closed);
}

constexpr Flags ack{.ack = true};
constexpr Flags fin{.fin = true, .ack = true};
constexpr Flags rst{.rst = true};
constexpr Flags rst_ack{.rst = true, .ack = true};
constexpr Flags syn{.syn = true};
constexpr Flags syn_ack{.syn = true, .ack = true};
using enum State;
using enum Answer;

const Row syn_sent_rows[] = {
    {"an acknowledgment of what was not sent is reset", syn_sent, ack, 0, 7, 0, resets, syn_sent},
    {"an acknowledgment of the SYN alone says nothing", syn_sent, ack, 0, 0, 0, nothing, syn_sent},
    {"a SYN-ACK connects", syn_sent, syn_ack, 0, 0, 0, acknowledges, established},
    {"a SYN-ACK of another SYN is reset", syn_sent, syn_ack, 0, 1, 0, resets, syn_sent},
    {"a SYN opens from both sides", syn_sent, syn, 0, 0, 0, accepts, syn_received},
    {"a reset of our SYN refuses", syn_sent, rst_ack, 0, 0, 0, nothing, closed, CloseReason::refused},
    {"a reset of another SYN is ignored", syn_sent, rst_ack, 0, -1, 0, nothing, syn_sent},
    {"a reset without acknowledgment is ignored", syn_sent, rst, 0, 0, 0, nothing, syn_sent},
    {"neither SYN nor reset is dropped", syn_sent, {}, 0, 0, 0, nothing, syn_sent},
    {"text with the SYN-ACK is taken", syn_sent, syn_ack, 0, 0, 10, acknowledges, established},
};
const Row syn_received_rows[] = {
    {"an acknowledgment of our SYN connects", syn_received, ack, 0, 0, 0, nothing, established},
    {"an acknowledgment of more is reset", syn_received, ack, 0, 1, 0, resets, syn_received},
    {"an acknowledgment of less is reset", syn_received, ack, 0, -1, 0, resets, syn_received},
    {"the same SYN again gets the same answer", syn_received, syn, -1, 0, 0, accepts, syn_received},
    {"another SYN in the window is challenged", syn_received, syn, 5, 0, 0, acknowledges, syn_received},
    {"a reset at the edge ends it", syn_received, rst, 0, 0, 0, nothing, closed, CloseReason::reset},
    {"a reset in the window is challenged", syn_received, rst, 9, 0, 0, acknowledges, syn_received},
    {"a reset outside the window is dropped", syn_received, rst, -9, 0, 0, nothing, syn_received},
    {"a segment without acknowledgment is dropped", syn_received, {}, 0, 0, 5, nothing, syn_received},
    {"a FIN with the acknowledgment finishes the peer", syn_received, fin, 0, 0, 0, acknowledges, close_wait},
    {"a segment outside the window is acknowledged", syn_received, ack, 70'000, 0, 0, acknowledges, syn_received},
};
const Row established_rows[] = {
    {"text in order is taken, and one segment may wait for its acknowledgment", established, ack, 0, 0, 1'000, nothing,
     established},
    {"two full segments are acknowledged", established, ack, 0, 0, 2'480, acknowledges, established},
    {"text out of order is acknowledged at once", established, ack, 100, 0, 100, acknowledges, established},
    {"old text is acknowledged at once", established, ack, -50, 0, 50, acknowledges, established},
    {"text beyond the window is acknowledged", established, ack, 66'000, 0, 10, acknowledges, established},
    {"a keepalive is answered", established, ack, -1, 0, 0, acknowledges, established},
    {"a bare acknowledgment is not answered", established, ack, 0, 0, 0, nothing, established},
    {"an acknowledgment of what was not sent is answered", established, ack, 0, 1, 0, acknowledges, established},
    {"an acknowledgment from before the largest window is challenged", established, ack, 0, -10'002, 0, acknowledges,
     established},
    {"a recent old acknowledgment is ignored", established, ack, 0, -1, 0, nothing, established},
    {"a segment without acknowledgment is dropped", established, {}, 0, 0, 10, nothing, established},
    {"a SYN in the window is challenged", established, syn, 3, 0, 0, acknowledges, established},
    {"the old SYN-ACK is acknowledged", established, syn_ack, -1, 0, 0, acknowledges, established},
    {"a reset at the edge ends it", established, rst, 0, 0, 0, nothing, closed, CloseReason::reset},
    {"a reset with acknowledgment at the edge ends it", established, rst_ack, 0, 0, 0, nothing, closed,
     CloseReason::reset},
    {"a reset elsewhere in the window is challenged", established, rst, 1, 0, 0, acknowledges, established},
    {"a reset before the window is dropped", established, rst, -1, 0, 0, nothing, established},
    {"a reset beyond the window is dropped", established, rst, 66'000, 0, 0, nothing, established},
    {"a FIN is acknowledged", established, fin, 0, 0, 0, acknowledges, close_wait},
    {"a FIN after text is acknowledged", established, fin, 0, 0, 100, acknowledges, close_wait},
    {"a FIN out of order waits", established, fin, 10, 0, 10, acknowledges, established},
};
const Row closing_rows[] = {
    {"an acknowledgment of our FIN is enough", fin_wait_1, ack, 0, 0, 0, nothing, fin_wait_2},
    {"an older acknowledgment is not", fin_wait_1, ack, 0, -1, 0, nothing, fin_wait_1},
    {"a FIN that acknowledges ours", fin_wait_1, fin, 0, 0, 0, acknowledges, time_wait, CloseReason::finished},
    {"a FIN that does not", fin_wait_1, fin, 0, -1, 0, acknowledges, closing},
    {"text is still taken", fin_wait_1, ack, 0, -1, 2'480, acknowledges, fin_wait_1},
    {"a reset ends it", fin_wait_1, rst, 0, 0, 0, nothing, closed, CloseReason::reset},
    {"a FIN", fin_wait_2, fin, 0, 0, 0, acknowledges, time_wait, CloseReason::finished},
    {"text is still taken", fin_wait_2, ack, 0, 0, 2'480, acknowledges, fin_wait_2},
    {"a reset ends it", fin_wait_2, rst, 0, 0, 0, nothing, closed, CloseReason::reset},
    {"a SYN is challenged", fin_wait_2, syn, 1, 0, 0, acknowledges, fin_wait_2},
    {"the same FIN again is acknowledged", close_wait, fin, -1, 0, 0, acknowledges, close_wait},
    {"text after the FIN is not taken", close_wait, ack, 0, 0, 5, acknowledges, close_wait},
    {"a reset ends it", close_wait, rst, 0, 0, 0, nothing, closed, CloseReason::reset},
    {"an acknowledgment of our FIN", closing, ack, 0, 0, 0, nothing, time_wait, CloseReason::finished},
    {"the same FIN again is acknowledged", closing, fin, -1, -1, 0, acknowledges, closing},
    {"a reset ends it", closing, rst, 0, 0, 0, nothing, closed, CloseReason::reset},
    {"an acknowledgment of our FIN", last_ack, ack, 0, 0, 0, nothing, closed, CloseReason::finished},
    {"an older acknowledgment is not", last_ack, ack, 0, -1, 0, nothing, last_ack},
    {"a reset ends it", last_ack, rst, 0, 0, 0, nothing, closed, CloseReason::reset},
    {"the same FIN again is acknowledged", time_wait, fin, -1, 0, 0, acknowledges, time_wait},
    {"a bare acknowledgment is not answered", time_wait, ack, 0, 0, 0, nothing, time_wait},
    {"a reset does not end it", time_wait, rst, 0, 0, 0, nothing, time_wait},
    {"old text is acknowledged", time_wait, ack, -5, 0, 4, acknowledges, time_wait},
};

INSTANTIATE_TEST_SUITE_P(SynSent, TcpArrival, testing::ValuesIn(syn_sent_rows));
INSTANTIATE_TEST_SUITE_P(SynReceived, TcpArrival, testing::ValuesIn(syn_received_rows));
INSTANTIATE_TEST_SUITE_P(Established, TcpArrival, testing::ValuesIn(established_rows));
INSTANTIATE_TEST_SUITE_P(Closing, TcpArrival, testing::ValuesIn(closing_rows));

TEST(TcpChallenge, is_limited_to_ten_a_second) {
  ByHand hand = in(established);
  int answers = 0;
  for (int i = 0; i < 100; i++) {
    hand.arrive({.sequence = hand.sequence + 5, .flags = rst});
    answers += static_cast<int>(hand.answers.size());
  }
  EXPECT_EQ(answers, ChallengeLimit::answers_max);
  hand.now += ChallengeLimit::interval;
  hand.arrive({.sequence = hand.sequence + 5, .flags = rst});
  EXPECT_EQ(hand.answers.size(), 1u);
}

TEST(TcpPaws, drops_a_segment_with_an_old_timestamp_unless_the_newest_is_24_days_old) {
  const Options offer{.timestamps = Timestamps{.value = 0x8000'0005}};
  Config config = plain();
  config.timestamps = true;
  ByHand hand = in(syn_received, config, offer);
  const auto arrive = [&](std::uint32_t value, std::size_t payload) {
    hand.arrive({.sequence = hand.sequence,
                 .acknowledgment = hand.acknowledgment,
                 .flags = ack,
                 .options = {.timestamps = Timestamps{.value = value}}},
                payload);
  };
  arrive(0x8000'0006, 10);
  EXPECT_EQ(hand.tcp.readable_bytes(), 10u);
  hand.sequence += 10;
  arrive(0x8000'0004, 10);
  EXPECT_EQ(hand.tcp.readable_bytes(), 10u);
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].options.timestamps->echo, 0x8000'0006u);
  hand.now += hours(24 * 25);
  arrive(0x8000'0004, 10);
  EXPECT_EQ(hand.tcp.readable_bytes(), 20u);
}

TEST(TcpHandshake, repeats_its_answer_with_growing_gaps_and_gives_up_after_the_configured_time) {
  ByHand hand = in(syn_received);
  std::vector<Duration> gaps;
  Instant last = hand.now;
  while (const auto due = hand.tcp.poll_timeout()) {
    hand.now = *due;
    hand.tcp.handle_timeout(hand.now);
    hand.answers.clear();
    hand.drain();
    if (hand.answers.empty()) break;
    gaps.push_back(hand.now - last);
    last = hand.now;
  }
  EXPECT_EQ(gaps, (std::vector<Duration>{seconds(1), seconds(2), seconds(4), seconds(8)}));
  EXPECT_EQ(hand.now - start, Config{}.handshake_timeout);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::timed_out}));
}

TEST(TcpHandshake, agrees_only_on_what_both_offer) {
  Config config = plain();
  config.timestamps = true;
  ByHand hand{.tcp = Connection::accept({.sequence = 1, .options = {.mss = 1'000, .window_scale = 3}}, config, start)};
  hand.drain();
  const Options& options = hand.answers.at(0).options;
  EXPECT_EQ(options.mss, 1'240);
  EXPECT_EQ(options.window_scale, ReceiveWindow::shift_offered);
  EXPECT_FALSE(options.timestamps);
  EXPECT_FALSE(options.sack_permitted);
}

TEST(TcpHandshake, opens_from_both_sides_at_once) {
  Connection a = connect({.initial_sequence = our_initial}, start);
  Connection b = connect({.initial_sequence = peer_initial}, start);
  const auto segment = [](const Outgoing& out) {
    return Segment{.sequence = out.sequence,
                   .acknowledgment = out.acknowledgment,
                   .flags = out.flags,
                   .window = out.window,
                   .options = out.options};
  };
  // Each round's segments cross.
  for (int round = 0; round < 4; round++) {
    std::vector<Outgoing> from_a, from_b;
    while (const auto out = a.poll_transmit(start)) from_a.push_back(*out);
    while (const auto out = b.poll_transmit(start)) from_b.push_back(*out);
    for (const Outgoing& out : from_a) b.handle_segment(segment(out), start);
    for (const Outgoing& out : from_b) a.handle_segment(segment(out), start);
  }
  EXPECT_EQ(a.state(), established);
  EXPECT_EQ(b.state(), established);
}

TEST(TcpClose, delivers_what_came_before_the_end_even_when_it_is_read_late) {
  ByHand hand = in(established);
  hand.arrive_in_order(fin, 500);
  hand.tcp.finish(hand.now);
  hand.drain();
  hand.arrive_in_order(ack);
  EXPECT_EQ(hand.tcp.state(), closed);
  EXPECT_FALSE(hand.tcp.closed());
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::readable}));
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::peer_finished}));
  EXPECT_EQ(hand.tcp.poll_event(), std::nullopt);
  hand.tcp.consume(500, hand.now);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::finished}));
}

TEST(TcpClose, forgets_everything_on_a_reset) {
  ByHand hand = in(established);
  hand.arrive_in_order(ack, 500);
  hand.tcp.write(bytes_of("never arrives"), hand.now);
  hand.arrive({.sequence = hand.sequence, .flags = rst});
  EXPECT_EQ(hand.tcp.readable_bytes(), 0u);
  EXPECT_EQ(hand.tcp.write(bytes_of("more"), hand.now), 0u);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::reset}));
  EXPECT_EQ(hand.tcp.poll_event(), std::nullopt);
  EXPECT_FALSE(hand.tcp.poll_timeout());
}

TEST(TcpClose, resets_the_peer_when_the_application_aborts) {
  ByHand hand = in(established);
  hand.answers.clear();
  hand.tcp.abort(hand.now);
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_TRUE(hand.answers[0].flags.rst);
  EXPECT_EQ(hand.answers[0].sequence, hand.acknowledgment);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::aborted}));
  EXPECT_FALSE(hand.tcp.poll_timeout());
}

TEST(TcpClose, repeats_its_fin_until_it_is_acknowledged) {
  ByHand hand = in(fin_wait_1);
  for (int i = 0; i < 3; i++) {
    hand.now = *hand.tcp.poll_timeout();
    hand.tcp.handle_timeout(hand.now);
    hand.answers.clear();
    hand.drain();
    ASSERT_EQ(hand.answers.size(), 1u);
    EXPECT_TRUE(hand.answers[0].flags.fin);
    EXPECT_EQ(hand.answers[0].sequence, our_initial + 1);
  }
  hand.arrive_in_order(ack);
  EXPECT_EQ(hand.tcp.state(), fin_wait_2);
}

TEST(TcpTimeout, backs_off_and_gives_up_three_minutes_after_the_last_progress) {
  ByHand hand = in(established);
  hand.tcp.write(bytes_of("hello"), hand.now);
  hand.drain();
  Duration last_gap{0};
  Instant last = hand.now;
  int repeated = 0;
  while (!hand.tcp.closed()) {
    hand.now = *hand.tcp.poll_timeout();
    hand.tcp.handle_timeout(hand.now);
    hand.answers.clear();
    hand.drain();
    if (hand.answers.empty()) continue;
    repeated++;
    EXPECT_EQ(hand.answers[0].payload_bytes(), 5u);
    EXPECT_GE(hand.now - last, last_gap);
    last_gap = hand.now - last;
    last = hand.now;
  }
  EXPECT_EQ(hand.now - start, minutes(3));
  EXPECT_GE(repeated, 7);
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::timed_out}));
}

TEST(TcpKeepalive, asks_an_idle_peer_and_gives_up_when_it_does_not_answer) {
  Config config = plain();
  config.keepalive = Keepalive{.idle = minutes(1), .interval = seconds(10), .probes_max = 3};
  ByHand hand = in(established, config);
  hand.now = *hand.tcp.poll_timeout();
  EXPECT_EQ(hand.now - start, minutes(1));
  hand.tcp.handle_timeout(hand.now);
  hand.answers.clear();
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, hand.acknowledgment - 1);
  hand.arrive_in_order(ack);
  EXPECT_EQ(*hand.tcp.poll_timeout() - hand.now, minutes(1));
  while (const auto due = hand.tcp.poll_timeout()) {
    hand.now = *due;
    hand.tcp.handle_timeout(hand.now);
    hand.drain();
  }
  EXPECT_EQ(hand.now - start, minutes(2) + seconds(30));
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::closed, CloseReason::timed_out}));
}

TEST(TcpRecovery, sends_again_after_three_duplicate_acknowledgments_without_sack) {
  ByHand hand = in(established);
  hand.tcp.write(Buffer(10 * 1'240), hand.now);
  hand.drain();
  const std::uint32_t first = our_initial + 1;
  const Segment duplicate{.sequence = hand.sequence, .acknowledgment = first, .flags = ack};
  for (int i = 0; i < 2; i++) {
    hand.arrive(duplicate);
    EXPECT_TRUE(hand.answers.empty());
  }
  hand.arrive(duplicate);
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, first);
  EXPECT_EQ(hand.tcp.sender().phase(), RecoveryPhase::recovery);
}

TEST(TcpRecovery, sends_again_when_three_segments_beyond_are_sacked) {
  ByHand hand = in(established, plain(), {.mss = 1'240, .sack_permitted = true});
  hand.tcp.write(Buffer(10 * 1'240), hand.now);
  hand.drain();
  hand.now += milliseconds(20);
  const std::uint32_t first = our_initial + 1;
  Segment duplicate{.sequence = hand.sequence, .acknowledgment = first, .flags = ack};
  duplicate.options.sack.add({.left = first + 1'240, .right = first + 4 * 1'240});
  hand.arrive(duplicate);
  ASSERT_GE(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, first);
  EXPECT_EQ(hand.answers[0].payload_bytes(), 1'240u);
}

TEST(TcpRecovery, probes_the_tail_before_the_timeout) {
  ByHand hand = in(syn_received, plain(), {.mss = 1'240, .sack_permitted = true});
  hand.now += milliseconds(20);
  hand.arrive_in_order(ack);  // a round trip of 20 ms
  hand.tcp.write(Buffer(3 * 1'240), hand.now);
  hand.drain();
  const Instant sent = hand.now;
  hand.now = *hand.tcp.poll_timeout();
  EXPECT_EQ(hand.now - sent, milliseconds(40));
  hand.tcp.handle_timeout(hand.now);
  hand.answers.clear();
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, our_initial + 1 + 2 * 1'240);
  EXPECT_EQ(hand.answers[0].payload_bytes(), 1'240u);
}

TEST(TcpReceive, delays_the_acknowledgment_of_one_segment) {
  ByHand hand = in(established);
  hand.arrive_in_order(ack, 1'000);
  EXPECT_TRUE(hand.answers.empty());
  ASSERT_TRUE(hand.tcp.poll_timeout());
  EXPECT_EQ(*hand.tcp.poll_timeout() - hand.now, Receiver::acknowledgment_delay);
  hand.now = *hand.tcp.poll_timeout();
  hand.tcp.handle_timeout(hand.now);
  hand.drain();
  EXPECT_EQ(hand.answers.size(), 1u);
  EXPECT_FALSE(hand.tcp.poll_timeout());
}

TEST(TcpReceive, acknowledges_with_the_answer_when_there_is_one) {
  ByHand hand = in(established);
  hand.arrive_in_order(ack, 1'000);
  hand.tcp.write(bytes_of("answer"), hand.now);
  hand.drain();
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].acknowledgment, hand.sequence);
  EXPECT_EQ(hand.answers[0].payload_bytes(), 6u);
}

TEST(TcpReceive, announces_a_window_that_opened_by_two_segments) {
  ByHand hand = in(established);
  while (hand.tcp.readable_bytes() < 60'000) hand.arrive_in_order(ack, 2'480);
  hand.answers.clear();
  hand.tcp.consume(2'000, hand.now);
  hand.drain();
  EXPECT_TRUE(hand.answers.empty());
  hand.tcp.consume(2'000, hand.now);
  hand.drain();
  EXPECT_EQ(hand.answers.size(), 1u);
}

TEST(TcpSend, takes_a_closed_window_seriously_and_probes_it_with_one_octet) {
  ByHand hand = in(established);
  Segment closing{.sequence = hand.sequence, .acknowledgment = hand.acknowledgment, .flags = ack};
  closing.window = 0;
  hand.tcp.handle_segment(closing, hand.now);
  hand.tcp.write(bytes_of("waits"), hand.now);
  hand.answers.clear();
  hand.drain();
  EXPECT_TRUE(hand.answers.empty());
  const std::uint32_t next = our_initial + 1;
  for (int i = 0; i < 5; i++) {
    hand.now = *hand.tcp.poll_timeout();
    hand.tcp.handle_timeout(hand.now);
    hand.answers.clear();
    hand.drain();
    ASSERT_EQ(hand.answers.size(), 1u);
    EXPECT_EQ(hand.answers[0].sequence, next);
    EXPECT_EQ(hand.answers[0].payload_bytes(), 1u);
    EXPECT_EQ(hand.tcp.sender().outstanding(), 0u);
    hand.tcp.handle_segment(closing, hand.now);
  }
  // The octet is taken after all, and the window opens.
  hand.arrive({.sequence = hand.sequence, .acknowledgment = next + 1, .flags = ack});
  ASSERT_EQ(hand.answers.size(), 1u);
  EXPECT_EQ(hand.answers[0].sequence, next + 1);
  EXPECT_EQ(hand.answers[0].payload_bytes(), 4u);
}

TEST(TcpSend, keeps_packets_within_what_the_peer_takes) {
  Config config = plain();
  config.timestamps = true;
  ByHand hand = in(established, config, {.mss = 1'000, .timestamps = Timestamps{.value = 1}});
  hand.answers.clear();
  hand.tcp.write(Buffer(5'000), hand.now);
  hand.drain();
  EXPECT_EQ(hand.answers.at(0).mss, 988u);
  EXPECT_EQ(hand.answers.at(0).payload_bytes(), 5'000u);
}

TEST(TcpSend, says_when_there_is_room_again) {
  Config config = plain();
  config.send_limit = 4'000;
  ByHand hand = in(established, config);
  EXPECT_EQ(hand.tcp.write(Buffer(9'000), hand.now), 4'000u);
  hand.drain();
  EXPECT_EQ(hand.tcp.poll_event(), std::nullopt);
  hand.arrive({.sequence = hand.sequence, .acknowledgment = our_initial + 1 + 536, .flags = ack});
  EXPECT_EQ(hand.tcp.poll_event(), std::nullopt);
  hand.arrive({.sequence = hand.sequence, .acknowledgment = our_initial + 1 + 2'144, .flags = ack});
  EXPECT_EQ(hand.tcp.poll_event(), (Event{EventKind::writable}));
  EXPECT_EQ(hand.tcp.writable_bytes(), 2'144u);
}

}  // namespace
}  // namespace quoin::netstack::tcp

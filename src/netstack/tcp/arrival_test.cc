// RFC 9293, section 3.10.7, and RFC 5961 as a table: in this state, this segment; then that answer and that state.
#include <ostream>

#include <gtest/gtest.h>

#include "netstack/tcp/by_hand_test.h"

namespace quoin::netstack::tcp {
namespace {

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

}  // namespace
}  // namespace quoin::netstack::tcp

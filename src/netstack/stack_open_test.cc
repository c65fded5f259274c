// A SYN is answered when the device has answered, and as the device has answered.
#include <algorithm>

#include <gtest/gtest.h>

#include "netstack/stack_bench_test.h"
#include "netstack/tcp/time_wait.h"

namespace quoin::netstack {
namespace {

using namespace testing;

// The smallest peer that can hold a conversation: in order, nothing lost, everything acknowledged at once.
class TestPeer {
 public:
  TestPeer(Bench& bench, Endpoint local, Endpoint remote, std::uint32_t sequence)
      : bench_(bench), local_(local), remote_(remote), sequence_(sequence) {}

  void syn() { bench_.deliver(syn_packet(local_, remote_, sequence_)); }
  void send(tcp::Flags said, std::string_view text = "") {
    bench_.deliver(tcp_packet(local_, remote_, header_of(said, sequence_, acknowledged_), bytes_of(text)));
    sequence_ += static_cast<std::uint32_t>(text.size() + said.syn + said.fin);
  }
  // Takes what the stack sends, acknowledging all of it; what was said to this peer.
  std::string hear() {
    std::string heard;
    for (bool more = true; more;) {
      more = false;
      for (const Buffer& packet : bench_.sent()) {
        const auto segment = read_tcp(packet);
        EXPECT_TRUE(segment);
        if (!segment || segment->header.destination_port != local_.port) continue;
        flags = segment->header.flags;
        heard += text_of(segment->payload);
        if (flags.rst) return heard;
        if (flags.syn) {
          acknowledged_ = segment->header.sequence;
          sequence_++;
        }
        acknowledged_ += static_cast<std::uint32_t>(segment->payload.size() + flags.syn + flags.fin);
        finished = finished || flags.fin;
        more = more || !segment->payload.empty() || flags.syn || flags.fin;
      }
      if (more) send({.ack = true});
    }
    return heard;
  }

  tcp::Flags flags{};  // of the last segment heard
  bool finished = false;

 private:
  Bench& bench_;
  Endpoint local_;
  Endpoint remote_;
  std::uint32_t sequence_;
  std::uint32_t acknowledged_ = 0;
};

std::string text_of_spans(const std::array<Bytes, 2>& spans) {
  return std::string(text_of(spans[0])) + std::string(text_of(spans[1]));
}

void write(Stack& stack, FlowId flow, std::string_view text, Instant now) {
  const auto space = stack.write_space(flow);
  ASSERT_GE(space[0].size(), text.size());
  std::ranges::copy(bytes_of(text), space[0].begin());
  stack.commit(flow, text.size(), now);
}

struct Ends {
  Endpoint peer;
  Endpoint ours;
};

class StackOpen : public ::testing::TestWithParam<Ends> {
 protected:
  Endpoint peer = GetParam().peer;
  Endpoint ours = GetParam().ours;
  Bench bench;
};

INSTANTIATE_TEST_SUITE_P(OverBoth, StackOpen,
                         ::testing::Values(Ends{{peer_v4, 40'001}, {our_v4, 80}},
                                           Ends{{peer_v6, 40'001}, {our_v6, 80}}));

TEST_P(StackOpen, says_nothing_until_the_owner_answers) {
  TestPeer client(bench, peer, ours, 100);
  client.syn();
  const Incoming incoming = bench.the<Incoming>();
  EXPECT_EQ(incoming.transport, Transport::tcp);
  EXPECT_EQ(incoming.local, ours);
  EXPECT_EQ(incoming.remote, peer);
  bench.pass(seconds(1));
  client.syn();
  client.syn();
  EXPECT_TRUE(bench.events().empty()) << "a repeated SYN is quiet";
  EXPECT_TRUE(bench.sent().empty());
  EXPECT_EQ(bench.stack.statistics().syn_repeated, 2u);

  ASSERT_TRUE(bench.stack.accept(incoming.flow, bench.now));
  EXPECT_EQ(client.hear(), "");
  EXPECT_EQ(client.flags.syn, true);
  EXPECT_EQ(bench.the<Connected>().flow, incoming.flow);
}

TEST_P(StackOpen, carries_a_conversation_to_its_end) {
  TestPeer client(bench, peer, ours, 0xffff'fff0);  // wraps on the way
  client.syn();
  const FlowId flow = bench.the<Incoming>().flow;
  ASSERT_TRUE(bench.stack.accept(flow, bench.now));
  client.hear();
  bench.events();
  client.send({.psh = true, .ack = true}, "GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(bench.the<Readable>().flow, flow);
  EXPECT_EQ(text_of_spans(bench.stack.readable(flow)), "GET / HTTP/1.0\r\n\r\n");
  bench.stack.consume(flow, 18, bench.now);
  write(bench.stack, flow, "HTTP/1.0 200 OK\r\n\r\nhello", bench.now);
  bench.stack.finish(flow, bench.now);
  EXPECT_EQ(client.hear(), "HTTP/1.0 200 OK\r\n\r\nhello");
  EXPECT_TRUE(client.finished);
  client.send({.fin = true, .ack = true});
  client.hear();
  bool peer_finished = false, closed = false;
  for (const StackEvent& event : bench.events()) {
    EXPECT_FALSE(closed) << "nothing is told after Closed";
    peer_finished = peer_finished || std::holds_alternative<PeerFinished>(event);
    if (const auto* last = std::get_if<Closed>(&event)) {
      closed = true;
      EXPECT_EQ(last->why, CloseReason::finished);
    }
  }
  EXPECT_TRUE(peer_finished);
  EXPECT_TRUE(closed);
  EXPECT_EQ(bench.stack.flows(), 0u) << "TIME-WAIT holds no flow";
  EXPECT_EQ(bench.stack.memory_bytes(), 0u);
  ASSERT_TRUE(bench.stack.poll_timeout()) << "but is remembered";
  bench.pass(tcp::TimeWait::length);
  EXPECT_FALSE(bench.stack.poll_timeout());
}

TEST_P(StackOpen, refuses_as_the_device_refused) {
  const Buffer syn = syn_packet(peer, ours, 100);
  const auto refused = [&](Refusal refusal) {
    bench.deliver(syn);
    bench.stack.refuse(bench.the<Incoming>().flow, refusal);
    EXPECT_TRUE(bench.events().empty());
    EXPECT_EQ(bench.stack.flows(), 0u);
    EXPECT_FALSE(bench.stack.poll_timeout());
    return bench.sent();
  };
  EXPECT_TRUE(refused(Refusal::silent).empty());

  const auto packets = refused(Refusal::reset);
  ASSERT_EQ(packets.size(), 1u);
  const auto reset = read_tcp(packets[0]);
  ASSERT_TRUE(reset);
  EXPECT_TRUE(reset->header.flags.rst && reset->header.flags.ack);
  EXPECT_EQ(reset->header.sequence, 0u);
  EXPECT_EQ(reset->header.acknowledgment, 101u);
  EXPECT_EQ(reset->header.source_port, 80);

  for (const auto& [refusal, what] : {std::pair(Refusal::host_unreachable, IcmpUnreachable::host),
                                      std::pair(Refusal::port_unreachable, IcmpUnreachable::port),
                                      std::pair(Refusal::administratively_prohibited, IcmpUnreachable::prohibited)}) {
    const auto errors = refused(refusal);
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_EQ(to_hex(errors[0]), to_hex(icmp_unreachable(what, parse_ip(syn).value())));
  }
}

TEST_P(StackOpen, resets_a_syn_that_the_owner_left_waiting) {
  bench.deliver(syn_packet(peer, ours, 100));
  const FlowId flow = bench.the<Incoming>().flow;
  EXPECT_EQ(bench.stack.poll_timeout(), bench.now + seconds(30));
  bench.pass(seconds(30));
  EXPECT_EQ(bench.the<Closed>().why, CloseReason::timed_out);
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(read_tcp(sent[0])->header.flags.rst);
  EXPECT_FALSE(bench.stack.accept(flow, bench.now));
  bench.stack.refuse(flow, Refusal::reset);
  EXPECT_TRUE(bench.sent().empty());
}

TEST_P(StackOpen, forgets_a_syn_whose_sender_gave_up) {
  bench.deliver(syn_packet(peer, ours, 100));
  const FlowId flow = bench.the<Incoming>().flow;
  bench.deliver(tcp_packet(peer, ours, header_of({.rst = true}, 100)));
  EXPECT_TRUE(bench.events().empty()) << "not the sequence number that a reset would have";
  bench.deliver(tcp_packet(peer, ours, header_of({.rst = true}, 101)));
  const Closed closed = bench.the<Closed>();
  EXPECT_EQ(closed.flow, flow);
  EXPECT_EQ(closed.why, CloseReason::reset_by_peer);
  EXPECT_FALSE(bench.stack.accept(flow, bench.now));
  EXPECT_TRUE(bench.sent().empty());
}

TEST_P(StackOpen, answers_the_newest_of_two_attempts_on_one_port) {
  bench.deliver(syn_packet(peer, ours, 100));
  bench.deliver(syn_packet(peer, ours, 5'000));
  const FlowId flow = bench.the<Incoming>().flow;
  bench.stack.accept(flow, bench.now);
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(read_tcp(sent[0])->header.acknowledgment, 5'001u);
}

TEST_P(StackOpen, aborts_with_a_reset_and_tells_nothing_more) {
  TestPeer client(bench, peer, ours, 100);
  client.syn();
  const FlowId flow = bench.the<Incoming>().flow;
  bench.stack.accept(flow, bench.now);
  client.hear();
  bench.events();
  bench.stack.abort(flow, bench.now);
  client.hear();
  EXPECT_TRUE(client.flags.rst);
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(bench.stack.flows(), 0u);
  EXPECT_EQ(bench.stack.memory_bytes(), 0u);
  EXPECT_TRUE(bench.stack.readable(flow)[0].empty());
  EXPECT_TRUE(bench.stack.write_space(flow)[0].empty());
}

TEST_P(StackOpen, aborts_behind_what_was_written_and_tells_when_it_has) {
  TestPeer client(bench, peer, ours, 100);
  client.syn();
  const FlowId flow = bench.the<Incoming>().flow;
  bench.stack.accept(flow, bench.now);
  client.hear();
  client.send({.ack = true});
  bench.events();
  const MutableBytes space = bench.stack.write_space(flow)[0];
  ASSERT_FALSE(space.empty());
  bench.stack.commit(flow, 1, bench.now);
  bench.stack.abort_when_delivered(flow, bench.now);
  EXPECT_TRUE(bench.stack.write_space(flow)[0].empty());
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(bench.stack.flows(), 1u);
  client.hear();  // and acknowledges
  EXPECT_TRUE(client.flags.rst);
  EXPECT_EQ(bench.the<Closed>().why, CloseReason::aborted);
  EXPECT_EQ(bench.stack.flows(), 0u);
}

TEST_P(StackOpen, tells_of_a_reset_by_the_peer) {
  TestPeer client(bench, peer, ours, 100);
  client.syn();
  const FlowId flow = bench.the<Incoming>().flow;
  bench.stack.accept(flow, bench.now);
  client.hear();
  bench.events();
  client.send({.rst = true, .ack = true});
  const Closed closed = bench.the<Closed>();
  EXPECT_EQ(closed.flow, flow);
  EXPECT_EQ(closed.why, CloseReason::reset_by_peer);
  EXPECT_EQ(bench.stack.flows(), 0u);
}

TEST_P(StackOpen, lets_an_unreachable_error_change_nothing_about_a_connection) {
  TestPeer client(bench, peer, ours, 100);
  client.syn();
  const FlowId flow = bench.the<Incoming>().flow;
  bench.stack.accept(flow, bench.now);
  client.hear();
  bench.events();
  write(bench.stack, flow, "in flight", bench.now);
  const auto sent = bench.sent();
  ASSERT_EQ(sent.size(), 1u);
  bench.deliver(icmp_unreachable(IcmpUnreachable::host, parse_ip(sent[0]).value()));
  EXPECT_TRUE(bench.events().empty());
  EXPECT_EQ(bench.stack.statistics().icmp_errors_in, 1u);
  Buffer not_in_flight = tcp_packet(ours, peer, header_of({.ack = true}, read_tcp(sent[0])->header.sequence - 5'000));
  bench.deliver(icmp_unreachable(IcmpUnreachable::host, parse_ip(not_in_flight).value()));
  EXPECT_EQ(bench.stack.statistics().icmp_ignored, 1u);
  EXPECT_EQ(bench.stack.flows(), 1u);
}

TEST_P(StackOpen, answers_a_repeated_finish_in_time_wait_and_lets_a_newer_syn_reopen) {
  TestPeer client(bench, peer, ours, 100);
  client.syn();
  FlowId flow = bench.the<Incoming>().flow;
  bench.stack.accept(flow, bench.now);
  client.hear();
  bench.stack.finish(flow, bench.now);
  client.hear();
  client.send({.fin = true, .ack = true});
  client.hear();
  bench.events();
  EXPECT_EQ(bench.stack.flows(), 0u);
  bench.pass(seconds(2));
  bench.deliver(tcp_packet(peer, ours, header_of({.fin = true, .ack = true}, 101, 0)));
  EXPECT_LE(bench.sent().size(), 1u);
  EXPECT_EQ(bench.stack.statistics().stray_segments, 0u) << "it is not a stray";
  bench.deliver(syn_packet(peer, ours, 1'000'000));
  const Incoming again = bench.the<Incoming>();
  EXPECT_TRUE(bench.stack.accept(again.flow, bench.now));
  EXPECT_EQ(bench.sent().size(), 1u);
}

TEST(StackOpenMany, bounds_a_flood_of_syns) {
  Bench bench;
  constexpr std::size_t most = StackConfig{}.pending_max;
  for (std::uint16_t port = 1; port <= 10'000; port++) bench.deliver(syn_packet({peer_v4, port}, {our_v4, 80}, port));
  EXPECT_EQ(bench.stack.flows(), most);
  EXPECT_EQ(bench.stack.statistics().pending_full, 10'000u - most);
  const auto events = bench.events();
  const auto lost =
      std::ranges::count_if(events, [](const auto& each) { return std::holds_alternative<IncomingLost>(each); });
  EXPECT_EQ(events.size() - static_cast<std::size_t>(lost), most);
  EXPECT_EQ(static_cast<std::uint64_t>(lost) + bench.stack.statistics().losses_untold, 10'000u - most);
  EXPECT_LT(static_cast<std::uint64_t>(lost), 5'000u) << "an owner that does not drain";
  EXPECT_TRUE(bench.sent().empty());
  EXPECT_EQ(bench.stack.memory_bytes(), 0u);
  bench.pass(seconds(30));
  EXPECT_EQ(bench.stack.flows(), most) << "until the owner has heard of their end";
  EXPECT_EQ(bench.events().size(), most);
  EXPECT_EQ(bench.stack.flows(), 0u);
  EXPECT_FALSE(bench.stack.poll_timeout());
}

TEST(StackOpenMany, resets_what_it_accepts_without_memory_for_it) {
  StackConfig config;
  config.memory_bytes_max = 16 << 10;
  Bench bench(config);
  for (std::uint16_t port = 1; port <= 4; port++) bench.deliver(syn_packet({peer_v4, port}, {our_v4, 80}, port));
  std::size_t accepted = 0, refused = 0;
  for (const StackEvent& event : bench.events()) {
    (bench.stack.accept(std::get<Incoming>(event).flow, bench.now) ? accepted : refused)++;
  }
  EXPECT_EQ(accepted, 2u);
  EXPECT_EQ(refused, 2u);
  EXPECT_LE(bench.stack.memory_bytes(), config.memory_bytes_max);
  std::size_t resets = 0;
  for (const Buffer& packet : bench.sent()) resets += read_tcp(packet)->header.flags.rst;
  EXPECT_EQ(resets, 2u);
  EXPECT_EQ(bench.stack.flows(), 2u);
  bench.deliver(syn_packet({peer_v4, 9}, {our_v4, 80}, 9));
  const auto events = bench.events();
  ASSERT_EQ(events.size(), 1u) << "nor is it asked about more";
  EXPECT_EQ(std::get<IncomingLost>(events[0]).remote, (Endpoint{peer_v4, 9}));
}

TEST(StackOpenMany, has_room_for_4096_flows_and_drops_the_next) {
  Bench bench;
  const auto open = [&](std::uint16_t port) {
    bench.deliver(syn_packet({peer_v4, port}, {our_v4, 80}, port));
    const auto events = bench.events();
    if (events.empty() || !std::holds_alternative<Incoming>(events.front())) return false;
    return bench.stack.accept(std::get<Incoming>(events.front()).flow, bench.now);
  };
  for (std::uint16_t port = 1; port <= 4'096; port++) ASSERT_TRUE(open(port)) << port;
  EXPECT_EQ(bench.stack.flows(), 4'096u);
  EXPECT_FALSE(open(4'097));
  EXPECT_EQ(bench.stack.statistics().flows_full, 1u);
  EXPECT_EQ(bench.stack.flows(), 4'096u);
  EXPECT_LE(bench.stack.memory_bytes(), StackConfig().memory_bytes_max);
  EXPECT_EQ(bench.sent().size(), 4'096u) << "each got its SYN-ACK";
  // Half-open connections of a peer that never answers do not last.
  for (int i = 0; i < 120; i++) {
    bench.pass(seconds(1));
    bench.sent();
    bench.events();
  }
  EXPECT_EQ(bench.stack.flows(), 0u);
  EXPECT_EQ(bench.stack.memory_bytes(), 0u);
  EXPECT_TRUE(open(4'097));
}

}  // namespace
}  // namespace quoin::netstack

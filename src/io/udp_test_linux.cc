#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/dial.h"
#include "io/isolated_network.h"
#include "io/run_until.h"
#include "io/socket_address.h"
#include "io/udp_flow.h"
#include "io/udp_open.h"
#include "io/udp_socket.h"

namespace quoin::io {
namespace {

class UdpTest : public testing::TestWithParam<const char*> {
 protected:
  Descriptor open_here() {
    auto made = open_udp(Endpoint{*IpAddress::parse(GetParam()), 0});
    EXPECT_TRUE(made);
    return made ? std::move(*made) : Descriptor();
  }
  // Connected to where `other` is bound.
  UdpSocket sender_to(const UdpSocket& other) {
    auto made = connect_udp(other.local());
    EXPECT_TRUE(made);
    return UdpSocket(loop, made ? std::move(*made) : Descriptor());
  }
  // Everything that arrives until `bytes` are together, as the datagrams that it was sent as.
  std::vector<Buffer> receive_datagrams(UdpSocket& socket, std::size_t bytes) {
    std::vector<Buffer> datagrams;
    Buffer space(UdpSocket::burst_bytes_max);
    std::size_t got = 0;
    bool ready = true;
    while (got < bytes) {
      if (!run_until(loop, [&] { return ready; })) break;
      const auto burst = socket.receive_burst(space);
      if (!burst) {
        EXPECT_EQ(burst.error(), UdpStop::would_block);
        ready = false;
        socket.wait_readable([&] { ready = true; });
        continue;
      }
      bursts++;
      from = burst->from;
      got += burst->bytes.size();
      for (std::size_t at = 0; at < burst->bytes.size(); at += burst->segment_bytes) {
        const Bytes rest = Bytes(burst->bytes).subspan(at);
        datagrams.push_back(to_buffer(rest.first(std::min(rest.size(), burst->segment_bytes))));
      }
    }
    return datagrams;
  }
  static Buffer numbered(std::size_t bytes) {
    Buffer out(bytes);
    for (std::size_t i = 0; i < bytes; i++) out[i] = static_cast<std::byte>(i * 31 + i / 256);
    return out;
  }
  void expect_cut_as_sent(const std::vector<Buffer>& datagrams, const Buffer& sent, std::size_t segment_bytes) {
    ASSERT_EQ(datagrams.size(), (sent.size() + segment_bytes - 1) / segment_bytes);
    Buffer together;
    for (std::size_t i = 0; i < datagrams.size(); i++) {
      if (i + 1 < datagrams.size()) EXPECT_EQ(datagrams[i].size(), segment_bytes);
      append(together, datagrams[i]);
    }
    EXPECT_EQ(together, sent);
  }

  Loop loop;
  int bursts = 0;
  Endpoint from;
};

TEST_P(UdpTest, cuts_a_burst_into_segments_the_last_one_shorter) {
  UdpSocket b(loop, open_here());
  UdpSocket a = sender_to(b);
  const Buffer sent = numbered(20 * 1280 + 77);
  EXPECT_EQ(a.send_burst(sent, 1280), sent.size());
  expect_cut_as_sent(receive_datagrams(b, sent.size()), sent, 1280);
  EXPECT_EQ(from, a.local());
  if (a.sends_segments()) EXPECT_LT(bursts, 21);  // loopback hands a run on as it is
}

TEST_P(UdpTest, sends_the_same_datagrams_where_the_kernel_does_not_cut) {
  UdpSocket b(loop, open_here());
  UdpSocket a = sender_to(b);
  a.stop_sending_segments();
  const Buffer sent = numbered(7 * 1280 + 1);
  EXPECT_EQ(a.send_burst(sent, 1280), sent.size());
  expect_cut_as_sent(receive_datagrams(b, sent.size()), sent, 1280);
}

TEST_P(UdpTest, sends_more_segments_than_one_call_takes) {
  UdpSocket b(loop, open_here());
  UdpSocket a = sender_to(b);
  const Buffer sent = numbered(150 * 500);
  EXPECT_EQ(a.send_burst(sent, 500), sent.size());
  expect_cut_as_sent(receive_datagrams(b, sent.size()), sent, 500);
}

TEST_P(UdpTest, receives_the_largest_datagram_whole) {
  UdpSocket b(loop, open_here());
  UdpSocket a = sender_to(b);
  const Buffer sent = numbered(UdpSocket::datagrams_bytes_max);
  EXPECT_EQ(a.send_burst(sent, sent.size()), sent.size());
  expect_cut_as_sent(receive_datagrams(b, sent.size()), sent, sent.size());
}

TEST_P(UdpTest, an_empty_datagram_is_an_empty_burst) {
  UdpSocket a(loop, open_here());
  auto flow_socket = connect_udp(a.local());
  ASSERT_TRUE(flow_socket);
  UdpFlow flow(loop, std::move(*flow_socket));
  ASSERT_TRUE(flow.send({}));
  bool ready = false;
  a.wait_readable([&] { ready = true; });
  ASSERT_TRUE(run_until(loop, [&] { return ready; }));
  Buffer space(UdpSocket::burst_bytes_max);
  const auto burst = a.receive_burst(space);
  ASSERT_TRUE(burst);
  EXPECT_TRUE(burst->bytes.empty());
  EXPECT_EQ(burst->segment_bytes, 1U);
}

TEST_P(UdpTest, with_nothing_to_receive_would_block) {
  UdpSocket a(loop, open_here());
  Buffer space(UdpSocket::burst_bytes_max);
  EXPECT_EQ(a.receive_burst(space).error(), UdpStop::would_block);
}

TEST_P(UdpTest, a_flow_speaks_with_its_one_endpoint_only) {
  Descriptor bound = open_here();
  UdpSocket printer(loop, std::move(*duplicate(bound)));
  auto connected = connect_udp(printer.local());
  ASSERT_TRUE(connected);
  UdpFlow flow(loop, std::move(*connected));
  ASSERT_TRUE(flow.send(bytes_of("get")));
  ASSERT_EQ(receive_datagrams(printer, 3).size(), 1U);
  auto beside = open_udp_beside(bound, from);
  auto strange = connect_udp(from);
  ASSERT_TRUE(beside && strange);
  UdpSocket answerer(loop, std::move(*beside)), stranger(loop, std::move(*strange));
  ASSERT_TRUE(stranger.send_burst(bytes_of("forged"), 6));
  ASSERT_TRUE(answerer.send_burst(bytes_of("answer"), 6));
  bool ready = false;
  flow.wait_readable([&] { ready = true; });
  ASSERT_TRUE(run_until(loop, [&] { return ready; }));
  Buffer space(UdpFlow::datagram_bytes_max);
  const auto got = flow.receive(space);
  ASSERT_TRUE(got);
  EXPECT_EQ(text_of(*got), "answer");
  EXPECT_EQ(flow.receive(space).error(), UdpFlowStop::would_block);
}

TEST_P(UdpTest, a_socket_that_is_only_bound_sends_nothing) {
  UdpSocket a(loop, open_here());
  EXPECT_EQ(a.send_burst(Buffer(5000), 1000).error(), UdpStop::failed);
}

TEST_P(UdpTest, cuts_as_it_is_told_each_time) {
  UdpSocket b(loop, open_here());
  UdpSocket a = sender_to(b);
  for (const auto& [bytes, segment] :
       {std::pair{5000, 1000}, {3001, 300}, {900, 900}, {40, 40}, {2600, 1300}, {1, 1}}) {
    const Buffer sent = numbered(static_cast<std::size_t>(bytes));
    EXPECT_EQ(a.send_burst(sent, static_cast<std::size_t>(segment)), sent.size());
    expect_cut_as_sent(receive_datagrams(b, sent.size()), sent, static_cast<std::size_t>(segment));
  }
}

TEST_P(UdpTest, that_nothing_listens_there_holds_up_nothing) {
  auto there = std::make_unique<UdpSocket>(loop, open_here());
  UdpSocket a = sender_to(*there);
  there.reset();
  for (int i = 0; i < 5; i++) EXPECT_EQ(a.send_burst(Buffer(3000), 1000), 3000U);  // each is refused by ICMP
  Buffer space(UdpSocket::burst_bytes_max);
  EXPECT_EQ(a.receive_burst(space).error(), UdpStop::would_block);
}

TEST_P(UdpTest, a_socket_beside_another_sends_from_its_port_and_hears_from_one_endpoint) {
  Descriptor bound = open_here();
  UdpSocket receives(loop, std::move(*duplicate(bound)));
  UdpSocket peer(loop, open_here()), other(loop, open_here());
  UdpSocket early = sender_to(receives);
  EXPECT_EQ(early.send_burst(bytes_of("before"), 6), 6U);
  auto made = open_udp_beside(bound, peer.local());
  ASSERT_TRUE(made);
  UdpSocket beside(loop, std::move(*made));
  EXPECT_EQ(beside.local().port, receives.local().port);
  EXPECT_EQ(beside.send_burst(bytes_of("hello"), 5), 5U);
  EXPECT_EQ(receive_datagrams(peer, 5).size(), 1U);
  EXPECT_EQ(from.port, receives.local().port);

  EXPECT_EQ(early.send_burst(bytes_of("after"), 5), 5U);
  auto answering = open_udp_beside(*duplicate(bound), peer.local());  // one for the same endpoint may follow
  EXPECT_TRUE(answering);
  EXPECT_EQ(receive_datagrams(receives, 11).size(), 2U);
  Buffer space(UdpSocket::burst_bytes_max);
  EXPECT_EQ(beside.receive_burst(space).error(), UdpStop::would_block);
}

TEST_P(UdpTest, no_datagram_is_lost_while_sockets_are_made_beside) {
  Descriptor bound = open_here();
  const Endpoint local = UdpSocket(loop, std::move(*duplicate(bound))).local();
  constexpr int peers = 40;
  std::vector<Descriptor> sending, made;
  std::vector<Endpoint> endpoints;
  for (int i = 0; i < peers; i++) {
    sending.push_back(std::move(*connect_udp(local)));
    endpoints.push_back(UdpSocket(loop, std::move(*duplicate(sending.back()))).local());
  }
  for (int i = 0; i < peers; i++) {
    for (auto& each : sending) ASSERT_EQ(send(each.number(), "x", 1, 0), 1);
    made.push_back(std::move(*open_udp_beside(bound, endpoints[static_cast<std::size_t>(i)])));
  }
  int arrived = 0;
  const auto count = [&](const Descriptor& at) {
    for (char byte; recv(at.number(), &byte, 1, MSG_DONTWAIT) == 1;) arrived++;
  };
  count(bound);
  for (auto& each : made) count(each);
  EXPECT_EQ(arrived, peers * peers);
}

TEST_P(UdpTest, a_disconnected_socket_sends_nothing_more_wherever_it_is_held) {
  const Descriptor bound = open_here();
  UdpSocket peer(loop, open_here());
  auto made = open_udp_beside(bound, peer.local());
  ASSERT_TRUE(made);
  UdpSocket beside(loop, std::move(*duplicate(*made)));
  EXPECT_EQ(beside.send_burst(bytes_of("hello"), 5), 5U);
  EXPECT_EQ(receive_datagrams(peer, 5).size(), 1U);
  disconnect_udp(*made);
  EXPECT_EQ(beside.send_burst(bytes_of("hello"), 5).error(), UdpStop::failed);
  Buffer space(UdpSocket::burst_bytes_max);
  EXPECT_EQ(peer.receive_burst(space).error(), UdpStop::would_block);
}

TEST_P(UdpTest, another_user_cannot_have_the_port) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const Descriptor bound = open_here();
  UdpSocket peer(loop, open_here());
  const auto beside = open_udp_beside(bound, peer.local());
  ASSERT_TRUE(beside);
  const Endpoint local = UdpSocket(loop, std::move(*duplicate(bound))).local();
  const pid_t child = fork();
  if (child == 0) {
    int taken = 0;
    if (setresuid(65'534, 65'534, 65'534) != 0) _exit(100);
    for (const Endpoint& wanted :
         {local, Endpoint{local.address.is_v4() ? IpAddress() : IpAddress::v6({}), local.port}}) {
      const SocketAddress address(wanted);
      for (const auto& options : {std::vector{SO_REUSEPORT}, {SO_REUSEADDR}, {SO_REUSEADDR, SO_REUSEPORT}}) {
        const Descriptor thief(socket(local.address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM, 0));
        const int on = 1;
        for (const int option : options) setsockopt(thief.number(), SOL_SOCKET, option, &on, sizeof on);
        taken += bind(thief.number(), reinterpret_cast<const sockaddr*>(address.bytes.data()), address.length) == 0;
      }
    }
    _exit(taken);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_P(UdpTest, a_flow_is_told_that_nothing_listens) {
  Endpoint nobody;
  {
    UdpSocket gone(loop, open_here());
    nobody = gone.local();
  }
  auto connected = connect_udp(nobody);
  ASSERT_TRUE(connected);
  UdpFlow flow(loop, std::move(*connected));
  ASSERT_TRUE(flow.send(bytes_of("anybody?")));
  bool ready = false;
  flow.wait_readable([&] { ready = true; });
  ASSERT_TRUE(run_until(loop, [&] { return ready; }));
  Buffer space(UdpFlow::datagram_bytes_max);
  EXPECT_EQ(flow.receive(space).error(), UdpFlowStop::refused);
}

TEST_P(UdpTest, two_cannot_have_one_port_and_the_error_names_it) {
  UdpSocket a(loop, open_here());
  const auto second = open_udp(a.local());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().text(), "bind UDP " + a.local().text() + ": Address already in use");
}

TEST_P(UdpTest, sends_segments_larger_than_the_link_takes_one_by_one) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  const bool v4 = IpAddress::parse(GetParam())->is_v4();
  auto opened = connect_udp({*IpAddress::parse(v4 ? far_address : far_address_v6), 9});
  ASSERT_TRUE(opened);
  UdpSocket a(loop, std::move(*opened));
  const bool before = a.sends_segments();
  EXPECT_EQ(a.send_burst(Buffer(5 * 2000), 2000), 10'000U);  // the kernel refuses to cut into more than 1500
  EXPECT_EQ(a.sends_segments(), before);
}

TEST_P(UdpTest, says_that_no_way_leads_there) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  const auto bound = open_udp(IpVersion::v6);
  ASSERT_TRUE(bound);
  const auto made = open_udp_beside(*bound, {*IpAddress::parse("2001:db8:2::1"), 9});
  ASSERT_FALSE(made);
  EXPECT_TRUE(is_about_the_way(made.error())) << made.error().text();
}

INSTANTIATE_TEST_SUITE_P(BothVersions, UdpTest, testing::Values("127.0.0.1", "::1"));

}  // namespace
}  // namespace quoin::io

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "io/dial.h"
#include "io/isolated_network.h"
#include "io/run_until.h"
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
  UdpSocket a(loop, open_here()), b(loop, open_here());
  const Buffer sent = numbered(20 * 1280 + 77);
  EXPECT_EQ(a.send_burst(b.local(), sent, 1280), sent.size());
  expect_cut_as_sent(receive_datagrams(b, sent.size()), sent, 1280);
  EXPECT_EQ(from, a.local());
  if (a.sends_segments()) EXPECT_LT(bursts, 21);  // loopback hands a run on as it is
}

TEST_P(UdpTest, sends_the_same_datagrams_where_the_kernel_does_not_cut) {
  UdpSocket a(loop, open_here()), b(loop, open_here());
  a.stop_sending_segments();
  const Buffer sent = numbered(7 * 1280 + 1);
  EXPECT_EQ(a.send_burst(b.local(), sent, 1280), sent.size());
  expect_cut_as_sent(receive_datagrams(b, sent.size()), sent, 1280);
}

TEST_P(UdpTest, sends_more_segments_than_one_call_takes) {
  UdpSocket a(loop, open_here()), b(loop, open_here());
  const Buffer sent = numbered(150 * 500);
  EXPECT_EQ(a.send_burst(b.local(), sent, 500), sent.size());
  expect_cut_as_sent(receive_datagrams(b, sent.size()), sent, 500);
}

TEST_P(UdpTest, receives_the_largest_datagram_whole) {
  UdpSocket a(loop, open_here()), b(loop, open_here());
  const Buffer sent = numbered(UdpSocket::datagrams_bytes_max);
  EXPECT_EQ(a.send_burst(b.local(), sent, sent.size()), sent.size());
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
  UdpSocket printer(loop, open_here()), stranger(loop, open_here());
  auto connected = connect_udp(printer.local());
  ASSERT_TRUE(connected);
  UdpFlow flow(loop, std::move(*connected));
  ASSERT_TRUE(flow.send(bytes_of("get")));
  ASSERT_EQ(receive_datagrams(printer, 3).size(), 1U);
  ASSERT_TRUE(stranger.send_burst(from, bytes_of("forged"), 6));
  ASSERT_TRUE(printer.send_burst(from, bytes_of("answer"), 6));
  bool ready = false;
  flow.wait_readable([&] { ready = true; });
  ASSERT_TRUE(run_until(loop, [&] { return ready; }));
  Buffer space(UdpFlow::datagram_bytes_max);
  const auto got = flow.receive(space);
  ASSERT_TRUE(got);
  EXPECT_EQ(text_of(*got), "answer");
  EXPECT_EQ(flow.receive(space).error(), UdpFlowStop::would_block);
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
  auto opened = open_udp(v4 ? IpVersion::v4 : IpVersion::v6);
  ASSERT_TRUE(opened);
  UdpSocket a(loop, std::move(*opened));
  const bool before = a.sends_segments();
  const Endpoint far{*IpAddress::parse(v4 ? far_address : far_address_v6), 9};
  EXPECT_EQ(a.send_burst(far, Buffer(5 * 2000), 2000), 10'000U);  // the kernel refuses to cut into more than 1500
  EXPECT_EQ(a.sends_segments(), before);
}

TEST_P(UdpTest, says_that_no_way_leads_there) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  auto opened = open_udp(IpVersion::v6);
  ASSERT_TRUE(opened);
  UdpSocket a(loop, std::move(*opened));
  EXPECT_EQ(a.send_burst({*IpAddress::parse("2001:db8:2::1"), 9}, Buffer(5000), 1000).error(), UdpStop::unreachable);
}

INSTANTIATE_TEST_SUITE_P(BothVersions, UdpTest, testing::Values("127.0.0.1", "::1"));

}  // namespace
}  // namespace quoin::io

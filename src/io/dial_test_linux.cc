#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/capabilities.h"
#include "io/clock.h"
#include "io/dial.h"
#include "io/isolated_network.h"
#include "io/run_until.h"
#include "io/socket_address.h"
#include "io/tcp_stream.h"

namespace quoin::io {
namespace {

// Listens on an address of loopback; accepts when asked to.
class Listener {
 public:
  explicit Listener(const char* address) {
    const SocketAddress wanted({*IpAddress::parse(address), 0});
    socket_ =
        Descriptor(socket(wanted.length == sizeof(sockaddr_in) ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(socket_.number(), reinterpret_cast<const sockaddr*>(wanted.bytes.data()), wanted.length), 0);
    EXPECT_EQ(listen(socket_.number(), 4), 0);
    SocketAddress bound;
    socklen_t length = SocketAddress::bytes_max;
    EXPECT_EQ(getsockname(socket_.number(), reinterpret_cast<sockaddr*>(bound.bytes.data()), &length), 0);
    bound.length = length;
    endpoint = bound.endpoint();
  }
  Descriptor accept() { return Descriptor(accept4(socket_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)); }

  Endpoint endpoint;

 private:
  Descriptor socket_;
};

Endpoint nobody() {
  return Listener("127.0.0.1").endpoint;  // gone by the time it is used
}

class DialTest : public testing::Test {
 protected:
  Result<Dialled, DialError> dial(std::vector<Endpoint> endpoints, Duration within = seconds(10),
                                  DialOptions options = {}) {
    std::optional<Result<Dialled, DialError>> outcome;
    Dial attempt(
        loop, std::move(endpoints), within, [&](Result<Dialled, DialError> result) { outcome = std::move(result); },
        options);
    EXPECT_TRUE(run_until(loop, [&] { return outcome.has_value(); }));
    return outcome ? std::move(*outcome) : failure(DialError::failed);
  }
  Loop loop;
};

TEST_F(DialTest, connects_over_both_versions) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    Listener listener(address);
    const auto dialled = dial({listener.endpoint});
    ASSERT_TRUE(dialled);
    EXPECT_EQ(dialled->to, listener.endpoint);
    EXPECT_TRUE(listener.accept());
  }
}

int option(const Descriptor& socket, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(getsockopt(socket.number(), level, name, &value, &length), 0);
  return value;
}

TEST_F(DialTest, what_stays_on_its_link_has_one_hop_to_live) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    Listener listener(address);
    const auto tcp = dial({listener.endpoint}, seconds(10), {.egress = Reach::own_link});
    const auto udp = connect_udp(listener.endpoint, Reach::own_link);
    const auto far = dial({listener.endpoint});
    ASSERT_TRUE(tcp && udp && far);
    const bool is_v4 = listener.endpoint.address.is_v4();
    const int level = is_v4 ? static_cast<int>(IPPROTO_IP) : static_cast<int>(IPPROTO_IPV6);
    const int hops = is_v4 ? IP_TTL : IPV6_UNICAST_HOPS;
    EXPECT_EQ(option(tcp->socket, level, hops), 1);
    EXPECT_EQ(option(*udp, level, hops), 1);
    EXPECT_GT(option(far->socket, level, hops), 1);
    EXPECT_EQ(option(tcp->socket, level, is_v4 ? IP_RECVERR : IPV6_RECVERR), 0);  // soft errors stay soft
  }
}

TEST_F(DialTest, tells_that_a_router_stands_between) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  ASSERT_TRUE(command_next_door("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"));
  ASSERT_TRUE(command_next_door("ip route add 198.51.100.0/24 via 192.0.2.77 dev far"));
  ASSERT_TRUE(command_next_door("ip route add 2001:db8:5::/64 via 2001:db8:1::77 dev far"));
  ASSERT_TRUE(command_here("ip route add 198.51.100.0/24 via 192.0.2.2"));
  ASSERT_TRUE(command_here("ip route add 2001:db8:5::/64 via 2001:db8:1::2"));
  for (const char* address : {"198.51.100.1", "2001:db8:5::1"}) {
    const auto dialled = dial({{*IpAddress::parse(address), 9100}}, seconds(10), {.egress = Reach::own_link});
    ASSERT_FALSE(dialled);
    EXPECT_EQ(dialled.error(), DialError::behind_router) << address;
  }
  ASSERT_TRUE(command_here("ip route del 198.51.100.0/24"));
  ASSERT_TRUE(command_here("ip route del 2001:db8:5::/64"));
  ASSERT_TRUE(command_next_door("ip route del 198.51.100.0/24"));
  ASSERT_TRUE(command_next_door("ip route del 2001:db8:5::/64"));
  ASSERT_TRUE(command_next_door("sysctl -q -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0"));
}

TEST_F(DialTest, tells_a_refusal) {
  const auto dialled = dial({nobody()});
  ASSERT_FALSE(dialled);
  EXPECT_EQ(dialled.error(), DialError::refused);
}

TEST_F(DialTest, goes_on_to_the_next_endpoint) {
  Listener listener("127.0.0.1");
  const auto dialled = dial({nobody(), listener.endpoint});
  ASSERT_TRUE(dialled);
  EXPECT_EQ(dialled->to, listener.endpoint);
}

// A name whose first address is of a family that leads nowhere.
TEST_F(DialTest, does_not_wait_for_an_endpoint_that_is_silent_when_the_next_one_answers) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  ASSERT_TRUE(command_here("ip neigh replace 192.0.2.77 lladdr 02:00:00:00:00:77 nud permanent dev near"));
  const Endpoint silent{*IpAddress::parse("192.0.2.77"), 80};
  Listener listener("127.0.0.1");
  const auto dialled = dial({silent, nobody(), listener.endpoint}, hours(1));
  ASSERT_TRUE(dialled);
  EXPECT_EQ(dialled->to, listener.endpoint);
  const auto refused = dial({silent, nobody()}, milliseconds(600));  // and all of them have the whole time
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), DialError::timed_out);
}

std::uint16_t local_port(const Descriptor& socket) {
  SocketAddress own;
  socklen_t length = SocketAddress::bytes_max;
  EXPECT_EQ(getsockname(socket.number(), reinterpret_cast<sockaddr*>(own.bytes.data()), &length), 0);
  own.length = length;
  return own.endpoint().port;
}

TEST_F(DialTest, from_a_privileged_port_comes_from_that_or_another_one) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, for ports below 1024";
  for (const char* address : {"127.0.0.1", "::1"}) {
    Listener listener(address);
    const auto first = dial({listener.endpoint}, seconds(10), {.local_port = 731});
    ASSERT_TRUE(first);
    EXPECT_EQ(local_port(first->socket), 731);
    const auto second = dial({listener.endpoint}, seconds(10), {.local_port = 731});  // at the same time
    ASSERT_TRUE(second);
    EXPECT_NE(local_port(second->socket), 731);
    EXPECT_LT(local_port(second->socket), 1024);
    const auto ordinary = dial({listener.endpoint}, seconds(10), {.local_port = 1024});
    ASSERT_TRUE(ordinary);
    EXPECT_GE(local_port(ordinary->socket), 1024);
  }
}

TEST_F(DialTest, from_a_privileged_port_that_this_process_may_not_have_comes_from_any) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give up a right of it";
  Listener listener("127.0.0.1");
  std::uint16_t port = 0;
  std::thread without([&] {  // capabilities are each thread's own
    EXPECT_TRUE(give_up_capabilities_except({}));
    Loop own;
    std::optional<Result<Dialled, DialError>> outcome;
    Dial attempt(own, {listener.endpoint}, seconds(10), [&](auto result) { outcome = std::move(result); },
                 {.local_port = 731});
    EXPECT_TRUE(run_until(own, [&] { return outcome.has_value(); }));
    if (outcome && *outcome) port = local_port((*outcome)->socket);
  });
  without.join();
  EXPECT_GE(port, 1024);
}

TEST_F(DialTest, tells_that_nobody_answers_there) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  ASSERT_TRUE(command_here("ip neigh replace 192.0.2.77 lladdr 02:00:00:00:00:77 nud permanent dev near"));
  const auto dialled = dial({{*IpAddress::parse("192.0.2.77"), 80}}, milliseconds(50));
  ASSERT_FALSE(dialled);
  EXPECT_EQ(dialled.error(), DialError::timed_out);
}

TEST_F(DialTest, tells_that_no_way_leads_there) {
  if (!neighbour_is_there()) GTEST_SKIP() << "needs a network of its own (root)";
  const auto dialled = dial({{*IpAddress::parse("2001:db8:2::1"), 80}});
  ASSERT_FALSE(dialled);
  EXPECT_EQ(dialled.error(), DialError::unreachable);
}

TEST_F(DialTest, given_up_stays_silent) {
  Listener listener("127.0.0.1");
  bool called = false;
  {
    Dial attempt(loop, {listener.endpoint}, seconds(10), [&](Result<Dialled, DialError>) { called = true; });
  }
  bool later = false;
  loop.post([&] { later = true; });
  ASSERT_TRUE(run_until(loop, [&] { return later; }));
  EXPECT_FALSE(called);
}

TEST_F(DialTest, a_stream_carries_bytes_a_half_close_and_an_end) {
  Listener listener("127.0.0.1");
  auto dialled = dial({listener.endpoint});
  ASSERT_TRUE(dialled);
  TcpStream near(loop, std::move(dialled->socket));
  TcpStream far(loop, listener.accept());
  Buffer space(16);
  EXPECT_EQ(far.read_some(space).error(), StreamStop::would_block);
  EXPECT_EQ(near.write_some(bytes_of("hello")), 5U);
  near.finish_writing();
  std::string heard;
  std::optional<StreamStop> stop;
  while (!stop) {
    bool ready = false;
    far.wait_readable([&] { ready = true; });
    ASSERT_TRUE(run_until(loop, [&] { return ready; }));
    const auto got = far.read_some(space);
    if (got) heard += text_of(Bytes(space).first(*got));
    if (!got && got.error() != StreamStop::would_block) stop = got.error();
  }
  EXPECT_EQ(heard, "hello");
  EXPECT_EQ(stop, StreamStop::finished);
  EXPECT_EQ(far.write_some(bytes_of("back")), 4U);
  bool ready = false;
  near.wait_readable([&] { ready = true; });
  ASSERT_TRUE(run_until(loop, [&] { return ready; }));
  EXPECT_EQ(near.read_some(space), 4U);
}

TEST_F(DialTest, a_stream_that_is_dropped_tells_the_other_side_of_a_reset) {
  Listener listener("127.0.0.1");
  auto dialled = dial({listener.endpoint});
  ASSERT_TRUE(dialled);
  TcpStream far(loop, listener.accept());
  dialled->socket.close();
  bool ready = false;
  far.wait_readable([&] { ready = true; });
  ASSERT_TRUE(run_until(loop, [&] { return ready; }));
  Buffer space(16);
  EXPECT_EQ(far.read_some(space).error(), StreamStop::reset);
  EXPECT_EQ(far.failure(), "connection: Connection reset by peer");
}

TEST_F(DialTest, a_stream_that_ends_in_order_is_over_once_the_other_side_has_everything_and_ended) {
  Listener listener("127.0.0.1");
  auto dialled = dial({listener.endpoint});
  ASSERT_TRUE(dialled);
  TcpStream near(loop, std::move(dialled->socket));
  Descriptor far = listener.accept();
  const Buffer bytes(256 * 1024);
  std::size_t written = 0;
  while (const auto moved = near.write_some(bytes)) written += *moved;
  near.finish_writing();
  EXPECT_FALSE(near.ending().is_over);
  EXPECT_LT(near.ending().bytes_acknowledged, written);
  Buffer space(1024 * 1024);
  std::size_t heard = 0;
  for (ssize_t got; (got = recv(far.number(), space.data(), space.size(), 0)) != 0;) {
    if (got > 0) heard += static_cast<std::size_t>(got);
  }
  EXPECT_EQ(heard, written);
  EXPECT_FALSE(near.ending().is_over);  // the other side may still have something to say
  far.close();
  bool over = false;
  for (Instant until = now() + seconds(20); !over && now() < until;) over = near.ending().is_over;
  EXPECT_TRUE(over);
}

}  // namespace
}  // namespace quoin::io

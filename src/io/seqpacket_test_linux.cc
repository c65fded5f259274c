#include <optional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/closer.h"
#include "io/hostile_descriptor.h"
#include "io/limits.h"
#include "io/run_until.h"
#include "io/seqpacket.h"

namespace quoin::io {
namespace {

struct Heard {
  std::vector<std::string> packets;
  std::vector<Descriptor> descriptors;
  bool cut = false;
  bool descriptors_lost = false;
  bool closed = false;

  Seqpacket::Handlers handlers() {
    return {.received =
                [this](Seqpacket::Received received) {
                  packets.emplace_back(text_of(received.bytes));
                  for (Descriptor& one : received.descriptors) descriptors.push_back(std::move(one));
                  cut |= received.cut;
                  descriptors_lost |= received.descriptors_lost;
                },
            .closed = [this] { closed = true; }};
  }
};

class SeqpacketTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Seqpacket::make_pair();
    ASSERT_TRUE(made);
    near_end = std::move(made->first);
    far_end = std::move(made->second);
  }
  static std::vector<Descriptor> pipe_end_to_hand_over(Descriptor& other_end) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    other_end = Descriptor(ends[0]);
    std::vector<Descriptor> out;
    out.emplace_back(ends[1]);
    return out;
  }

  Loop loop;
  Closer closer;
  Descriptor near_end, far_end;
  Heard near_heard, far_heard;
};

TEST_F(SeqpacketTest, keeps_packets_apart_and_in_order) {
  Seqpacket near(loop, std::move(near_end), 0, near_heard.handlers());
  Seqpacket far(loop, std::move(far_end), 0, far_heard.handlers());
  ASSERT_TRUE(near.send(bytes_of("one")));
  ASSERT_TRUE(near.send(bytes_of("two")));
  ASSERT_TRUE(run_until(loop, [&] { return far_heard.packets.size() == 2; }));
  EXPECT_EQ(far_heard.packets, (std::vector<std::string>{"one", "two"}));
}

TEST_F(SeqpacketTest, wipes_what_was_received_once_its_handler_has_returned) {
  Bytes shown;  // the space it stands in lives as long as the socket
  bool was_there = false;
  Seqpacket near(loop, std::move(near_end), 0, near_heard.handlers());
  Seqpacket far(loop, std::move(far_end), 0,
                {.received =
                     [&](Seqpacket::Received received) {
                       shown = received.bytes;
                       was_there = text_of(shown) == "tskey-secret";
                     },
                 .closed = [] {}});
  ASSERT_TRUE(near.send(bytes_of("tskey-secret")));
  ASSERT_TRUE(run_until(loop, [&] { return !shown.empty(); }));
  EXPECT_TRUE(was_there);
  EXPECT_EQ(text_of(shown), std::string(shown.size(), '\0'));
}

TEST_F(SeqpacketTest, carries_a_descriptor_that_works_and_closes_its_own_copy) {
  Seqpacket near(loop, std::move(near_end), 0, near_heard.handlers());
  Seqpacket far(loop, std::move(far_end), 1, far_heard.handlers());
  Descriptor reading;
  const std::size_t before = open_descriptors();
  ASSERT_TRUE(near.send(bytes_of("take"), pipe_end_to_hand_over(reading)));
  EXPECT_EQ(open_descriptors(), before + 1);  // the reading end; the other is on its way
  ASSERT_TRUE(run_until(loop, [&] { return far_heard.packets.size() == 1; }));
  ASSERT_EQ(far_heard.descriptors.size(), 1U);
  EXPECT_NE(fcntl(far_heard.descriptors[0].number(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_EQ(write(far_heard.descriptors[0].number(), "!", 1), 1);
  char got = 0;
  EXPECT_EQ(read(reading.number(), &got, 1), 1);
  EXPECT_EQ(got, '!');
}

TEST_F(SeqpacketTest, says_that_a_descriptor_was_lost_when_more_came_than_are_wanted) {
  Seqpacket near(loop, std::move(near_end), 0, near_heard.handlers());
  Seqpacket far(loop, std::move(far_end), 1, far_heard.handlers());
  Descriptor reading, reading_too;
  auto two = pipe_end_to_hand_over(reading);
  two.push_back(std::move(pipe_end_to_hand_over(reading_too)[0]));
  const std::size_t before = open_descriptors();
  ASSERT_TRUE(near.send(bytes_of("two"), std::move(two)));
  ASSERT_TRUE(run_until(loop, [&] { return far_heard.packets.size() == 1; }));
  EXPECT_TRUE(far_heard.descriptors_lost);
  EXPECT_TRUE(far_heard.descriptors.empty());
  EXPECT_EQ(open_descriptors(), before - 2);  // ours closed, theirs too
}

TEST_F(SeqpacketTest, takes_no_descriptor_where_none_is_wanted) {
  Seqpacket near(loop, std::move(near_end), 0, near_heard.handlers());
  Seqpacket far(loop, std::move(far_end), 0, far_heard.handlers());
  Descriptor reading;
  ASSERT_TRUE(near.send(bytes_of("x"), pipe_end_to_hand_over(reading)));
  ASSERT_TRUE(run_until(loop, [&] { return far_heard.packets.size() == 1; }));
  EXPECT_TRUE(far_heard.descriptors_lost);
  EXPECT_TRUE(far_heard.descriptors.empty());
}

TEST_F(SeqpacketTest, says_that_a_descriptor_was_lost_when_our_table_is_full) {
  Seqpacket near(loop, std::move(near_end), 0, near_heard.handlers());
  Seqpacket far(loop, std::move(far_end), 1, far_heard.handlers());
  Descriptor reading;
  ASSERT_TRUE(near.send(bytes_of("x"), pipe_end_to_hand_over(reading)));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const Descriptor lowest_free(dup(2));
  const rlimit full{static_cast<rlim_t>(lowest_free.number()) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &full), 0);
  const bool heard = run_until(loop, [&] { return far_heard.packets.size() == 1; });
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(heard);
  EXPECT_TRUE(far_heard.descriptors_lost);
  EXPECT_TRUE(far_heard.descriptors.empty());
}

// With a kernel that refuses descriptors for us, and with one that does not.
TEST_F(SeqpacketTest, a_hostile_side_cannot_send_a_descriptor_where_the_kernel_refuses_it) {
  if (!kernel_can_refuse_descriptors()) GTEST_SKIP() << "this kernel has no SO_PASSRIGHTS (Linux 6.16)";
  Seqpacket far(loop, std::move(far_end), closer.closing(), far_heard.handlers());
  EXPECT_EQ(send_descriptor(near_end.number(), STDERR_FILENO, "x"), EPERM);
  Descriptor reading;
  ASSERT_TRUE(far.send(bytes_of("the other way they pass"), pipe_end_to_hand_over(reading)));
}

TEST_F(SeqpacketTest, a_descriptor_of_a_hostile_side_holds_up_nobody_and_is_told_once) {
  HostileDescriptor hostile;
  Seqpacket far(loop, std::move(far_end), closer.closing(), far_heard.handlers());
  let_descriptors_pass();
  ASSERT_EQ(send(near_end.number(), "first", 5, 0), 5);
  ASSERT_EQ(hostile.send_to(near_end.number(), "valid"), 0);
  ASSERT_EQ(send(near_end.number(), "later", 5, 0), 5);
  ASSERT_TRUE(run_until(loop, [&] { return far_heard.packets.size() == 2; }));
  EXPECT_FALSE(hostile.held_somebody_up());
  EXPECT_TRUE(far_heard.descriptors_lost);
  EXPECT_EQ(far_heard.packets, (std::vector<std::string>{"first", ""}));
  EXPECT_EQ(far.send(bytes_of("x")).error(), Seqpacket::SendError::closed);
  char byte;
  EXPECT_EQ(recv(near_end.number(), &byte, 1, 0), 0);
  bool turned = false;
  loop.post([&] { turned = true; });
  ASSERT_TRUE(run_until(loop, [&] { return turned; }));
  EXPECT_EQ(far_heard.packets.size(), 2U);
  EXPECT_FALSE(far_heard.closed);
}

TEST_F(SeqpacketTest, an_empty_packet_with_a_descriptor_holds_up_nobody) {
  HostileDescriptor hostile;
  Seqpacket far(loop, std::move(far_end), closer.closing(), far_heard.handlers());
  let_descriptors_pass();
  ASSERT_EQ(hostile.send_to(near_end.number(), ""), 0);
  ASSERT_TRUE(run_until(loop, [&] { return far_heard.descriptors_lost; }));
  EXPECT_FALSE(hostile.held_somebody_up());
}

TEST_F(SeqpacketTest, a_descriptor_that_nobody_has_read_holds_up_nobody_who_closes) {
  HostileDescriptor hostile;
  {
    Seqpacket far(loop, std::move(far_end), closer.closing(), far_heard.handlers());
    let_descriptors_pass();
    ASSERT_EQ(hostile.send_to(near_end.number(), "x"), 0);
  }
  near_end.close();
  EXPECT_FALSE(hostile.held_somebody_up());
}

TEST_F(SeqpacketTest, a_hostile_side_is_heard_up_to_its_end) {
  Seqpacket far(loop, std::move(far_end), closer.closing(), far_heard.handlers());
  ASSERT_EQ(send(near_end.number(), "one", 3, 0), 3);
  const Buffer long_one(Seqpacket::packet_bytes_max + 1);
  ASSERT_EQ(send(near_end.number(), long_one.data(), long_one.size(), 0), static_cast<ssize_t>(long_one.size()));
  near_end.close();
  ASSERT_TRUE(run_until(loop, [&] { return far_heard.closed; }));
  ASSERT_EQ(far_heard.packets.size(), 2U);
  EXPECT_EQ(far_heard.packets[0], "one");
  EXPECT_TRUE(far_heard.cut);
  EXPECT_FALSE(far_heard.descriptors_lost);
}

TEST_F(SeqpacketTest, says_that_a_packet_was_cut) {
  Seqpacket far(loop, std::move(far_end), 0, far_heard.handlers());
  const Buffer long_one(Seqpacket::packet_bytes_max + 1);
  ASSERT_EQ(send(near_end.number(), long_one.data(), long_one.size(), 0), static_cast<ssize_t>(long_one.size()));
  ASSERT_TRUE(run_until(loop, [&] { return far_heard.packets.size() == 1; }));
  EXPECT_TRUE(far_heard.cut);
}

TEST_F(SeqpacketTest, queues_up_to_its_limit_and_delivers_when_the_other_side_reads) {
  Seqpacket near(loop, std::move(near_end), 0, near_heard.handlers());
  const Buffer packet(8 * 1024);
  std::size_t taken = 0;
  Result<void, Seqpacket::SendError> sent;
  while ((sent = near.send(packet))) taken++;
  EXPECT_EQ(sent.error(), Seqpacket::SendError::full);
  EXPECT_GE(taken, Seqpacket::queued_bytes_max / packet.size());
  EXPECT_FALSE(near.all_sent());

  Seqpacket far(loop, std::move(far_end), 0, far_heard.handlers());
  EXPECT_TRUE(run_until(loop, [&] { return far_heard.packets.size() == taken; }));
  EXPECT_TRUE(near.all_sent());
  EXPECT_FALSE(far_heard.cut);
}

TEST_F(SeqpacketTest, hears_what_was_sent_before_the_end_and_then_the_end) {
  Seqpacket near(loop, std::move(near_end), 0, near_heard.handlers());
  {
    Seqpacket far(loop, std::move(far_end), 0, far_heard.handlers());
    ASSERT_TRUE(far.send(bytes_of("last words")));
  }
  ASSERT_TRUE(run_until(loop, [&] { return near_heard.closed; }));
  EXPECT_EQ(near_heard.packets, std::vector<std::string>{"last words"});
  EXPECT_EQ(near.send(bytes_of("x")).error(), Seqpacket::SendError::closed);
}

TEST_F(SeqpacketTest, may_be_destroyed_by_its_handler_with_packets_unread) {
  std::optional<Seqpacket> near;
  int calls = 0;
  near.emplace(loop, std::move(near_end), 0,
               Seqpacket::Handlers{.received =
                                       [&](Seqpacket::Received) {
                                         calls++;
                                         near.reset();
                                       },
                                   .closed = [&] { calls += 100; }});
  Seqpacket far(loop, std::move(far_end), 0, far_heard.handlers());
  ASSERT_TRUE(far.send(bytes_of("one")));
  ASSERT_TRUE(far.send(bytes_of("two")));
  ASSERT_TRUE(run_until(loop, [&] { return far_heard.closed; }));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace quoin::io

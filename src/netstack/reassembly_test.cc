#include "netstack/reassembly.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "netstack/fragments_test.h"

namespace quoin::netstack {
namespace {

using namespace testing;

struct Piece {
  std::size_t offset;
  std::size_t length;
  bool more = true;
};

class ReassemblyTest : public ::testing::TestWithParam<bool> {
 protected:
  const IpAddress& peer() const { return GetParam() ? peer_v4 : peer_v6; }
  const IpAddress& ours() const { return GetParam() ? our_v4 : our_v6; }

  Buffer packet(const Piece& piece, std::uint32_t identification = 1, std::uint8_t protocol = IpProtocol::udp) const {
    return fragment_packet({.source = peer(),
                            .destination = ours(),
                            .protocol = protocol,
                            .identification = identification,
                            .offset = piece.offset,
                            .more = piece.more},
                           Bytes(data).subspan(piece.offset, piece.length));
  }
  // "whole", "more", or why it was refused.
  std::string add(const Buffer& fragment) {
    const auto added = table.add(parse_fragment(fragment).value(), now);
    if (!added) return word(added.error());
    if (!*added) return "more";
    whole = to_buffer((*added)->payload);
    header = **added;
    return "whole";
  }
  std::string add(const Piece& piece, std::uint32_t identification = 1) { return add(packet(piece, identification)); }
  static std::string word(FragmentRefusal why) {
    switch (why) {
      case FragmentRefusal::tiny: return "tiny";
      case FragmentRefusal::overlap: return "overlap";
      case FragmentRefusal::too_many_parts: return "too_many_parts";
      case FragmentRefusal::abandoned: return "abandoned";
      case FragmentRefusal::no_room: return "no_room";
      case FragmentRefusal::timed_out: return "timed_out";
    }
    return "?";
  }
  std::string given_up() {
    std::vector<std::string> words;
    while (const auto each = table.poll_given_up()) words.push_back(word(each->why) + (each->first.empty() ? "" : "!"));
    std::ranges::sort(words);
    std::string all;
    for (const std::string& each : words) all += (all.empty() ? "" : " ") + each;
    return all;
  }

  Instant now{seconds(1'000)};
  Buffer data = [] {
    Buffer bytes(65'535);
    SeededRandom(7).fill(bytes);
    return bytes;
  }();
  Reassembly table;
  Buffer whole;
  IpPacket header;
};

INSTANTIATE_TEST_SUITE_P(OfBoth, ReassemblyTest, ::testing::Bool());

TEST_P(ReassemblyTest, makes_a_datagram_of_its_fragments_in_any_order) {
  std::vector<Piece> pieces = {{0, 800}, {800, 8}, {808, 1'200}, {2'008, 3, false}};
  std::ranges::sort(pieces, {}, &Piece::offset);
  std::uint32_t identification = 1;
  do {
    for (std::size_t i = 0; i < pieces.size(); i++) {
      EXPECT_EQ(add(pieces[i], identification), i + 1 < pieces.size() ? "more" : "whole");
    }
    EXPECT_TRUE(equal(whole, Bytes(data).first(2'011)));
    EXPECT_EQ(header.source, peer());
    EXPECT_EQ(header.destination, ours());
    EXPECT_EQ(header.protocol, IpProtocol::udp);
    EXPECT_EQ(table.datagrams(), 0u);
    EXPECT_EQ(table.bytes(), 0u);
    identification++;
  } while (std::ranges::next_permutation(pieces, {}, &Piece::offset).found);
  EXPECT_EQ(identification, 25u);
  EXPECT_EQ(given_up(), "");
}

TEST_P(ReassemblyTest, makes_up_the_longest_datagram_there_is) {
  const std::size_t length = GetParam() ? 65'515 : 65'535;
  std::size_t offset = 0;
  for (; offset + 1'224 < length; offset += 1'224) ASSERT_EQ(add({offset, 1'224}), "more");
  EXPECT_EQ(add({offset, length - offset, false}), "whole");
  EXPECT_TRUE(equal(whole, Bytes(data).first(length)));
}

TEST_P(ReassemblyTest, keeps_datagrams_of_different_names_apart) {
  add({0, 16}, 1);
  add({0, 24}, 2);
  EXPECT_EQ(add(packet({0, 16}, 1, IpProtocol::tcp)), "tiny");
  EXPECT_EQ(add({24, 4, false}, 2), "whole");
  EXPECT_EQ(whole.size(), 28u);
  EXPECT_EQ(add({16, 4, false}, 1), "whole");
  EXPECT_EQ(whole.size(), 20u);
}

TEST_P(ReassemblyTest, a_fragment_that_comes_twice_is_no_overlap) {
  EXPECT_EQ(add({0, 16}), "more");
  EXPECT_EQ(add({0, 16}), "more");
  EXPECT_EQ(add({32, 4, false}), "more");
  EXPECT_EQ(add({32, 4, false}), "more");
  EXPECT_EQ(add({16, 16}), "whole");
  EXPECT_TRUE(equal(whole, Bytes(data).first(36)));
}

TEST_P(ReassemblyTest, any_overlap_gives_the_datagram_up_with_all_that_follows) {
  const std::vector<std::vector<Piece>> overlapping = {
      {{0, 16}, {0, 24}},                         // begins where another one did
      {{0, 24}, {0, 16}},                         // within
      {{0, 24}, {16, 16}},                        // from behind
      {{0, 16}, {24, 16}, {16, 16}},              // from before
      {{0, 16}, {24, 8}, {40, 8}, {16, 40}},      // around
      {{0, 16}, {32, 4, false}, {40, 8}},         // behind the end
      {{0, 16}, {32, 8}, {16, 8, false}},         // an end before others
      {{0, 16}, {32, 4, false}, {16, 8, false}},  // two ends
      {{0, 16}, {32, 16, false}, {32, 16}},       // the end, and no end
      {{0, 16}, {32, 16}, {32, 16, false}},       // no end, and the end
  };
  for (std::uint32_t i = 0; i < overlapping.size(); i++) {
    for (std::size_t j = 0; j + 1 < overlapping[i].size(); j++) EXPECT_EQ(add(overlapping[i][j], i), "more") << i;
    EXPECT_EQ(add(overlapping[i].back(), i), "abandoned") << i;
    EXPECT_EQ(given_up(), "overlap!") << i;
    EXPECT_EQ(add({48, 8}, i), "abandoned") << i;
    EXPECT_EQ(given_up(), "") << i;
  }
  now += Reassembly::patience;
  table.handle_timeout(now);
  EXPECT_EQ(table.datagrams(), 0u);
  EXPECT_EQ(table.bytes(), 0u);
}

TEST_P(ReassemblyTest, the_same_bytes_at_the_same_place_but_others_are_an_overlap) {
  EXPECT_EQ(add({0, 16}), "more");
  Buffer other = packet({0, 16});
  other.back() ^= std::byte{1};
  EXPECT_EQ(add(other), "abandoned");
  EXPECT_EQ(given_up(), "overlap!");
}

TEST_P(ReassemblyTest, a_first_fragment_has_the_whole_transport_header_and_no_other_begins_inside_it) {
  const std::uint8_t icmp = GetParam() ? IpProtocol::icmp : IpProtocol::icmpv6;
  EXPECT_EQ(add(packet({0, 8}, 1, IpProtocol::tcp)), "tiny");  // RFC 1858, section 3
  EXPECT_EQ(add(packet({0, 16}, 1, IpProtocol::tcp)), "tiny");
  EXPECT_EQ(add(packet({8, 16}, 1, IpProtocol::tcp)), "tiny");  // RFC 3128
  EXPECT_EQ(add(packet({16, 16}, 1, IpProtocol::tcp)), "tiny");
  if (!GetParam()) {  // of IPv4 they would be whole
    EXPECT_EQ(add(packet({0, 4, false}, 1, IpProtocol::udp)), "tiny");
    EXPECT_EQ(add(packet({0, 7, false}, 1, icmp)), "tiny");
  }
  EXPECT_EQ(table.datagrams(), 0u);
  EXPECT_EQ(add(packet({0, 24}, 1, IpProtocol::tcp)), "more");
  EXPECT_EQ(add(packet({0, 8}, 2, icmp)), "more");
  EXPECT_EQ(add(packet({8, 8}, 2, icmp)), "more");
}

TEST_P(ReassemblyTest, gives_up_after_thirty_seconds_and_shows_the_first_fragment_if_there_is_one) {
  const Buffer first = packet({0, 16}, 1);
  add(first);
  now += seconds(1);
  add({16, 16}, 2);
  ASSERT_EQ(table.poll_timeout(), now + seconds(29));
  now += seconds(28);
  table.handle_timeout(now);
  EXPECT_EQ(table.datagrams(), 2u);
  EXPECT_EQ(add({16, 16}, 1), "more") << "what comes later puts nothing off";
  now += seconds(1);
  table.handle_timeout(now);
  const auto gone = table.poll_given_up();
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->why, FragmentRefusal::timed_out);
  EXPECT_EQ(to_hex(gone->first), to_hex(first));
  now += seconds(1);
  table.handle_timeout(now);
  EXPECT_EQ(given_up(), "timed_out");
  EXPECT_FALSE(table.poll_timeout());
  EXPECT_EQ(table.bytes(), 0u);
}

TEST_P(ReassemblyTest, holds_so_many_datagrams_and_whoever_has_the_most_loses_the_oldest) {
  add(fragment_packet(
      {.source = other_of(peer()), .destination = ours(), .protocol = IpProtocol::udp, .identification = 9},
      Bytes(data).first(16)));
  for (std::uint32_t i = 0; i < 1'000; i++) EXPECT_EQ(add({0, 16}, i), "more");
  EXPECT_EQ(table.datagrams(), Reassembly::datagrams_max);
  EXPECT_EQ(add({16, 4, false}, 0), "more") << "of one that is gone";
  EXPECT_EQ(add({16, 4, false}, 999), "whole") << "the newest";
  const Fragment rest{.source = other_of(peer()),
                      .destination = ours(),
                      .protocol = IpProtocol::udp,
                      .identification = 9,
                      .offset = 16,
                      .more = false};
  EXPECT_EQ(add(fragment_packet(rest, Bytes(data).subspan(16, 4))), "whole") << "whoever holds little loses nothing";
  std::size_t lost = 0;
  while (const auto each = table.poll_given_up()) {
    EXPECT_EQ(each->why, FragmentRefusal::no_room);
    lost++;
  }
  EXPECT_EQ(lost, 1'000 - Reassembly::datagrams_max + 2);
}

TEST_P(ReassemblyTest, holds_so_many_bytes) {
  for (std::uint32_t i = 0; i < 40; i++) {
    for (std::size_t offset = 0; offset < 60'000; offset += 1'200) {
      EXPECT_EQ(add({offset, 1'200}, i), "more");
      EXPECT_LE(table.bytes(), Reassembly::bytes_max);
    }
  }
  EXPECT_GT(table.datagrams(), 10u);
  EXPECT_LT(table.datagrams(), 18u);
  EXPECT_EQ(add({60'000, 100, false}, 39), "whole");
}

TEST_P(ReassemblyTest, a_datagram_in_too_many_parts_is_given_up) {
  std::size_t parts = 0;
  std::string added = "more";
  for (; added == "more"; parts++) added = add({parts * 8, 8});
  EXPECT_EQ(added, "abandoned");
  EXPECT_EQ(parts, Reassembly::parts_max + 1);
  EXPECT_EQ(given_up(), "too_many_parts!");
  EXPECT_EQ(table.datagrams(), 1u);
}

TEST_P(ReassemblyTest, forgets_an_address) {
  add({0, 16}, 1);
  add({0, 16}, 2);
  table.remove_of(other_of(peer()));
  EXPECT_EQ(table.datagrams(), 2u);
  table.remove_of(peer());
  EXPECT_EQ(table.datagrams(), 0u);
  EXPECT_EQ(table.bytes(), 0u);
  EXPECT_EQ(given_up(), "");
}

}  // namespace
}  // namespace quoin::netstack

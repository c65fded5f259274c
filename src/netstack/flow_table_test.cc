#include "netstack/flow_table.h"

#include <map>

#include <gtest/gtest.h>

namespace quoin::netstack {
namespace {

FlowKey key_of(std::uint32_t number) {
  return {6,
          {IpAddress::v4(0x64400001), 80},
          {IpAddress::v4(0x64400002 + number / 60'000), static_cast<std::uint16_t>(1 + number % 60'000)}};
}

TEST(FlowTable, finds_what_was_inserted_and_nothing_else) {
  SeededRandom random(1);
  FlowTable table(100, random);
  const auto id = table.insert(key_of(1));
  ASSERT_TRUE(id);
  EXPECT_EQ(table.find(key_of(1)), id);
  EXPECT_EQ(table.key(*id), key_of(1));
  EXPECT_FALSE(table.find(key_of(2)));
  FlowKey other = key_of(1);
  other.protocol = 17;
  EXPECT_FALSE(table.find(other));
  other = key_of(1);
  std::swap(other.local, other.remote);
  EXPECT_FALSE(table.find(other));
}

TEST(FlowTable, a_name_that_outlived_its_flow_is_nobodys) {
  SeededRandom random(1);
  FlowTable table(1, random);
  const FlowId first = *table.insert(key_of(1));
  table.erase(first);
  EXPECT_FALSE(table.holds(first));
  const FlowId second = *table.insert(key_of(1));
  EXPECT_EQ(second.index, first.index);
  EXPECT_NE(second, first);
  EXPECT_FALSE(table.holds(first));
  EXPECT_TRUE(table.holds(second));
  EXPECT_FALSE(table.holds(FlowId{}));
  EXPECT_FALSE(table.holds(FlowId{7, 1}));
}

TEST(FlowTable, an_unlinked_flow_keeps_its_name_but_frees_its_key) {
  SeededRandom random(1);
  FlowTable table(2, random);
  const FlowId old = *table.insert(key_of(1));
  table.unlink(old);
  EXPECT_FALSE(table.find(key_of(1)));
  EXPECT_TRUE(table.holds(old));
  EXPECT_FALSE(table.linked(old));
  const FlowId fresh = *table.insert(key_of(1));
  EXPECT_NE(fresh.index, old.index);
  EXPECT_TRUE(table.full());
  EXPECT_EQ(table.find(key_of(1)), fresh);
  table.erase(old);
  EXPECT_EQ(table.find(key_of(1)), fresh);
  EXPECT_EQ(table.size(), 1u);
}

TEST(FlowTable, holds_as_many_as_it_may_and_no_more) {
  SeededRandom random(1);
  FlowTable table(4'096, random);
  for (std::uint32_t i = 0; i < 4'096; i++) ASSERT_TRUE(table.insert(key_of(i)));
  EXPECT_FALSE(table.insert(key_of(4'096)));
  table.erase(*table.find(key_of(77)));
  EXPECT_TRUE(table.insert(key_of(4'096)));
  EXPECT_FALSE(table.find(key_of(77)));
}

TEST(FlowTable, agrees_with_a_map_over_any_sequence) {
  // Few keys in a table of few buckets, so that chains are long and are unlinked at each of their places.
  SeededRandom random(7);
  FlowTable table(40, random);
  std::map<FlowKey, FlowId> model;
  for (int step = 0; step < 20'000; step++) {
    const FlowKey key = key_of(static_cast<std::uint32_t>(random.below(60)));
    const auto known = model.find(key);
    if (known == model.end()) {
      const auto id = table.insert(key);
      EXPECT_EQ(id.has_value(), model.size() < 40);
      if (id) model[key] = *id;
    } else {
      EXPECT_EQ(table.find(key), known->second);
      if (random.below(2) == 0) {
        table.erase(known->second);
        model.erase(known);
      }
    }
    ASSERT_EQ(table.size(), model.size());
  }
  for (const auto& [key, id] : model) EXPECT_EQ(table.find(key), id);
}

}  // namespace
}  // namespace quoin::netstack

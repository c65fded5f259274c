#include "json/codec.h"

#include <gtest/gtest.h>

#include "base/address.h"

namespace quoin {
namespace {

enum class Verdict { allowed, refused };

struct Place {
  std::string name;
  int floor = 0;
  bool operator==(const Place&) const = default;
};

struct Record {
  std::int64_t id = 0;
  std::uint64_t count = 0;
  std::uint8_t small = 0;
  bool on = false;
  double score = 0;
  std::string text;
  Place place;
  std::optional<Place> other;
  std::optional<bool> online;
  std::optional<std::vector<int>> rules;
  std::vector<std::string> names;
  std::vector<Endpoint> endpoints;
  std::map<std::int64_t, bool> changes;
  std::map<std::string, std::optional<int>> patches;
  std::optional<IpAddress> address;
  Verdict verdict = Verdict::allowed;
  std::uint64_t always = 0;
  bool operator==(const Record&) const = default;
};

constexpr json::Limits limits{.bytes_max = 10'000, .values_max = 200, .depth_max = 8};

}  // namespace
}  // namespace quoin

template <>
struct quoin::json::Shape<quoin::Place> {
  static constexpr auto members = std::tuple{member("Name", &Place::name), member("Floor", &Place::floor)};
};
template <>
struct quoin::json::Words<quoin::Verdict> {
  static constexpr std::array list = {std::pair{Verdict::allowed, "allowed"}, std::pair{Verdict::refused, "refused"}};
};
template <>
struct quoin::json::Shape<quoin::Record> {
  static constexpr auto members = std::tuple{
      member("ID", &Record::id),
      member("Count", &Record::count),
      member("Small", &Record::small),
      member("On", &Record::on),
      member("Score", &Record::score),
      member("Text", &Record::text),
      member("Place", &Record::place),
      member("Other", &Record::other),
      member("Online", &Record::online),
      member("Rules", &Record::rules),
      member("Names", &Record::names),
      member("Endpoints", &Record::endpoints, Elements::skipped),
      member("Changes", &Record::changes),
      member("Patches", &Record::patches),
      member("Address", &Record::address),
      member("Verdict", &Record::verdict),
      member("Always", &Record::always, Zero::written),
  };
};

namespace quoin {
namespace {

Result<Record, json::Error> read(std::string_view text) {
  return json::read<Record>(bytes_of(text), limits);
}

std::string refusal(std::string_view text) {
  const auto record = read(text);
  return record ? "read" : json::text(record.error());
}

TEST(JsonWriting, leaves_out_zero_values_but_not_nested_structs_words_and_members_that_ask) {
  EXPECT_EQ(json::write(Record{}), R"({"Place":{},"Verdict":"allowed","Always":0})");
}

TEST(JsonWriting, writes_an_optional_that_holds_a_zero_value) {
  Record record;
  record.online = false;
  record.rules.emplace();
  record.other.emplace();
  EXPECT_EQ(json::write(record), R"({"Place":{},"Other":{},"Online":false,"Rules":[],"Verdict":"allowed","Always":0})");
}

TEST(JsonWriting, writes_empty_optionals_inside_maps_as_null) {
  EXPECT_EQ(json::write(std::map<std::string, std::optional<int>>{{"*", std::nullopt}, {"a", 0}}),
            R"({"*":null,"a":0})");
}

TEST(JsonRoundTrip, gives_back_what_was_written) {
  Record record{.id = std::numeric_limits<std::int64_t>::min(),
                .count = std::numeric_limits<std::uint64_t>::max(),
                .small = 255,
                .on = true,
                .score = 0.1,
                .text = "\"quoted\" \\ \x01 <b> \xc3\xa4 \xf0\x9f\x94\x91",
                .place = {"hall", -3},
                .other = Place{"roof", 9},
                .online = false,
                .rules = std::vector<int>{},
                .names = {"", "b"},
                .endpoints = {*Endpoint::parse("192.0.2.1:80"), *Endpoint::parse("[2001:db8::1]:443")},
                .changes = {{-7, true}, {std::numeric_limits<std::int64_t>::max(), false}},
                .patches = {{"*", std::nullopt}, {"base", 1}},
                .address = IpAddress::parse("fd7a::1"),
                .verdict = Verdict::refused,
                .always = 5};
  const auto back = read(json::write(record));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, record);
}

TEST(JsonReading, keeps_64_bit_integers_exact) {
  EXPECT_EQ(read(R"({"ID":9007199254740993})")->id, 9007199254740993);
  EXPECT_EQ(read(R"({"Count":18446744073709551615})")->count, 18446744073709551615u);
}

TEST(JsonReading, refuses_integers_that_are_not_or_do_not_fit) {
  EXPECT_EQ(refusal(R"({"ID":9223372036854775808})"), "number out of range at ID");
  EXPECT_EQ(refusal(R"({"ID":1.5})"), "number out of range at ID");
  EXPECT_EQ(refusal(R"({"Count":-1})"), "number out of range at Count");
  EXPECT_EQ(refusal(R"({"Small":256})"), "number out of range at Small");
  EXPECT_EQ(refusal(R"({"Changes":{"one":true}})"), "unreadable text at Changes[0]");
  EXPECT_EQ(refusal(R"({"Changes":{"1 ":true}})"), "unreadable text at Changes[0]");
}

TEST(JsonReading, refuses_numbers_beyond_a_double) {
  EXPECT_EQ(refusal(R"({"Score":1e999})"), "number out of range at Score");
  EXPECT_EQ(refusal(R"({"Score":-1.5e30060})"), "number out of range at Score");
  EXPECT_EQ(read(R"({"Score":1e308})")->score, 1e308);
}

TEST(JsonReading, skips_unknown_members_and_keeps_defaults_for_missing_and_null_ones) {
  const auto record = read(R"({"Unknown":{"deep":[1,2,{"x":null}]},"ID":null,"Online":null,"Names":null,"Text":"t"})");
  ASSERT_TRUE(record.has_value());
  Record expected;
  expected.text = "t";
  EXPECT_EQ(*record, expected);
}

TEST(JsonReading, tells_the_names_of_unknown_members_of_the_outermost_object) {
  std::vector<std::string> unknown;
  ASSERT_TRUE(json::read<Record>(bytes_of(R"({"ID":1,"DNS":{"A":1},"SSH":null,"Debug":true,"Place":{"X":1}})"), limits,
                                 &unknown));
  EXPECT_EQ(unknown, (std::vector<std::string>{"DNS", "Debug"}));
}

TEST(JsonReading, names_the_place_of_a_wrong_type) {
  EXPECT_EQ(refusal(R"({"Text":1})"), "wrong type at Text");
  EXPECT_EQ(refusal(R"({"Other":{"Floor":"3"}})"), "wrong type at Other.Floor");
  EXPECT_EQ(refusal(R"({"Names":["a",2]})"), "wrong type at Names[1]");
  EXPECT_EQ(refusal(R"({"Place":[]})"), "wrong type at Place");
  EXPECT_EQ(refusal(R"({"Address":"10.0.0.256"})"), "unreadable text at Address");
  EXPECT_EQ(refusal(R"({"Verdict":"perhaps"})"), "unreadable text at Verdict");
  EXPECT_EQ(refusal("[]"), "wrong type");
}

TEST(JsonReading, drops_unreadable_elements_only_where_the_member_says_so) {
  const auto record = read(R"({"Endpoints":["192.0.2.1:80","[fe80::1%eth0]:1",7,null,"192.0.2.2:80"]})");
  ASSERT_TRUE(record.has_value());
  ASSERT_EQ(record->endpoints.size(), 2u);
  EXPECT_EQ(record->endpoints[1].text(), "192.0.2.2:80");
}

TEST(JsonReading, refuses_what_is_not_json_or_not_utf8) {
  for (const std::string_view text :
       {"", " ", "{", "{}x", "{} {}", "{\"ID\":01}", "{'ID':1}", "{\"ID\":1,}", "nul", "{\"Text\":\"\n\"}",
        "{\"Text\":\"\xff\"}", "{\"Text\":\"\xc0\x80\"}", "{\"Text\":\"\xed\xa0\x80\"}", "{\"Text\":\"\\ud800\"}",
        "// c\n{}", "{\"ID\":NaN}"}) {
    EXPECT_EQ(refusal(text), "not well-formed JSON") << text;
  }
}

TEST(JsonReading, holds_its_limits) {
  EXPECT_EQ(refusal(std::string(10'001, ' ')), "too long");
  std::string many = R"({"Names":[)";
  for (int i = 0; i < 200; i++) many += "\"\",";
  EXPECT_EQ(refusal(many + "\"\"]}"), "too many values");
  EXPECT_EQ(refusal(R"({"x":)" + std::string(8, '[') + std::string(8, ']') + "}"), "too deeply nested");
  EXPECT_EQ(refusal(R"({"x":)" + std::string(7, '[') + std::string(7, ']') + "}"), "read");
}

TEST(JsonReading, refuses_short_texts_that_would_make_large_structs) {
  std::string many = "[{}";
  for (int i = 1; i < 100; i++) many += ",{}";
  many += "]";
  json::Limits roomy = limits;
  roomy.decoded_bytes_max = 100 * sizeof(Record);
  EXPECT_TRUE(json::read<std::vector<Record>>(bytes_of(many), roomy).has_value());
  roomy.decoded_bytes_max--;
  EXPECT_EQ(json::read<std::vector<Record>>(bytes_of(many), roomy).error().kind, json::ErrorKind::too_many);
}

TEST(JsonReading, takes_the_last_of_duplicate_members) {
  EXPECT_EQ(read(R"({"ID":1,"ID":2})")->id, 2);
}

}  // namespace
}  // namespace quoin

#include "control/messages.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "control/key_page.h"
#include "vectors/folder.h"

namespace quoin::control {
namespace {

// A file in tests/vectors/control: lines of "# name: value", then the message.
struct Vector {
  std::string name;
  std::string kind;
  std::string verdict;  // "read", or the error in words
  std::string message;
};

std::string header(const std::string& text, const std::string& name) {
  const std::string start = "# " + name + ": ";
  const std::size_t at = text.find(start);
  if (at == std::string::npos) return {};
  return text.substr(at + start.size(), text.find('\n', at) - at - start.size());
}

std::vector<Vector> vectors() {
  std::vector<Vector> out;
  for (const auto& entry : std::filesystem::directory_iterator(vectors::path_of("control"))) {
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t body = text.find('\n', text.rfind("# verdict: ")) + 1;
    out.push_back({entry.path().filename(), header(text, "kind"), header(text, "verdict"),
                   text.substr(body, text.find_last_not_of('\n') + 1 - body)});
  }
  return out;
}

std::string message_of(const std::string& name) {
  for (const Vector& vector : vectors()) {
    if (vector.name == name) return vector.message;
  }
  return {};
}

// Reads, writes, reads again; gives the verdict, and the second writing through `again`.
template <class T, class Decode>
std::string round_trip(const std::string& message, Decode decode) {
  const Result<T, json::Error> read = decode(bytes_of(message));
  if (!read) return json::text(read.error());
  const std::string written = encode(*read);
  const Result<T, json::Error> again = decode(bytes_of(written));
  if (!again) return "not read again: " + json::text(again.error());
  return encode(*again) == written ? "read" : "changed when written again";
}

std::string verdict_of(const Vector& vector) {
  if (vector.kind == "register_request") return round_trip<RegisterRequest>(vector.message, decode_register_request);
  if (vector.kind == "register_response") return round_trip<RegisterResponse>(vector.message, decode_register_response);
  if (vector.kind == "map_request") return round_trip<MapRequest>(vector.message, decode_map_request);
  if (vector.kind == "map_response") {
    return round_trip<MapResponse>(vector.message, [](Bytes text) { return decode_map_response(text); });
  }
  if (vector.kind == "key_page") return parse_key_page(vector.message) ? "read" : "no key";
  return "unknown kind";
}

TEST(ControlMessages, are_read_or_refused_as_the_vectors_say) {
  const auto all = vectors();
  ASSERT_GE(all.size(), 20u);
  for (const Vector& vector : all) EXPECT_EQ(verdict_of(vector), vector.verdict) << vector.name;
}

TEST(ControlMessages, carry_what_the_first_map_message_says) {
  std::vector<std::string> others;
  const auto map = decode_map_response(bytes_of(message_of("map_response_first.txt")), &others);
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(others, (std::vector<std::string>{"DNSConfig", "Domain", "SSHPolicy", "CollectServices"}));
  EXPECT_EQ(map->node->addresses[1].text(), "fd7a:115c:a1e0::7/128");
  EXPECT_EQ(map->node->home_derp, 1);
  const Node& peer = map->peers.at(0);
  EXPECT_EQ(peer.id, 9007199254740993);
  EXPECT_EQ(peer.online, true);
  ASSERT_EQ(peer.endpoints.size(), 2u) << "an endpoint with a zone is dropped, the others stay";
  EXPECT_EQ(peer.endpoints[1].text(), "10.0.0.5:41641");
  EXPECT_EQ(peer.key_expiry.text(), "2026-10-01T20:00:00Z");
  const DerpRegion& region = *map->derp_map->regions->at(901);
  EXPECT_EQ(region.nodes.at(0).derp_port, 8443);
  EXPECT_EQ(region.nodes.at(0).ipv6, "none");
  EXPECT_EQ(map->derp_map->home_params->region_score->at(901), 0.5);
  EXPECT_EQ(map->control_time->text(), "2026-08-22T10:00:00Z");
}

TEST(ControlMessages, tell_null_from_empty_in_filters) {
  const auto map = decode_map_response(bytes_of(message_of("map_response_filters_cleared.txt")));
  ASSERT_TRUE(map.has_value());
  EXPECT_TRUE(map->packet_filter && map->packet_filter->empty());
  EXPECT_FALSE(map->packet_filters->at("*").has_value());
  EXPECT_TRUE(map->packet_filters->at("base")->empty());
  EXPECT_EQ(encode(*map), R"({"PacketFilter":[],"PacketFilters":{"*":null,"base":[]}})");
  EXPECT_FALSE(decode_map_response(bytes_of(R"({"PacketFilter":null})"))->packet_filter.has_value());
}

TEST(ControlMessages, of_more_than_the_limits_are_refused) {
  const std::string long_name = R"({"Domain":")" + std::string(map_message_bytes_max, 'a') + "\"}";
  EXPECT_EQ(decode_map_response(bytes_of(long_name)).error().kind, json::ErrorKind::too_long);
  std::string many = R"({"PeersRemoved":[)";
  for (std::size_t i = 0; i < map_values_max; i++) many += "1,";
  EXPECT_EQ(decode_map_response(bytes_of(many + "1]}")).error().kind, json::ErrorKind::too_many);
}

TEST(ControlMessages, of_a_register_request_write_zero_keys_and_a_zero_expiry) {
  RegisterRequest request;
  request.node_key = *crypto::NodePublicKey::parse("nodekey:" + std::string(64, '1'));
  request.ephemeral = true;
  EXPECT_EQ(encode(request), R"({"Version":119,"NodeKey":"nodekey:)" + std::string(64, '1') +
                                 R"(","OldNodeKey":"nodekey:)" + std::string(64, '0') +
                                 R"(","Expiry":"0001-01-01T00:00:00Z","Hostinfo":{},"Ephemeral":true})");
}

}  // namespace
}  // namespace quoin::control

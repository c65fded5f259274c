#include "control/netmap.h"

#include <gtest/gtest.h>

namespace quoin::control {
namespace {

constexpr Instant start{seconds(1000)};

std::string key(char digit) {
  return "nodekey:" + std::string(64, digit);
}
crypto::NodePublicKey node_key(char digit) {
  return *crypto::NodePublicKey::parse(key(digit));
}

std::string node(NodeId id, char digit, const std::string& more = "") {
  return R"({"ID":)" + std::to_string(id) + R"(,"Key":")" + key(digit) + R"(","Name":"n)" + std::to_string(id) +
         R"(.example.","Addresses":["100.64.0.)" + std::to_string(id) + R"(/32"])" + (more.empty() ? "" : "," + more) +
         "}";
}

const std::string ourselves = R"("Node":)" + node(1, '1');

// A map of ourselves (1), and peers 2 and 3 of user 5.
const std::string snapshot = "{" + ourselves + R"(,"Peers":[)" + node(2, '2', R"("User":5)") + "," +
                             node(3, '3', R"("User":5,"Tags":["tag:x"])") +
                             R"(],"UserProfiles":[{"ID":5,"LoginName":"alice@example.com"}]})";

class NetmapTest : public ::testing::Test {
 protected:
  NetmapChange apply(const std::string& json, Netmap::Kind kind = Netmap::Kind::change) {
    const auto message = decode_map_response(bytes_of(json));
    if (!message) ADD_FAILURE() << json::text(message.error()) << " in " << json;
    const auto change = map.apply(message.value_or(MapResponse{}), kind, start);
    EXPECT_TRUE(change.has_value()) << json;
    return change.value_or(NetmapChange{});
  }
  NetmapChange begin(const std::string& json = snapshot) { return apply(json, Netmap::Kind::snapshot); }
  std::vector<NodeId> ids() const {
    std::vector<NodeId> out;
    for (const auto& [id, peer] : map.peers()) out.push_back(id);
    return out;
  }
  using Ids = std::vector<NodeId>;

  Netmap map;
};

TEST_F(NetmapTest, begins_with_a_snapshot_that_says_who_we_are) {
  const auto message = decode_map_response(bytes_of(R"({"Peers":[)" + node(2, '2') + "]}"));
  EXPECT_EQ(map.apply(*message, Netmap::Kind::snapshot, start).error(), NetmapError::no_self);
  EXPECT_TRUE(map.peers().empty());
  const NetmapChange change = begin();
  EXPECT_TRUE(change.self);
  EXPECT_EQ(change.peers.added, (Ids{2, 3}));
  EXPECT_EQ(map.self()->addresses[0].text(), "100.64.0.1/32");
}

TEST_F(NetmapTest, gives_peers_their_login_and_tells_tagged_ones) {
  begin();
  EXPECT_EQ(map.peer(2)->login, "alice@example.com");
  EXPECT_FALSE(map.peer(2)->tagged());
  EXPECT_TRUE(map.peer(3)->tagged());
}

TEST_F(NetmapTest, changes_peers_whose_user_gets_a_name_later) {
  begin("{" + ourselves + R"(,"Peers":[)" + node(2, '2', R"("User":5)") + "," + node(3, '3', R"("User":6)") + "]}");
  EXPECT_EQ(map.peer(2)->login, "");
  EXPECT_EQ(apply(R"({"UserProfiles":[{"ID":5,"LoginName":"bob"}]})").peers.changed, Ids{2});
  EXPECT_EQ(map.peer(2)->login, "bob");
  EXPECT_TRUE(apply(R"({"UserProfiles":[{"ID":5,"LoginName":"bob"}]})").empty());
}

TEST_F(NetmapTest, takes_a_login_too_long_to_keep_for_none) {
  begin("{" + ourselves + R"(,"Peers":[)" + node(2, '2', R"("User":5)") + R"(],"UserProfiles":[{"ID":5,"LoginName":")" +
        std::string(name_bytes_max, 'a') + R"("}]})");
  EXPECT_EQ(map.peer(2)->login.size(), name_bytes_max);
  apply(R"({"UserProfiles":[{"ID":5,"LoginName":")" + std::string(name_bytes_max + 1, 'a') + R"("}]})");
  EXPECT_EQ(map.peer(2)->login, "");
}

TEST_F(NetmapTest, takes_a_login_that_looks_like_anothers_once_it_is_shown_for_none) {
  begin("{" + ourselves + R"(,"Peers":[)" + node(2, '2', R"("User":5)") +
        R"(],"UserProfiles":[{"ID":5,"LoginName":"al\u0001ce"}]})");
  EXPECT_EQ(map.peer(2)->login, "");
  apply(R"({"UserProfiles":[{"ID":5,"LoginName":"al\u200bce"}]})");
  EXPECT_EQ(map.peer(2)->login, "");
  apply(R"({"UserProfiles":[{"ID":5,"LoginName":"al?ce"}]})");
  EXPECT_EQ(map.peer(2)->login, "al?ce");
}

TEST_F(NetmapTest, replaces_all_by_a_list_of_peers_and_ignores_the_rest_of_that_message) {
  begin();
  const auto change = apply(R"({"Peers":[)" + node(3, '3', R"("User":5,"Tags":["tag:x"])") + "," + node(4, '4') +
                            R"(],"PeersRemoved":[3],"OnlineChange":{"4":true}})");
  EXPECT_EQ(ids(), (Ids{3, 4}));
  EXPECT_EQ(change.peers.added, Ids{4});
  EXPECT_EQ(change.peers.removed, Ids{2});
  EXPECT_TRUE(change.peers.changed.empty());
  EXPECT_FALSE(map.peer(4)->online.has_value());
}

TEST_F(NetmapTest, takes_an_empty_list_of_peers_as_no_change) {
  begin();
  EXPECT_TRUE(apply(R"({"Peers":[]})").empty());
  EXPECT_TRUE(apply(R"({"Peers":null})").empty());
  EXPECT_EQ(ids(), (Ids{2, 3}));
}

TEST_F(NetmapTest, applies_changes_in_the_documented_order) {
  begin();
  // Removed first, so the whole node of the same message stays; states and patches see it.
  const auto change = apply(R"({"PeersRemoved":[2],"PeersChanged":[)" + node(2, '2', R"("Online":false)") +
                            R"(],"OnlineChange":{"2":true},"PeersChangedPatch":[{"NodeID":2,"DERPRegion":4}]})");
  EXPECT_EQ(change.peers.changed, Ids{2});
  EXPECT_EQ(map.peer(2)->online, true);
  EXPECT_EQ(map.peer(2)->home_region, 4);
  EXPECT_EQ(apply(R"({"OnlineChange":{"2":true},"PeersChangedPatch":[{"NodeID":2,"Online":false}]})").peers.changed,
            Ids{2});
  EXPECT_EQ(map.peer(2)->online, false) << "patches come last";
}

TEST_F(NetmapTest, does_not_resurrect_what_was_removed) {
  begin();
  EXPECT_EQ(apply(R"({"PeersRemoved":[2,77]})").peers.removed, Ids{2});
  EXPECT_TRUE(apply(R"({"OnlineChange":{"2":true},"PeersChangedPatch":[{"NodeID":2,"Endpoints":["1.2.3.4:5"],"Key":")" +
                    key('2') + R"("}]})")
                  .empty());
  EXPECT_EQ(ids(), Ids{3});
}

TEST_F(NetmapTest, patches_only_what_is_present) {
  begin();
  const std::string disco = "discokey:" + std::string(64, 'd');
  apply(R"({"PeersChangedPatch":[{"NodeID":2,"DiscoKey":")" + disco +
        R"(","Endpoints":["1.2.3.4:5"],"DERPRegion":7}]})");
  apply(R"({"PeersChangedPatch":[{"NodeID":2,"Online":true,"KeyExpiry":"2026-10-01T00:00:00Z"}]})");
  const Peer& peer = *map.peer(2);
  EXPECT_EQ(peer.disco_key.text(), disco);
  EXPECT_EQ(peer.endpoints.at(0).text(), "1.2.3.4:5");
  EXPECT_EQ(peer.home_region, 7);
  EXPECT_EQ(peer.online, true);
  EXPECT_EQ(peer.key_expiry.text(), "2026-10-01T00:00:00Z");
  apply(R"({"PeersChangedPatch":[{"NodeID":2,"Endpoints":[],"DERPRegion":0}]})");
  EXPECT_TRUE(map.peer(2)->endpoints.empty());
  EXPECT_EQ(map.peer(2)->home_region, 7) << "0 means unchanged";
}

TEST_F(NetmapTest, knows_a_peer_by_its_newest_key) {
  begin();
  const auto change = apply(R"({"PeersChangedPatch":[{"NodeID":2,"Key":")" + key('9') + R"("}]})");
  EXPECT_EQ(change.peers.changed, Ids{2});
  EXPECT_EQ(map.peer(node_key('9'))->id, 2);
  EXPECT_EQ(map.peer(node_key('2')), nullptr);
}

TEST_F(NetmapTest, keeps_one_peer_of_two_with_the_same_key_the_later_one) {
  begin();
  const auto change = apply(R"({"PeersChanged":[)" + node(8, '2') + "]}");
  EXPECT_EQ(change.peers.added, Ids{8});
  EXPECT_EQ(change.peers.removed, Ids{2});
  EXPECT_EQ(map.peer(node_key('2'))->id, 8);
  apply(R"({"PeersChangedPatch":[{"NodeID":3,"Key":")" + key('2') + R"("}]})");
  EXPECT_EQ(ids(), Ids{3});
}

TEST_F(NetmapTest, never_has_ourselves_as_a_peer) {
  begin();
  EXPECT_TRUE(apply(R"({"PeersChanged":[)" + node(1, '7') + "," + node(9, '1') +
                    R"(],"PeersChangedPatch":[{"NodeID":1,"Endpoints":["1.2.3.4:5"]},{"NodeID":2,"Key":")" + key('1') +
                    R"("}]})")
                  .empty());
  EXPECT_TRUE(apply(R"({"PeersRemoved":[1]})").empty());
  ASSERT_TRUE(map.self().has_value());
  // We turn out to be peer 3.
  const auto change = apply(R"({"Node":)" + node(3, '3') + "}");
  EXPECT_TRUE(change.self);
  EXPECT_EQ(change.peers.removed, Ids{3});
}

TEST_F(NetmapTest, skips_nodes_without_a_proper_id_or_key) {
  begin();
  EXPECT_TRUE(apply(R"({"PeersChanged":[)" + node(0, '7') + "," + node(-5, '8') + "," + node(10, '0') +
                    R"(],"PeersChangedPatch":[{"NodeID":2,"Key":")" + key('0') + R"("}]})")
                  .empty());
}

TEST_F(NetmapTest, tells_nothing_of_nodes_sent_again_unchanged) {
  begin();
  EXPECT_TRUE(apply(R"({"PeersChanged":[)" + node(2, '2', R"("User":5)") + "," +
                    node(3, '3', R"("User":5,"Tags":["tag:x"])") + "]}")
                  .empty());
  EXPECT_TRUE(apply("{" + ourselves + "}").empty());
}

TEST_F(NetmapTest, starts_from_nothing_with_each_snapshot_and_tells_only_differences) {
  begin("{" + ourselves + R"(,"Peers":[)" + node(2, '2', R"("User":5)") + "," + node(4, '4') +
        R"(],"PacketFilter":[{"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]}]})");
  const auto change = begin();
  EXPECT_FALSE(change.self);
  EXPECT_EQ(change.peers.added, Ids{3});
  EXPECT_EQ(change.peers.removed, Ids{4});
  EXPECT_EQ(change.peers.changed, Ids{2}) << "its user has a name now";
  EXPECT_TRUE(change.filter) << "a filter that was not said is closed";
  EXPECT_FALSE(map.filter().allows(*IpAddress::parse("1.1.1.1"), *IpAddress::parse("2.2.2.2"), 6, 80));
}

TEST_F(NetmapTest, takes_absent_allowed_ips_as_the_addresses_and_empty_ones_as_none) {
  begin("{" + ourselves + R"(,"Peers":[)" + node(2, '2', R"("AllowedIPs":null)") + "," +
        node(3, '3', R"("AllowedIPs":[])") + "," +
        node(4, '4', R"("AllowedIPs":["100.64.0.4/32","192.168.7.0/24","10.1.2.3/8"])") + "," +
        node(5, '5', R"("UnsignedPeerAPIOnly":true,"AllowedIPs":["0.0.0.0/0"])") + "]}");
  EXPECT_EQ(map.peer(2)->allowed_ips, map.peer(2)->addresses);
  EXPECT_TRUE(map.peer(3)->allowed_ips.empty());
  ASSERT_EQ(map.peer(4)->allowed_ips.size(), 2u) << "one with host bits is dropped";
  EXPECT_EQ(map.peer(4)->allowed_ips[1].text(), "192.168.7.0/24");
  EXPECT_EQ(map.peer(5)->allowed_ips, map.peer(5)->addresses);
}

TEST_F(NetmapTest, reads_the_home_region_in_either_spelling) {
  begin("{" + ourselves + R"(,"Peers":[)" + node(2, '2', R"("DERP":"127.3.3.40:12")") + "," +
        node(3, '3', R"("HomeDERP":5,"DERP":"127.3.3.40:12")") + "," + node(4, '4', R"("DERP":"127.3.3.40:70000")") +
        "," + node(5, '5', R"("DERP":"10.0.0.1:5")") + "," + node(6, '6', R"("HomeDERP":-3)") + "]}");
  EXPECT_EQ(map.peer(2)->home_region, 12);
  EXPECT_EQ(map.peer(3)->home_region, 5);
  for (const NodeId id : {4, 5, 6}) EXPECT_EQ(map.peer(id)->home_region, 0) << id;
}

TEST_F(NetmapTest, keeps_parts_of_the_relay_map_that_an_update_leaves_out) {
  begin("{" + ourselves +
        R"(,"DERPMap":{"HomeParams":{"RegionScore":{"1":0.5}},"Regions":{"1":{"RegionID":1,"RegionCode":"a",
        "Nodes":[{"Name":"1a","HostName":"derp.example"}]},"2":null,"70000":{"RegionID":70000}}}})");
  EXPECT_EQ(map.relays().regions.size(), 1u);
  EXPECT_EQ(map.relays().regions.at(1).nodes.at(0).host_name, "derp.example");
  EXPECT_TRUE(apply(R"({"DERPMap":{"HomeParams":{"RegionScore":{"1":2}}}})").relays);
  EXPECT_EQ(map.relays().regions.size(), 1u);
  EXPECT_EQ(map.relays().region_score.at(1), 2);
  EXPECT_TRUE(apply(R"({"DERPMap":{"Regions":{"3":{"RegionID":3}}}})").relays);
  EXPECT_EQ(map.relays().regions.begin()->first, 3);
  EXPECT_EQ(map.relays().region_score.at(1), 2);
  EXPECT_FALSE(apply(R"({"DERPMap":{"HomeParams":{},"Regions":null}})").relays);
}

TEST_F(NetmapTest, merges_filters_by_name) {
  const auto passes = [&](std::string_view source) {
    return map.filter().allows(*IpAddress::parse(source), *IpAddress::parse("100.64.0.1"), 6, 80);
  };
  const auto rules = [](const std::string& source) {
    return R"([{"SrcIPs":[")" + source + R"("],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]}])";
  };
  begin();
  EXPECT_FALSE(passes("10.0.0.1")) << "never said: closed";
  EXPECT_TRUE(
      apply(R"({"PacketFilters":{"base":)" + rules("10.0.0.1") + R"(,"more":)" + rules("10.0.0.2") + "}}").filter);
  EXPECT_TRUE(passes("10.0.0.1") && passes("10.0.0.2"));
  EXPECT_TRUE(apply(R"({"PacketFilter":)" + rules("10.0.0.3") + "}").filter);
  EXPECT_TRUE(!passes("10.0.0.1") && passes("10.0.0.2") && passes("10.0.0.3")) << "the legacy one is base";
  EXPECT_FALSE(apply(R"({"PacketFilter":null})").filter);
  EXPECT_TRUE(apply(R"({"PacketFilters":{"more":null}})").filter);
  EXPECT_TRUE(!passes("10.0.0.2") && passes("10.0.0.3"));
  EXPECT_TRUE(apply(R"({"PacketFilters":{"*":null,"x":)" + rules("10.0.0.4") + "}}").filter);
  EXPECT_TRUE(!passes("10.0.0.3") && passes("10.0.0.4"));
  EXPECT_FALSE(apply(R"({"PacketFilters":{"x":)" + rules("10.0.0.4") + "}}").filter) << "unchanged";
  EXPECT_TRUE(apply(R"({"PacketFilters":{"x":[]}})").filter);
  EXPECT_FALSE(passes("10.0.0.4"));
}

TEST_F(NetmapTest, lets_nothing_pass_while_one_rule_cannot_be_read) {
  begin("{" + ourselves +
        R"(,"PacketFilters":{"a":[{"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]}],
        "b":[{"SrcIPs":["10.0.0.1/8"],"DstPorts":[]}]}})");
  const IpAddress any = *IpAddress::parse("1.1.1.1");
  EXPECT_TRUE(map.filter_refused());
  EXPECT_FALSE(map.filter().allows(any, any, 6, 80));
  apply(R"({"PacketFilters":{"b":null}})");
  EXPECT_FALSE(map.filter_refused());
  EXPECT_TRUE(map.filter().allows(any, any, 6, 80));
}

TEST_F(NetmapTest, refuses_filters_over_their_bounds_and_keeps_none_of_them) {
  begin();
  std::string many = R"({"PacketFilters":{)";
  for (std::size_t i = 0; i <= filters_max; i++) many += (i ? ",\"f" : "\"f") + std::to_string(i) + "\":[]";
  EXPECT_TRUE(apply(many + "}}").filter);
  EXPECT_TRUE(map.filter_refused());
}

TEST_F(NetmapTest, refuses_too_many_peers_and_stays_as_it_was) {
  begin();
  MapResponse flood;
  for (std::size_t i = 0; i < peers_max - 1; i++) {
    Node each;
    each.id = static_cast<NodeId>(1000 + i);
    each.key = *crypto::NodePublicKey::parse("nodekey:" + std::string(56, 'f') +
                                             to_hex(std::as_bytes(std::span(&i, 1))).substr(0, 8));
    flood.peers_changed.push_back(each);
  }
  EXPECT_EQ(map.apply(flood, Netmap::Kind::change, start).error(), NetmapError::too_many_peers);
  EXPECT_EQ(ids(), (Ids{2, 3}));
  flood.peers_changed.pop_back();
  EXPECT_EQ(map.apply(flood, Netmap::Kind::change, start)->peers.added.size(), peers_max - 2);
}

TEST_F(NetmapTest, cuts_lists_and_names_inside_a_peer) {
  std::string endpoints, prefixes;
  for (int i = 0; i < 300; i++) {
    endpoints += (i ? ",\"10.0.0.1:" : "\"10.0.0.1:") + std::to_string(i) + "\"";
    prefixes += (i ? ",\"10.0." : "\"10.0.") + std::to_string(i / 256) + "." + std::to_string(i % 256) + "/32\"";
  }
  begin("{" + ourselves + R"(,"Peers":[)" + R"({"ID":2,"Key":")" + key('2') + R"(","Name":")" + std::string(5000, 'x') +
        R"(","Addresses":[)" + prefixes + R"(],"AllowedIPs":[)" + prefixes + R"(],"Endpoints":[)" + endpoints + "]}]}");
  EXPECT_EQ(map.peer(2)->name.size(), name_bytes_max);
  EXPECT_EQ(map.peer(2)->endpoints.size(), endpoints_max);
  EXPECT_EQ(map.peer(2)->addresses.size(), addresses_max);
  EXPECT_EQ(map.peer(2)->allowed_ips.size(), allowed_ips_max);
}

TEST_F(NetmapTest, judges_expiry_of_peers_by_the_servers_clock) {
  begin("{" + ourselves + R"(,"Peers":[)" + node(2, '2', R"("KeyExpiry":"2026-08-22T10:01:00Z")") + "," +
        node(3, '3', R"("Expired":true)") + "," + node(4, '4') + R"(],"ControlTime":"2026-08-22T10:00:00Z"})");
  const WallTime long_ago{};  // our own calendar was never set
  EXPECT_EQ(map.expires_at(*map.peer(2), long_ago, start + seconds(9)), start + seconds(60));
  EXPECT_EQ(map.expires_at(*map.peer(3), long_ago, start), start);
  EXPECT_EQ(map.expires_at(*map.peer(4), long_ago, start), std::nullopt);
  MapResponse wrong_clock;
  wrong_clock.control_time = Timestamp::parse("1999-01-01T00:00:00Z");
  map.keepalive(wrong_clock, start + seconds(60));
  EXPECT_EQ(map.expires_at(*map.peer(2), long_ago, start + seconds(60)), start + seconds(60))
      << "a clock before the protocol existed is ignored";
}

TEST_F(NetmapTest, judges_expiry_of_peers_by_our_own_calendar_where_that_is_ahead_or_the_server_tells_no_time) {
  const WallTime wall{seconds(Timestamp::parse("2026-08-22T10:00:00Z")->unix_seconds) + milliseconds(300)};
  begin("{" + ourselves + R"(,"Peers":[)" + node(2, '2', R"("KeyExpiry":"2026-08-22T10:01:00Z")") + "," +
        node(3, '3', R"("KeyExpiry":"9999-01-01T00:00:00Z")") + "," +
        node(4, '4', R"("KeyExpiry":"0002-01-01T00:00:00Z")") + "]}");
  const Instant expiry = start + seconds(60) - milliseconds(300);
  EXPECT_EQ(map.expires_at(*map.peer(2), wall, start), expiry);
  EXPECT_EQ(map.expires_at(*map.peer(2), wall + seconds(70), start + seconds(70)), expiry);
  EXPECT_GT(map.expires_at(*map.peer(3), wall, start), start + hours(24 * 365 * 99));
  EXPECT_LT(map.expires_at(*map.peer(4), wall, start), start);
  MapResponse slow_clock;
  slow_clock.control_time = Timestamp::parse("2026-08-22T09:00:00Z");
  map.keepalive(slow_clock, start);
  EXPECT_EQ(map.expires_at(*map.peer(2), wall, start), expiry) << "a server's clock prolongs nothing";
}

}  // namespace
}  // namespace quoin::control

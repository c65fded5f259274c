// The client's map stream and its lite updates.
#include <gtest/gtest.h>

#include "control/client_fixture.h"

namespace quoin::control {
namespace {

using ControlMap = ControlClientTest;

TEST_F(ControlMap, stays_as_long_as_keepalives_come_and_asks_anew_120_seconds_after_the_last) {
  Node& node = join();
  for (int i = 0; i < 10; i++) {
    pass(seconds(60));
    box.send_keepalives();
  }
  settle();
  EXPECT_EQ(box.streams.size(), 1u);
  pass(seconds(119));
  EXPECT_EQ(box.streams.size(), 1u);
  pass(seconds(2));
  EXPECT_EQ(box.streams.size(), 2u);
  EXPECT_EQ(count<MapStreamLost>(node), 1u);
  EXPECT_EQ(count<ConnectionLost>(node), 0u) << "on the same connection";
}

TEST_F(ControlMap, waits_120_seconds_for_the_first_message_too) {
  box.moods.silent = true;
  Node& node = add();
  settle();
  box.moods.silent = false;
  pass(seconds(31));  // the registration is given up and asked again
  ASSERT_EQ(count<MapStreamOpened>(node), 1u);
  box.moods.silent = true;
  box.end_stream(node.node_key);
  pass(seconds(119));
  EXPECT_EQ(count<MapStreamLost>(node), 1u);
  box.moods.silent = false;
  pass(seconds(3));
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

TEST_F(ControlMap, backs_off_from_streams_that_end_without_a_message_and_then_drops_the_connection) {
  Node& node = join();
  box.moods.ends_streams = true;
  box.end_stream(node.node_key);
  pass(seconds(30));
  EXPECT_GE(count<ConnectionLost>(node), 1u);
  EXPECT_LE(box.streams.size(), 30u);
  box.moods.ends_streams = false;
  pass(seconds(31));
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

TEST_F(ControlMap, drops_a_stream_that_sends_nonsense_and_keeps_the_map) {
  Node& node = join();
  join();
  box.send_text(node.node_key, R"({"PeersRemoved":"all"})");
  settle();
  EXPECT_EQ(last<MapStreamLost>(node).text, "a map message: wrong type at PeersRemoved");
  EXPECT_EQ(node.client.netmap().peers().size(), 1u);
  pass(seconds(1));
  EXPECT_EQ(count<MapStreamOpened>(node), 2u);
}

TEST_F(ControlMap, drops_a_stream_in_another_compression_than_asked_for) {
  Node& node = join();
  box.moods.compression = Compression::none;
  box.send_keepalives();
  settle();
  EXPECT_EQ(last<MapStreamLost>(node).text, "a map message was malformed");
}

TEST_F(ControlMap, ignores_features_outside_its_list_and_tells_each_once) {
  Node& node = join();
  const std::string message =
      R"({"PingRequest":{"URL":"https://control.example/x","Types":"c2n"},"DNSConfig":{"Proxied":true},"SSHPolicy":{},)"
      R"("Debug":{"Exit":1},"PopBrowserURL":"https://example.com","Domain":"a","<made up>":1,"KeepAlive":false})";
  box.send_text(node.node_key, message);
  box.send_text(node.node_key, message);
  settle();
  std::vector<std::string> names;
  for (const ClientEvent& event : node.events) {
    if (const auto* ignored = std::get_if<FeatureIgnored>(&event)) names.push_back(ignored->name);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"PingRequest", "DNSConfig", "SSHPolicy", "Debug", "PopBrowserURL", "other"}));
  EXPECT_EQ(node.client.ignored_features(), 12u);
  EXPECT_EQ(count<MapStreamLost>(node), 0u);
}

TEST_F(ControlMap, skips_everything_but_the_time_in_a_keepalive) {
  Node& node = join();
  join();
  box.send_text(node.node_key, R"({"KeepAlive":true,"PeersRemoved":[1,2,3]})");
  settle();
  EXPECT_EQ(node.client.netmap().peers().size(), 1u);
}

TEST_F(ControlMap, repeats_what_the_stream_request_said_once_after_the_first_message) {
  Node& node = add();
  node.client.set_home_region(2, now);
  node.client.set_endpoints({{*Endpoint::parse("198.51.100.9:41641"), EndpointType::stun}}, now);
  NetInfo net_info;
  net_info.working_udp = true;
  net_info.preferred_derp = 77;
  node.client.set_net_info(net_info, now);
  pass(seconds(30));
  ASSERT_EQ(box.streams.size(), 1u);
  ASSERT_EQ(box.lite_updates.size(), 1u);
  const MapRequest& stream = box.streams[0];
  const MapRequest& lite = box.lite_updates[0];
  EXPECT_TRUE(stream.stream && !stream.omit_peers && stream.keep_alive);
  EXPECT_EQ(stream.compress, "zstd");
  EXPECT_TRUE(!lite.stream && lite.omit_peers);
  EXPECT_EQ(stream.hostinfo->net_info->preferred_derp, 2);
  EXPECT_EQ(stream.endpoint_types, std::vector{2});
  EXPECT_EQ(stream.disco_key, node.disco_key);
  EXPECT_EQ(lite.hostinfo, stream.hostinfo);
  EXPECT_EQ(lite.endpoints, stream.endpoints);
  EXPECT_EQ(lite.disco_key, stream.disco_key);
}

TEST_F(ControlMap, tells_the_owner_once_that_the_server_has_taken_the_home_region) {
  Node& node = add();
  box.moods.lite_status = 500;
  pass(milliseconds(5));
  node.client.set_home_region(3, now);
  pass(seconds(1));
  EXPECT_EQ(count<HomeRegionTold>(node), 0u) << "the server has not taken it yet";
  box.moods.lite_status = 200;
  pass(minutes(10));
  ASSERT_EQ(count<HomeRegionTold>(node), 1u);
  EXPECT_EQ(last<HomeRegionTold>(node).region, 3);
  node.client.set_home_region(4, now);
  pass(seconds(1));
  EXPECT_EQ(last<HomeRegionTold>(node).region, 4);
}

TEST_F(ControlMap, says_a_change_and_then_repeats_it_once_when_it_came_before_the_repetition) {
  Node& node = add();
  box.moods.lite_status = 500;
  pass(milliseconds(5));
  node.client.set_home_region(3, now);
  box.moods.lite_status = 200;
  box.lite_updates.clear();
  pass(seconds(40));
  ASSERT_EQ(box.lite_updates.size(), 2u);
  for (const MapRequest& lite : box.lite_updates) EXPECT_EQ(lite.hostinfo->net_info->preferred_derp, 3);
  node.client.set_home_region(4, now);
  pass(seconds(40));
  EXPECT_EQ(box.lite_updates.size(), 3u) << "later changes are said once";
  node.client.set_home_region(4, now);
  pass(seconds(40));
  EXPECT_EQ(box.lite_updates.size(), 3u) << "what is no change is not said";
}

TEST_F(ControlMap, joins_changes_that_come_together_into_one_update) {
  Node& node = join();
  box.lite_updates.clear();
  for (int region = 1; region <= 50; region++) node.client.set_home_region(region, now);
  pass(seconds(1));
  EXPECT_LE(box.lite_updates.size(), 2u);
  EXPECT_EQ(box.lite_updates.back().hostinfo->net_info->preferred_derp, 50);
}

TEST_F(ControlMap, tries_a_failed_update_again_more_slowly) {
  Node& node = join();
  box.moods.lite_status = 500;
  box.lite_updates.clear();
  node.client.set_home_region(9, now);
  pass(seconds(30));
  EXPECT_GE(box.lite_updates.size(), 5u);
  EXPECT_LE(box.lite_updates.size(), 30u);
  EXPECT_EQ(count<MapStreamLost>(node), 0u) << "the stream goes on";
}

TEST_F(ControlMap, publishes_no_more_endpoints_than_its_maximum) {
  Node& node = add();
  node.client.set_endpoints(std::vector<PublishedEndpoint>(1000), now);
  pass(a_moment);
  EXPECT_EQ(box.streams.at(0).endpoints.size(), endpoints_max);
}

}  // namespace
}  // namespace quoin::control

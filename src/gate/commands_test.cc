#include "gate/commands.h"

#include <gtest/gtest.h>

namespace quoin::gate {
namespace {

Result<Request, std::string> read(std::string_view line) {
  return decode_request(bytes_of(line));
}

TEST(Commands, every_request_comes_back_as_it_was_sent) {
  const std::vector<Request> requests = {
      OpenRequest{"mfp", "30m", {}, {}, ""},
      OpenRequest{"mfp", "4h", "web,tcp/8080", {"alice@example.com", "bob@example.com"}, "Fehler \"E 3.2\""},
      ExtendRequest{"mfp", "30m"},
      CloseRequest{"mfp"},
      CloseRequest{},
      StatusRequest{},
      StatusRequest{.watch = true},
  };
  for (const Request& request : requests) {
    const std::string line = encode(request);
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    const auto back = read(line);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(*back, request);
  }
}

TEST(Commands, requests_look_as_documented) {
  EXPECT_EQ(encode(OpenRequest{"mfp", "30m", "web", {"alice@example.com"}, "E 3.2"}),
            "{\"command\":\"open\",\"device\":\"mfp\",\"for\":\"30m\",\"services\":\"web\","
            "\"engineers\":[\"alice@example.com\"],\"reason\":\"E 3.2\"}\n");
  EXPECT_EQ(encode(CloseRequest{}), "{\"command\":\"close\",\"all\":true}\n");
  EXPECT_EQ(encode(StatusRequest{}), "{\"command\":\"status\"}\n");
  EXPECT_EQ(encode(StatusRequest{.watch = true}), "{\"command\":\"status\",\"watch\":true}\n");
}

TEST(Commands, a_list_left_out_and_an_empty_list_are_told_apart) {
  EXPECT_EQ(std::get<OpenRequest>(*read(R"({"command":"open","device":"mfp","for":"1m"})")).services, std::nullopt);
  EXPECT_EQ(std::get<OpenRequest>(*read(R"({"command":"open","device":"mfp","for":"1m","services":""})")).services, "");
}

TEST(Commands, refuses_what_is_no_request) {
  for (const std::string_view line : {
           "",
           "open mfp",
           "{}",
           "[]",
           "null",
           "{\"command\":\"open\"}",
           R"({"command":"open","device":"mfp"})",
           R"({"command":"open","for":"30m"})",
           R"({"command":"open","device":["mfp","laser"],"for":"30m"})",
           R"({"command":"open","device":"mfp","for":30})",
           R"({"command":"open","device":"mfp","for":"30m","all":true})",
           R"({"command":"open","device":"mfp","for":"30m","engineers":"alice"})",
           R"({"command":"open","device":"mfp","for":"30m","until":"never"})",
           R"({"command":"close"})",
           R"({"command":"close","all":false})",
           R"({"command":"close","device":"mfp","all":true})",
           R"({"command":"close","device":"mfp","for":"1m"})",
           R"({"command":"status","device":"mfp"})",
           R"({"command":"status","watch":"yes"})",
           R"({"command":"close","all":true,"watch":true})",
           R"({"command":"extend","device":"mfp","for":"1m","watch":false})",
           R"({"command":"extend","device":"mfp"})",
           R"({"command":"extend","for":"1m"})",
           R"({"command":"extend","all":true,"for":"1m"})",
           R"({"command":"extend","device":"mfp","for":"1m","services":"all"})",
           R"({"command":"extend","device":"mfp","for":"1m","engineers":["eve@example.com"]})",
           R"({"command":"extend","device":"mfp","for":"1m","reason":"more"})",
           R"({"command":"prolong","device":"mfp","for":"1m"})",
           R"({"command":"OPEN","device":"mfp","for":"1m"})",
           R"({"command":"status"} {"command":"status"})",
           "{\"command\":\"status\",\"x\":\"\xff\"}",
       }) {
    EXPECT_FALSE(read(line)) << line;
  }
}

TEST(Commands, requests_are_bounded) {
  const std::string start = R"({"command":"open","device":"mfp","for":"30m","reason":")";
  EXPECT_FALSE(read(start + std::string(request_bytes_max, 'x') + "\"}"));
  EXPECT_FALSE(read("{\"command\":" + std::string(1000, '[') + std::string(1000, ']') + "}"));
  std::string many = R"({"command":"open","device":"mfp","for":"30m","engineers":["a")";
  for (int i = 0; i < 200; i++) many += ",\"a\"";
  EXPECT_FALSE(read(many + "]}"));
}

TEST(Commands, replies_come_back_as_they_were_sent) {
  Reply reply;
  reply.code = ExitCode::not_reachable;
  reply.text = "line one\nline two \"quoted\"";
  EXPECT_EQ(*decode_reply(bytes_of(encode(reply))), reply);
  DeviceStatus device;
  device.device = "mfp";
  device.addresses = {"100.64.0.1"};
  device.engineers = {"*"};
  device.every_person = true;
  device.paths = {{"alice@example.com", "nodekey:00", "direct", "198.51.100.4:1"}};
  reply.open = std::vector{device};
  reply.devices = {"mfp", "laser"};
  reply.audit_works = false;
  EXPECT_EQ(*decode_reply(bytes_of(encode(reply))), reply);
  EXPECT_FALSE(decode_reply(bytes_of("{\"code\":7,\"text\":\"\"}")));
  EXPECT_FALSE(decode_reply(bytes_of("")));
}

TEST(Commands, status_for_scripts_has_every_member_even_when_nothing_is_open) {
  EXPECT_EQ(status_json(Reply{}), R"({"open":[],"devices":[],"audit_file":"","audit_head":"","audit_works":true})");
  Reply reply;
  reply.open = std::vector{DeviceStatus{}};
  EXPECT_EQ(
      status_json(reply),
      R"({"open":[{"device":"","state":"","name":"","addresses":[],"node_key":"","until":"","seconds_left":0,)"
      R"("ends_soon":false,"opened_by":"","reason":"","engineers":[],"every_person":false,"services":[],"relay":"","problem":"","device_problem":"","refused":"",)"
      R"("flows":0,"paths":[]}],"devices":[],"audit_file":"","audit_head":"","audit_works":true})");
}

}  // namespace
}  // namespace quoin::gate

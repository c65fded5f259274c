#include "derp/login.h"

#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "crypto/box.h"
#include "vectors/folder.h"

namespace quoin::derp {
namespace {

// Lines of "name = hex"; lines that begin with # say what they are.
std::map<std::string, Buffer> read_vector() {
  std::map<std::string, Buffer> out;
  std::ifstream in(vectors::path_of("derp/login.txt"));
  for (std::string line; std::getline(in, line);) {
    const std::size_t middle = line.find(" = ");
    if (line.starts_with('#') || middle == std::string::npos) continue;
    out[line.substr(0, middle)] = from_hex(line.substr(middle + 3)).value();
  }
  return out;
}

struct Keys {
  crypto::NodePrivateKey client;
  RelayPrivateKey relay;
};

Keys keys_of(std::map<std::string, Buffer>& vector) {
  return {.client = crypto::NodePrivateKey::from_bytes(Reader(vector["client_private"]).array<32>()),
          .relay = RelayPrivateKey::from_bytes(Reader(vector["relay_private"]).array<32>())};
}

TEST(DerpLogin, seals_and_opens_the_published_client_info) {
  auto vector = read_vector();
  ASSERT_FALSE(vector.empty());
  const auto [client, relay] = keys_of(vector);
  EXPECT_EQ(to_hex(relay.public_key().bytes()), to_hex(vector["relay_public"]));

  const auto sealed = seal_client_info(ClientInfo{}, client, relay.public_key(), Reader(vector["nonce"]).array<24>());
  ASSERT_TRUE(sealed);
  Buffer frame;
  append_frame(frame, FrameType::client_info, {*sealed});
  EXPECT_EQ(to_hex(frame), to_hex(vector["frame"]));

  const auto info = open_client_info({.client = client.public_key(), .box = Bytes(*sealed).subspan(32)}, relay);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->version, 2);
  EXPECT_TRUE(info->can_ack_pings);
}

TEST(DerpLogin, whoever_claims_a_key_without_holding_it_is_refused) {
  SeededRandom random(1);
  const auto client = crypto::NodePrivateKey::generate(random);
  const auto other = crypto::NodePrivateKey::generate(random);
  const auto relay = RelayPrivateKey::generate(random);
  const auto sealed = seal_client_info(ClientInfo{}, client, relay.public_key(), random);
  EXPECT_FALSE(open_client_info({.client = other.public_key(), .box = Bytes(*sealed).subspan(32)}, relay));
}

TEST(DerpLogin, only_the_client_opens_the_servers_answer) {
  SeededRandom random(1);
  const auto client = crypto::NodePrivateKey::generate(random);
  const auto other = crypto::NodePrivateKey::generate(random);
  const auto relay = RelayPrivateKey::generate(random);
  const ServerInfo info{.version = 2, .bytes_per_second = 1'000'000, .bytes_burst = 70'000};
  const auto box = seal_server_info(info, relay, client.public_key(), random);
  ASSERT_TRUE(box);
  const auto opened = open_server_info(*box, client, relay.public_key());
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->bytes_per_second, 1'000'000u);
  EXPECT_EQ(opened->bytes_burst, 70'000u);
  EXPECT_FALSE(open_server_info(*box, other, relay.public_key()));
}

TEST(DerpLogin, ignores_unknown_fields_and_refuses_what_is_not_json) {
  SeededRandom random(1);
  const auto client = crypto::NodePrivateKey::generate(random);
  const auto relay = RelayPrivateKey::generate(random);
  const auto key = crypto::BoxKey::between(client.secret_bytes(), relay.public_key().bytes());
  const auto opened = [&](std::string_view json) {
    const Buffer box = key->seal(bytes_of(json), random);
    return open_client_info({.client = client.public_key(), .box = box}, relay);
  };
  EXPECT_TRUE(opened(R"({"version":2,"meshKey":"00","AppName":"x","Later":[1,2]})"));
  EXPECT_FALSE(opened(""));
  EXPECT_FALSE(opened("{"));
  EXPECT_FALSE(opened(R"({"version":"two"})"));
}

TEST(DerpLogin, a_key_of_low_order_makes_no_login) {
  SeededRandom random(1);
  const auto client = crypto::NodePrivateKey::generate(random);
  EXPECT_FALSE(seal_client_info(ClientInfo{}, client, RelayPublicKey(), random));
}

}  // namespace
}  // namespace quoin::derp

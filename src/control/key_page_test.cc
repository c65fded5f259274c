#include "control/key_page.h"

#include <gtest/gtest.h>

namespace quoin::control {
namespace {

TEST(KeyPage, takes_the_current_key_and_ignores_the_legacy_one) {
  std::array<std::byte, 32> bytes;
  bytes.fill(std::byte{7});
  const crypto::MachinePublicKey key(bytes);
  EXPECT_EQ(parse_key_page(key_page(key)), key);
  EXPECT_EQ(parse_key_page(R"({"legacyPublicKey":"mkey:00","publicKey":")" + key.text() + R"("})"), key);
}

TEST(KeyPage, refuses_everything_else) {
  for (const std::string_view body :
       {"", "null", "{}", "[]", R"({"publicKey":""})", R"({"publicKey":"mkey:12"})", "<html></html>",
        "0707070707070707070707070707070707070707070707070707070707070707"}) {
    EXPECT_FALSE(parse_key_page(body)) << body;
  }
  EXPECT_FALSE(parse_key_page(R"({"publicKey":"mkey:)" + std::string(64, '0') + R"("})"));
}

}  // namespace
}  // namespace quoin::control

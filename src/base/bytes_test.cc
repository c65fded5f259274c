#include "base/bytes.h"

#include <gtest/gtest.h>

namespace quoin {
namespace {

TEST(Reader, yields_zeros_and_stays_failed_after_a_short_read) {
  const Buffer bytes = *from_hex("0102030405");
  Reader reader(bytes);
  EXPECT_EQ(reader.u16(), 0x0102);
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0u);
  EXPECT_FALSE(reader.done());
}

TEST(Reader, reads_either_byte_order) {
  const Buffer bytes = *from_hex("01020304050607080102030405060708");
  Reader reader(bytes);
  EXPECT_EQ(reader.u64(), 0x0102030405060708u);
  EXPECT_EQ(reader.u64(Endian::little), 0x0807060504030201u);
  EXPECT_TRUE(reader.done());
}

TEST(Writer, refuses_what_does_not_fit_and_keeps_what_did) {
  std::array<std::byte, 3> space{};
  Writer writer(space);
  writer.u16(0x0102);
  writer.u16(0x0304);
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(to_hex(writer.bytes()), "0102");
}

TEST(Hex, takes_only_whole_bytes_of_digits) {
  EXPECT_EQ(to_hex(*from_hex("00fFa5")), "00ffa5");
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
}

TEST(Base64, agrees_with_rfc_4648_section_10) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(bytes_of(plain)), coded);
    EXPECT_EQ(text_of(*from_base64(coded)), plain);
  }
  for (const std::string_view wrong : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "Zg==Zg==", "Z*8="}) {
    EXPECT_FALSE(from_base64(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace quoin

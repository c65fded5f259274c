#include "stun/messages.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "crypto/vectors_test.h"
#include "stun/fingerprint.h"

namespace quoin::stun {
namespace {

using crypto::bytes_at;
using crypto::read_vectors;
using crypto::text_at;

const TransactionId transaction = [] {
  TransactionId id;
  for (std::size_t i = 0; i < id.size(); i++) id[i] = static_cast<std::byte>(i);
  return id;
}();

// A message of any type around these attributes; what RFC 8489 asks of a header is right.
Buffer message(std::uint16_t type, Bytes attributes) {
  Buffer out(header_bytes);
  Writer writer(out);
  writer.u16(type);
  writer.u16(static_cast<std::uint16_t>(attributes.size()));
  writer.u32(0x2112a442);
  writer.put(transaction);
  append(out, attributes);
  return out;
}
Buffer response_with(std::string_view attributes_hex) {
  return message(0x0101, *from_hex(attributes_hex));
}

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

StunError error_of(const Result<Response, StunError>& result) {
  EXPECT_FALSE(result);
  return result ? StunError{} : result.error();
}
StunError error_of(const Result<TransactionId, StunError>& result) {
  EXPECT_FALSE(result);
  return result ? StunError{} : result.error();
}

TEST(StunVectors, of_the_rfc_and_of_tailscale_are_read_as_they_are_meant) {
  const auto file = read_vectors("stun/messages.json");
  int requests = 0, responses = 0;
  for (const auto& known : file.at("vectors").as_array()) {
    SCOPED_TRACE(std::string(text_at(known, "name")));
    const Buffer datagram = bytes_at(known, "message");
    EXPECT_TRUE(is_stun(datagram));
    if (text_at(known, "kind") == "request") {
      const auto id = parse_request(datagram, RequestForm::any);
      ASSERT_TRUE(id);
      EXPECT_EQ(to_hex(*id), text_at(known, "transaction"));
      EXPECT_EQ(parse_request(datagram, RequestForm::tailnode).has_value(), text_at(known, "name") == "request");
      EXPECT_EQ(error_of(parse_response(datagram)), StunError::other_kind);
      requests++;
    } else {
      const auto read = parse_response(datagram);
      ASSERT_TRUE(read);
      EXPECT_EQ(to_hex(read->transaction), text_at(known, "transaction"));
      EXPECT_EQ(read->mapped.text(), text_at(known, "mapped"));
      EXPECT_EQ(error_of(parse_request(datagram, RequestForm::any)), StunError::other_kind);
      responses++;
    }
  }
  EXPECT_EQ(requests, 2);
  EXPECT_EQ(responses, 4);
}

TEST(StunRequest, is_the_one_that_a_derper_answers) {
  const auto file = read_vectors("stun/messages.json");
  EXPECT_EQ(to_hex(request(transaction)), text_at(file.at("vectors").at(0), "message"));
}

TEST(StunRequest, is_refused_after_a_change_in_any_byte_but_the_transaction_and_after_every_cut) {
  const auto good = request(transaction);
  for (std::size_t i = 0; i < good.size(); i++) {
    auto changed = good;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(parse_request(changed, RequestForm::tailnode)) << i;  // the fingerprint covers the transaction too
    EXPECT_FALSE(parse_request(Bytes(good).first(i), RequestForm::any)) << i;
  }
  Buffer trailing = to_buffer(good);
  trailing.push_back(std::byte{0});
  EXPECT_EQ(error_of(parse_request(trailing, RequestForm::any)), StunError::not_stun);
}

TEST(StunRequest, may_be_bare_in_the_lenient_form_only) {
  const Buffer bare = message(0x0001, {});
  EXPECT_EQ(parse_request(bare, RequestForm::any), transaction);
  EXPECT_EQ(error_of(parse_request(bare, RequestForm::tailnode)), StunError::not_tailnode);
}

TEST(StunRequest, needs_both_the_name_and_the_fingerprint_in_the_strict_form) {
  const Buffer name_only = message(0x0001, *from_hex("802200087461696c6e6f6465"));
  EXPECT_TRUE(parse_request(name_only, RequestForm::any));
  EXPECT_EQ(error_of(parse_request(name_only, RequestForm::tailnode)), StunError::not_tailnode);

  const auto with_fingerprint = [](std::string_view attributes_hex) {
    Buffer attributes = *from_hex(attributes_hex);
    Buffer out = message(0x0001, attributes);
    Writer(MutableBytes(out).subspan(2)).u16(static_cast<std::uint16_t>(attributes.size() + 8));
    const std::uint32_t sum = fingerprint(out);
    out.resize(out.size() + 8);
    Writer writer(MutableBytes(out).last(8));
    writer.u32(0x80280004);
    writer.u32(sum);
    return out;
  };
  EXPECT_TRUE(parse_request(with_fingerprint("802200087461696c6e6f6465"), RequestForm::tailnode));
  for (const std::string_view other : {"", "802200087461696c6e6f6466", "802200077461696c6e6f6400", "80220000"}) {
    EXPECT_TRUE(parse_request(with_fingerprint(other), RequestForm::any)) << other;
    EXPECT_EQ(error_of(parse_request(with_fingerprint(other), RequestForm::tailnode)), StunError::not_tailnode);
  }
  Buffer followed = with_fingerprint("802200087461696c6e6f6465");
  append(followed, *from_hex("80220000"));
  Writer(MutableBytes(followed).subspan(2)).u16(static_cast<std::uint16_t>(followed.size() - header_bytes));
  EXPECT_EQ(error_of(parse_request(followed, RequestForm::any)), StunError::wrong_fingerprint);
}

TEST(StunResponse, is_the_same_after_writing_and_reading) {
  for (const std::string_view text : {"192.0.2.1:32853", "0.0.0.0:0", "255.255.255.255:65535", "33.18.164.66:8466",
                                      "[2001:db8::1]:3478", "[::]:0", "[2112:a442:1:203:405:607:809:a0b]:1"}) {
    const Buffer datagram = response(transaction, endpoint(text));
    EXPECT_EQ(datagram.size(), endpoint(text).address.is_v4() ? 32u : 44u);
    const auto read = parse_response(datagram);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->mapped, endpoint(text));
    EXPECT_EQ(read->transaction, transaction);
  }
}

TEST(StunResponse, from_a_dual_stack_relay_names_the_ipv4_address) {
  const auto file = read_vectors("stun/messages.json");
  const auto& vectors = file.at("vectors").as_array();
  const auto known =
      std::ranges::find_if(vectors, [](const auto& v) { return text_at(v, "name") == "dual_stack_derper"; });
  ASSERT_NE(known, vectors.end());
  const auto read = parse_response(bytes_at(*known, "message"));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->mapped.address.is_v4());
  EXPECT_EQ(read->mapped, endpoint("192.0.2.7:47939"));
}

// The three address attributes, each with another address; then one whose family does not exist.
constexpr std::string_view standard = "0020000800013326e112a643";  // 192.0.2.1:4660
constexpr std::string_view old = "8020000800013326e212a643";       // 195.0.2.1:4660
constexpr std::string_view plain = "0001000800011234c6336409";     // 198.51.100.9:4660
constexpr std::string_view family_3 = "0020000800033326e112a643";

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out += part;
  return out;
}

TEST(StunResponse, prefers_the_standard_attribute_then_the_old_one_then_the_plain_one) {
  const auto mapped = [](std::initializer_list<std::string_view> attributes) {
    return parse_response(response_with(joined(attributes))).value().mapped;
  };
  EXPECT_EQ(mapped({plain, old, standard}), endpoint("192.0.2.1:4660"));
  EXPECT_EQ(mapped({plain, old}), endpoint("195.0.2.1:4660"));
  EXPECT_EQ(mapped({plain}), endpoint("198.51.100.9:4660"));
  // An unreadable better one does not hide a readable worse one; of two of a kind the first counts.
  EXPECT_EQ(mapped({family_3, plain}), endpoint("198.51.100.9:4660"));
  EXPECT_EQ(mapped({standard, "002000080001332600000000"}), endpoint("192.0.2.1:4660"));
}

TEST(StunResponse, skips_attributes_it_does_not_know_with_their_padding) {
  const std::string integrity = "00080014" + std::string(40, '0');
  for (const std::string_view before : {std::string_view("7fff0000"), std::string_view("c00100016100ffff"),
                                        std::string_view("80220003616263ff"), std::string_view(integrity)}) {
    const auto read = parse_response(response_with(joined({before, standard})));
    ASSERT_TRUE(read) << before;
    EXPECT_EQ(read->mapped, endpoint("192.0.2.1:4660"));
  }
}

TEST(StunResponse, without_a_readable_address_is_refused) {
  for (const std::string_view attributes : {
           std::string_view(""), std::string_view("802200087461696c6e6f6465"), family_3,
           std::string_view("0020000800023326e112a643"),          // IPv6 in four bytes
           std::string_view("0020000400013326"),                  // no address
           std::string_view("00200000"),                          // nothing at all
           std::string_view("0020000900013326e112a64300000000"),  // a byte too many
           std::string_view("0020001400013326e112a643"
                            "000000000000000000000000"),  // IPv4 in sixteen
       }) {
    EXPECT_EQ(error_of(parse_response(response_with(attributes))), StunError::no_address) << attributes;
  }
}

TEST(StunResponse, whose_attributes_overrun_it_is_refused) {
  for (std::size_t length = 1; length < standard.size() / 2; length++) {
    EXPECT_EQ(error_of(parse_response(response_with(standard.substr(0, 2 * length)))), StunError::malformed) << length;
  }
  for (const std::string_view attributes :
       {"0020000900013326e112a643", "0020ffff00013326e112a643", "0020000800013326e112a6438022000161"}) {
    EXPECT_EQ(error_of(parse_response(response_with(attributes))), StunError::malformed) << attributes;
  }
}

TEST(StunResponse, of_an_error_or_another_method_is_another_kind) {
  for (const std::uint16_t type : {0x0001, 0x0011, 0x0111, 0x0102, 0x0103, 0x3fff}) {
    EXPECT_EQ(error_of(parse_response(message(type, {}))), StunError::other_kind) << type;
  }
}

TEST(StunResponse, longer_than_a_datagram_we_would_send_is_not_read) {
  const Buffer attributes(message_bytes_max - header_bytes + 4);
  EXPECT_EQ(error_of(parse_response(message(0x0101, attributes))), StunError::not_stun);
}

TEST(IsStun, looks_at_the_first_bits_and_the_cookie_and_at_nothing_else) {
  const auto good = request(transaction);
  EXPECT_TRUE(is_stun(good));
  EXPECT_FALSE(is_stun(Bytes(good).first(header_bytes - 1)));
  EXPECT_TRUE(is_stun(Bytes(good).first(header_bytes)));
  for (const std::size_t i : {4, 5, 6, 7}) {
    auto changed = good;
    changed[i] ^= std::byte{1};
    EXPECT_FALSE(is_stun(changed)) << i;
  }
  for (const std::uint8_t high_bit : {0x40, 0x80}) {
    auto changed = good;
    changed[0] |= std::byte{high_bit};
    EXPECT_FALSE(is_stun(changed));
  }
  // WireGuard's and disco's first bytes.
  Buffer wireguard(148);
  wireguard[0] = std::byte{1};
  EXPECT_FALSE(is_stun(wireguard));
  Buffer disco = *from_hex("5453f09f92ac");
  disco.resize(100);
  EXPECT_FALSE(is_stun(disco));
}

}  // namespace
}  // namespace quoin::stun

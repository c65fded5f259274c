#include "control/key_page.h"

#include "json/codec.h"

namespace quoin::control {
namespace {

struct KeyPage {
  crypto::MachinePublicKey public_key;
};

}  // namespace
}  // namespace quoin::control

template <>
struct quoin::json::Shape<quoin::control::KeyPage> {
  static constexpr auto members = std::tuple{member("publicKey", &quoin::control::KeyPage::public_key)};
};

namespace quoin::control {

std::optional<crypto::MachinePublicKey> parse_key_page(std::string_view body) {
  const auto page = json::read<KeyPage>(bytes_of(body), {.bytes_max = 64 * 1024, .values_max = 64});
  if (!page || page->public_key.is_zero()) return std::nullopt;
  return page->public_key;
}

std::string key_page(const crypto::MachinePublicKey& key) {
  return json::write(KeyPage{key});
}

}  // namespace quoin::control

// Any text read into a struct with one member of each kind: what was read must come back the same when written and read
// again, and what breaks the limits must be refused.
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "base/address.h"
#include "json/codec.h"

namespace {

struct Leaf {
  std::string text;
  std::optional<std::int64_t> number;
  bool operator==(const Leaf&) const = default;
};
struct Tree {
  bool on = false;
  double score = 0;
  std::uint64_t count = 0;
  std::int8_t small = 0;
  std::optional<std::string> text;
  std::vector<Leaf> leaves;
  std::map<std::int64_t, std::optional<Leaf>> by_id;
  std::map<std::string, std::vector<quoin::Prefix>> by_name;
  std::vector<quoin::Endpoint> endpoints;
  bool operator==(const Tree&) const = default;
};

}  // namespace

template <>
struct quoin::json::Shape<Leaf> {
  static constexpr auto members = std::tuple{member("Text", &Leaf::text), member("Number", &Leaf::number)};
};
template <>
struct quoin::json::Shape<Tree> {
  static constexpr auto members = std::tuple{member("On", &Tree::on),
                                             member("Score", &Tree::score),
                                             member("Count", &Tree::count),
                                             member("Small", &Tree::small),
                                             member("Text", &Tree::text),
                                             member("Leaves", &Tree::leaves),
                                             member("ByID", &Tree::by_id),
                                             member("ByName", &Tree::by_name),
                                             member("Endpoints", &Tree::endpoints, Elements::skipped)};
};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr quoin::json::Limits limits{.bytes_max = 4096, .values_max = 256, .depth_max = 16};
  std::vector<std::string> unknown;
  const auto tree = quoin::json::read<Tree>(std::as_bytes(std::span(data, size)), limits, &unknown);
  if (size > limits.bytes_max && tree) std::abort();
  if (!tree || unknown.size() > limits.values_max) return 0;
  const std::string written = quoin::json::write(*tree);
  const auto again = quoin::json::read<Tree>(quoin::bytes_of(written), {.bytes_max = 1 << 20, .values_max = 1 << 20});
  if (!again) std::abort();
  Tree expected = *tree;
  if (std::abs(again->score - expected.score) > 1e-13 * std::abs(expected.score)) std::abort();
  expected.score = again->score;  // see json.h on the last digits
  if (*again != expected) std::abort();
  return 0;
}

// For tests only: reads the JSON files of tests/vectors.
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "base/bytes.h"
#include "vectors/folder.h"

namespace quoin::crypto {

// Keep the value while anything in it is used. `path` is below tests/vectors. A file that is missing or broken is an
// exception, and so a failed test.
inline boost::json::value read_vectors(const std::string& path) {
  std::ifstream file(vectors::path_of(path));
  if (!file) throw std::runtime_error("no vector file " + path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return boost::json::parse(text);
}

inline std::string_view text_at(const boost::json::value& object, std::string_view name) {
  return std::string_view(object.at(name).as_string());
}

inline Buffer bytes_in(const boost::json::value& hex) {
  return from_hex(std::string_view(hex.as_string())).value();
}

inline Buffer bytes_at(const boost::json::value& object, std::string_view name) {
  return bytes_in(object.at(name));
}

// A key that is one byte over and over, written as two digits.
inline std::array<std::byte, 32> repeated_byte_at(const boost::json::value& object, std::string_view name) {
  std::array<std::byte, 32> out;
  out.fill(bytes_at(object, name).at(0));
  return out;
}

}  // namespace quoin::crypto

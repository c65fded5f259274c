// The templates behind encode and decode functions. Include it from .cc files only.
//
// A struct says how its members are called on the wire:
//
//     template <>
//     struct quoin::json::Shape<Hostinfo> {
//       static constexpr auto members = std::tuple{
//           member("OS", &Hostinfo::os), member("Services", &Hostinfo::services, Zero::written), ...};
//     };
//
// Members may be bool, integers, double, std::string, other shaped structs, std::optional, std::vector, std::map with
// text or integer keys (integers are decimal texts on the wire), any type with `static optional<T> parse(string_view)`
// and `string text() const` (addresses, prefixes, endpoints, keys), and enums whose words are listed:
//
//     template <>
//     struct quoin::json::Words<Verdict> {
//       static constexpr std::array list = {std::pair{Verdict::allowed, "allowed"}, std::pair{Verdict::refused,
//       "refused"}};
//     };
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/json/value.hpp>

#include "base/bytes.h"
#include "base/result.h"
#include "json/json.h"
#include "json/text.h"

namespace quoin::json {

enum class Zero : std::uint8_t { omitted, written };
// What becomes of list elements that cannot be read: strict refuses the whole text, skipped drops the element.
enum class Elements : std::uint8_t { strict, skipped };

template <class T>
struct Shape;  // specialised by every struct that is written or read
template <class E>
struct Words;  // specialised by every enum that is

template <class Struct, class T>
struct Member {
  std::string_view name;
  T Struct::* pointer;
  Zero zero;
  Elements elements;
};
template <class Struct, class T>
constexpr Member<Struct, T> member(std::string_view name, T Struct::* pointer, Zero zero = Zero::omitted,
                                   Elements elements = Elements::strict) {
  return {name, pointer, zero, elements};
}
template <class Struct, class T>
constexpr Member<Struct, T> member(std::string_view name, T Struct::* pointer, Elements elements) {
  return {name, pointer, Zero::omitted, elements};
}

template <class T>
std::string write(const T& value);
template <class T>
void write_to(std::string& out, const T& value);  // appends; a caller that wipes reserves first

// `unknown`, when given, receives the names of non-null members of the outermost object that its shape does not have.
template <class T>
Result<T, Error> read(Bytes text, const Limits& limits, std::vector<std::string>* unknown = nullptr);

// ---- what kinds of member there are -----------------------------------------------------------------------------

template <class T>
concept Shaped = requires { Shape<T>::members; };
template <class T>
concept Worded = std::is_enum_v<T> && requires { Words<T>::list; };
template <class T>
concept Textual = requires(const T& value, std::string_view text) {
  { T::parse(text) } -> std::same_as<std::optional<T>>;
  { value.text() } -> std::convertible_to<std::string>;
};
template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;

// ---- writing ----------------------------------------------------------------------------------------------------

namespace details {

template <class T>
bool is_zero(const T& value) {
  if constexpr (requires { value.is_zero(); }) {
    return value.is_zero();
  } else if constexpr (requires { value.empty(); }) {
    return value.empty();
  } else if constexpr (std::is_arithmetic_v<T>) {
    return value == T{};
  } else {
    return false;
  }
}
template <class T>
bool is_zero(const std::optional<T>&) {
  return false;
}
template <class T>
bool is_absent(const T&) {
  return false;
}
template <class T>
bool is_absent(const std::optional<T>& value) {
  return !value;
}

inline void append(std::string& out, bool value) {
  out += value ? "true" : "false";
}
inline void append(std::string& out, const std::string& value) {
  append_quoted(out, value);
}
inline void append(std::string& out, double value) {
  append_number(out, value);
}
template <Integer T>
void append(std::string& out, T value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}
template <Textual T>
void append(std::string& out, const T& value) {
  append_quoted(out, value.text());
}
template <Worded T>
void append(std::string& out, T value) {
  for (const auto& [each, word] : Words<T>::list) {
    if (each == value) return append_quoted(out, word);
  }
  append_quoted(out, "");
}
template <Shaped T>
void append(std::string& out, const T& value);
template <class T>
void append(std::string& out, const std::optional<T>& value);
template <class T>
void append(std::string& out, const std::vector<T>& values);
template <class K, class V>
void append(std::string& out, const std::map<K, V>& values);

template <class T>
void append(std::string& out, const std::optional<T>& value) {
  if (value) {
    append(out, *value);
  } else {
    out += "null";
  }
}
template <class T>
void append(std::string& out, const std::vector<T>& values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); i++) {
    if (i > 0) out += ',';
    append(out, static_cast<const T&>(values[i]));
  }
  out += ']';
}
template <class K, class V>
void append(std::string& out, const std::map<K, V>& values) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : values) {
    if (!std::exchange(first, false)) out += ',';
    if constexpr (Integer<K>) {
      out += '"';
      append(out, key);
      out += '"';
    } else {
      append(out, key);
    }
    out += ':';
    append(out, value);
  }
  out += '}';
}
template <Shaped T>
void append(std::string& out, const T& value) {
  out += '{';
  bool first = true;
  const auto each = [&](const auto& m) {
    const auto& field = value.*m.pointer;
    if (is_absent(field) || (m.zero == Zero::omitted && is_zero(field))) return;
    if (!std::exchange(first, false)) out += ',';
    append_quoted(out, m.name);
    out += ':';
    append(out, field);
  };
  std::apply([&](const auto&... members) { (each(members), ...); }, Shape<T>::members);
  out += '}';
}

// ---- reading ----------------------------------------------------------------------------------------------------
// Each function reads one value. On failure it says why in `reading.error`, whose path grows from the inside out.

using Value = boost::json::value;

struct Reading {
  std::size_t decoded_bytes_left;
  Error error{};
};
// Takes the room of `count` elements from what is left of decoded_bytes_max.
bool charge(Reading& reading, std::size_t count, std::size_t element_bytes);

bool fail(Reading& reading, ErrorKind kind);
bool fail_inside(Reading& reading, std::string_view name);  // puts a member's name before the path
bool fail_inside(Reading& reading, std::size_t index);      // puts "[index]" before the path
std::optional<std::string_view> as_text(const Value& from);
const boost::json::array* as_array(const Value& from);
const boost::json::object* as_object(const Value& from);
const Value* find(const boost::json::object& from, std::string_view name);  // nothing if missing or null
void note_unknown(const Value& from, const std::vector<std::string_view>& known, std::vector<std::string>& unknown);

bool take(const Value& from, bool& to, Reading& reading);
bool take(const Value& from, double& to, Reading& reading);
bool take(const Value& from, std::string& to, Reading& reading);
bool take_signed(const Value& from, std::int64_t& to, Reading& reading);
bool take_unsigned(const Value& from, std::uint64_t& to, Reading& reading);

template <Integer T>
bool take(const Value& from, T& to, Reading& reading) {
  using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
  Wide wide = 0;
  if constexpr (std::is_signed_v<T>) {
    if (!take_signed(from, wide, reading)) return false;
  } else {
    if (!take_unsigned(from, wide, reading)) return false;
  }
  if (!std::in_range<T>(wide)) return fail(reading, ErrorKind::out_of_range);
  to = static_cast<T>(wide);
  return true;
}
template <Textual T>
bool take(const Value& from, T& to, Reading& reading) {
  const auto text = as_text(from);
  if (!text) return fail(reading, ErrorKind::wrong_type);
  auto parsed = T::parse(*text);
  if (!parsed) return fail(reading, ErrorKind::bad_text);
  to = *std::move(parsed);
  return true;
}
template <Worded T>
bool take(const Value& from, T& to, Reading& reading) {
  const auto text = as_text(from);
  if (!text) return fail(reading, ErrorKind::wrong_type);
  for (const auto& [each, word] : Words<T>::list) {
    if (*text == word) {
      to = each;
      return true;
    }
  }
  return fail(reading, ErrorKind::bad_text);
}
template <Shaped T>
bool take(const Value& from, T& to, Reading& reading);
template <class T>
bool take(const Value& from, std::optional<T>& to, Reading& reading);
template <class T>
bool take(const Value& from, std::vector<T>& to, Reading& reading, Elements elements = Elements::strict);
template <class T>
bool take(const Value& from, std::optional<std::vector<T>>& to, Reading& reading, Elements elements);
template <class K, class V>
bool take(const Value& from, std::map<K, V>& to, Reading& reading);

template <class T>
bool take(const Value& from, std::optional<T>& to, Reading& reading) {
  if (from.is_null()) {
    to.reset();
    return true;
  }
  return take(from, to.emplace(), reading);
}
template <class T>
bool take(const Value& from, std::optional<std::vector<T>>& to, Reading& reading, Elements elements) {
  return take(from, to.emplace(), reading, elements);
}
template <class T>
bool take(const Value& from, std::vector<T>& to, Reading& reading, Elements elements) {
  const auto* array = as_array(from);
  if (array == nullptr) return fail(reading, ErrorKind::wrong_type);
  if (!charge(reading, array->size(), sizeof(T))) return false;
  to.clear();
  to.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); i++) {
    T element{};
    const Value& each = (*array)[i];
    if (!each.is_null() && !take(each, element, reading)) {  // null leaves a default element, as in Go
      if (elements == Elements::strict) return fail_inside(reading, i);
      reading.error = {};
      continue;
    }
    if (each.is_null() && elements == Elements::skipped) continue;
    to.push_back(std::move(element));
  }
  return true;
}
template <class K, class V>
bool take(const Value& from, std::map<K, V>& to, Reading& reading) {
  const auto* object = as_object(from);
  if (object == nullptr) return fail(reading, ErrorKind::wrong_type);
  constexpr std::size_t map_node_bytes = 64;  // what a tree costs besides key and value
  if (!charge(reading, object->size(), sizeof(K) + sizeof(V) + map_node_bytes)) return false;
  to.clear();
  std::size_t index = 0;
  for (const auto& each : *object) {
    K key{};
    const std::string_view text(each.key().data(), each.key().size());
    if constexpr (Integer<K>) {
      const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), key);
      if (text.empty() || bad != std::errc{} || end != text.data() + text.size()) {
        fail(reading, ErrorKind::bad_text);
        return fail_inside(reading, index);
      }
    } else {
      key = K(text);
    }
    V value{};
    if (!each.value().is_null() && !take(each.value(), value, reading)) return fail_inside(reading, index);
    to.insert_or_assign(std::move(key), std::move(value));
    index++;
  }
  return true;
}
template <Shaped T>
bool take(const Value& from, T& to, Reading& reading) {
  const auto* object = as_object(from);
  if (object == nullptr) return fail(reading, ErrorKind::wrong_type);
  const auto each = [&](const auto& m) {
    const Value* field = find(*object, m.name);
    if (field == nullptr) return true;
    auto& target = to.*m.pointer;
    bool taken = false;
    if constexpr (requires { take(*field, target, reading, m.elements); }) {
      taken = take(*field, target, reading, m.elements);
    } else {
      taken = take(*field, target, reading);
    }
    return taken || fail_inside(reading, m.name);
  };
  return std::apply([&](const auto&... members) { return (each(members) && ...); }, Shape<T>::members);
}

Result<Value, Error> parse(Bytes text, const Limits& limits);

}  // namespace details

template <class T>
void write_to(std::string& out, const T& value) {
  details::append(out, value);
}
template <class T>
std::string write(const T& value) {
  std::string out;
  details::append(out, value);
  return out;
}
template <class T>
Result<T, Error> read(Bytes text, const Limits& limits, std::vector<std::string>* unknown) {
  const auto value = details::parse(text, limits);
  if (!value) return std::unexpected(value.error());
  T out{};
  details::Reading reading{.decoded_bytes_left = limits.decoded_bytes_max};
  if (!details::take(*value, out, reading)) return std::unexpected(std::move(reading.error));
  if constexpr (Shaped<T>) {
    if (unknown != nullptr) {
      std::vector<std::string_view> known;
      std::apply([&](const auto&... members) { (known.push_back(members.name), ...); }, Shape<T>::members);
      details::note_unknown(*value, known, *unknown);
    }
  }
  return out;
}

}  // namespace quoin::json

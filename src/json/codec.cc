// The parts of the codec that are not templates: parsing within limits, and reading single values.
#include "json/codec.h"

#include <algorithm>
#include <cmath>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value_stack.hpp>

namespace quoin::json {
namespace {

using boost::json::error_code;
using View = boost::json::string_view;

// Builds the value that Boost's parser reads, and stops it at the limit of values.
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  explicit Builder(std::size_t values_max) : left_(values_max) {
    stack_.reset(boost::json::make_shared_resource<boost::json::monotonic_resource>());
  }

  bool stopped() const { return stopped_; }
  boost::json::value release() { return stack_.release(); }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& error) { return count(error); }
  bool on_array_begin(error_code& error) { return count(error); }
  bool on_object_end(std::size_t size, error_code&) {
    stack_.push_object(size);
    return true;
  }
  bool on_array_end(std::size_t size, error_code&) {
    stack_.push_array(size);
    return true;
  }
  bool on_key_part(View part, std::size_t, error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_key(View part, std::size_t, error_code&) {
    stack_.push_key(part);
    return true;
  }
  bool on_string_part(View part, std::size_t, error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(View part, std::size_t, error_code& error) {
    if (!count(error)) return false;
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(View, error_code&) { return true; }
  bool on_int64(std::int64_t number, View, error_code& error) {
    if (!count(error)) return false;
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, View, error_code& error) {
    if (!count(error)) return false;
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double number, View, error_code& error) {
    if (!count(error)) return false;
    stack_.push_double(number);
    return true;
  }
  bool on_bool(bool value, error_code& error) {
    if (!count(error)) return false;
    stack_.push_bool(value);
    return true;
  }
  bool on_null(error_code& error) {
    if (!count(error)) return false;
    stack_.push_null();
    return true;
  }
  bool on_comment_part(View, error_code&) { return true; }
  bool on_comment(View, error_code&) { return true; }

 private:
  bool count(error_code& error) {
    if (left_ > 0) {
      left_--;
      return true;
    }
    stopped_ = true;
    error = boost::json::error::array_too_large;
    return false;
  }

  boost::json::value_stack stack_;
  std::size_t left_;
  bool stopped_ = false;
};

std::string_view sentence(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::too_long: return "too long";
    case ErrorKind::too_many: return "too many values";
    case ErrorKind::too_deep: return "too deeply nested";
    case ErrorKind::malformed: return "not well-formed JSON";
    case ErrorKind::wrong_type: return "wrong type";
    case ErrorKind::out_of_range: return "number out of range";
    case ErrorKind::bad_text: return "unreadable text";
  }
  return "";
}

}  // namespace

std::string text(const Error& error) {
  std::string out(sentence(error.kind));
  if (!error.path.empty()) out += " at " + error.path;
  return out;
}

namespace details {

Result<Value, Error> parse(Bytes text, const Limits& limits) {
  if (text.size() > limits.bytes_max) return failure(Error{ErrorKind::too_long, {}});
  boost::json::parse_options options;
  options.max_depth = limits.depth_max;
  boost::json::basic_parser<Builder> parser(options, limits.values_max);
  error_code error;
  const std::string_view view = text_of(text);
  const std::size_t used = parser.write_some(false, view.data(), view.size(), error);
  if (parser.handler().stopped()) return failure(Error{ErrorKind::too_many, {}});
  if (error == boost::json::error::too_deep) return failure(Error{ErrorKind::too_deep, {}});
  if (error || !parser.done() || used != view.size()) return failure(Error{ErrorKind::malformed, {}});
  return parser.handler().release();
}

bool charge(Reading& reading, std::size_t count, std::size_t element_bytes) {
  if (count > reading.decoded_bytes_left / element_bytes) return fail(reading, ErrorKind::too_many);
  reading.decoded_bytes_left -= count * element_bytes;
  return true;
}

bool fail(Reading& reading, ErrorKind kind) {
  reading.error = {kind, {}};
  return false;
}

bool fail_inside(Reading& reading, std::string_view name) {
  std::string& path = reading.error.path;
  const bool joined = !path.empty() && path.front() != '[';
  path.insert(0, std::string(name) + (joined ? "." : ""));
  return false;
}

bool fail_inside(Reading& reading, std::size_t index) {
  std::string& path = reading.error.path;
  const bool joined = !path.empty() && path.front() != '[';
  path.insert(0, "[" + std::to_string(index) + "]" + (joined ? "." : ""));
  return false;
}

std::optional<std::string_view> as_text(const Value& from) {
  const auto* text = from.if_string();
  if (text == nullptr) return std::nullopt;
  return std::string_view(text->data(), text->size());
}

const boost::json::array* as_array(const Value& from) {
  return from.if_array();
}

const boost::json::object* as_object(const Value& from) {
  return from.if_object();
}

const Value* find(const boost::json::object& from, std::string_view name) {
  const Value* found = from.if_contains(View(name.data(), name.size()));
  return found == nullptr || found->is_null() ? nullptr : found;
}

void note_unknown(const Value& from, const std::vector<std::string_view>& known, std::vector<std::string>& unknown) {
  const auto* object = from.if_object();
  if (object == nullptr) return;
  for (const auto& each : *object) {
    const std::string_view name(each.key().data(), each.key().size());
    if (!each.value().is_null() && std::ranges::find(known, name) == known.end()) unknown.emplace_back(name);
  }
}

bool take(const Value& from, bool& to, Reading& reading) {
  if (!from.is_bool()) return fail(reading, ErrorKind::wrong_type);
  to = from.get_bool();
  return true;
}

bool take(const Value& from, double& to, Reading& reading) {
  if (from.is_double()) {
    if (!std::isfinite(from.get_double())) return fail(reading, ErrorKind::out_of_range);  // 1e999 reads as infinity
    to = from.get_double();
  } else if (from.is_int64()) {
    to = static_cast<double>(from.get_int64());
  } else if (from.is_uint64()) {
    to = static_cast<double>(from.get_uint64());
  } else {
    return fail(reading, ErrorKind::wrong_type);
  }
  return true;
}

bool take(const Value& from, std::string& to, Reading& reading) {
  const auto text = as_text(from);
  if (!text) return fail(reading, ErrorKind::wrong_type);
  to = *text;
  return true;
}

// Boost keeps integers up to 2^63-1 as int64 and beyond as uint64; what has a fraction or an exponent is a double, and
// no integer.
bool take_signed(const Value& from, std::int64_t& to, Reading& reading) {
  if (from.is_uint64() || from.is_double()) return fail(reading, ErrorKind::out_of_range);
  if (!from.is_int64()) return fail(reading, ErrorKind::wrong_type);
  to = from.get_int64();
  return true;
}

bool take_unsigned(const Value& from, std::uint64_t& to, Reading& reading) {
  if (from.is_uint64()) {
    to = from.get_uint64();
    return true;
  }
  if (from.is_double()) return fail(reading, ErrorKind::out_of_range);
  if (!from.is_int64()) return fail(reading, ErrorKind::wrong_type);
  if (from.get_int64() < 0) return fail(reading, ErrorKind::out_of_range);
  to = static_cast<std::uint64_t>(from.get_int64());
  return true;
}

}  // namespace details
}  // namespace quoin::json

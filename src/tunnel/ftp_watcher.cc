#include "tunnel/ftp_watcher.h"

#include <algorithm>
#include <array>
#include <utility>

namespace quoin::tunnel {
namespace {

constexpr std::string_view passive = "227 ";
constexpr std::string_view extended_passive = "229 ";
constexpr std::string_view security_begins = "234 ";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The decimal number that begins at `at`, which moves behind it.
std::optional<unsigned> number_at(std::string_view text, std::size_t& at, unsigned largest) {
  unsigned value = 0;
  const std::size_t begins = at;
  while (at < text.size() && is_digit(text[at])) {
    value = value * 10 + static_cast<unsigned>(text[at] - '0');
    if (value > largest) return std::nullopt;
    at++;
  }
  if (at == begins) return std::nullopt;
  return value;
}

// "h1,h2,h3,h4,p1,p2" at this place of the line.
std::optional<PassiveReply> passive_reply_at(std::string_view line, std::size_t begins) {
  std::array<unsigned, 6> numbers{};
  std::size_t at = begins;
  std::size_t address_ends = 0;
  for (std::size_t i = 0; i < numbers.size(); i++) {
    if (i > 0 && (at >= line.size() || line[at++] != ',')) return std::nullopt;
    const auto number = number_at(line, at, 255);
    if (!number) return std::nullopt;
    numbers[i] = *number;
    if (i == 3) address_ends = at;
  }
  const auto port = static_cast<std::uint16_t>(numbers[4] * 256 + numbers[5]);
  if (port == 0) return std::nullopt;
  return PassiveReply{begins, address_ends - begins, port};
}

void append(Buffer& to, std::string_view text) {
  const Bytes bytes = bytes_of(text);
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// Whether a line begins a reply of several lines: three digits and a hyphen (RFC 959, section 4.2).
bool begins_several(std::string_view line) {
  return line.size() >= 4 && std::ranges::all_of(line.substr(0, 3), is_digit) && line[3] == '-';
}

}  // namespace

std::optional<std::uint16_t> extended_passive_port(std::string_view line) {
  if (!line.starts_with(extended_passive)) return std::nullopt;
  const std::size_t opens = line.find('(');
  if (opens == std::string_view::npos || line.size() < opens + 7) return std::nullopt;  // "(|||1|)"
  const char bar = line[opens + 1];
  if (bar < 33 || bar > 126 || is_digit(bar)) return std::nullopt;
  if (line[opens + 2] != bar || line[opens + 3] != bar) return std::nullopt;
  std::size_t at = opens + 4;
  const auto port = number_at(line, at, 65535);
  if (!port || *port == 0 || at + 1 >= line.size() || line[at] != bar || line[at + 1] != ')') return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

// Where the numbers stand is not fixed, and there may be no parentheses (RFC 1123, section 4.1.2.6).
std::optional<PassiveReply> passive_reply(std::string_view line) {
  if (!line.starts_with(passive)) return std::nullopt;
  for (std::size_t at = passive.size(); at < line.size(); at++) {
    if (!is_digit(line[at]) || is_digit(line[at - 1])) continue;
    if (const auto found = passive_reply_at(line, at)) return found;
  }
  return std::nullopt;
}

void FtpWatcher::sent(Bytes to_device) {
  if (is_transparent_) return;
  for (const std::byte byte : to_device) {
    const char c = static_cast<char>(byte);
    if (c == '\n') {
      command_ended();
    } else if (command_.size() <= command_bytes_max) {
      command_ += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
}

void FtpWatcher::command_ended() {
  std::string_view command = command_;
  if (command.ends_with('\r')) command.remove_suffix(1);
  if (command == "PASV") asked_ = Asked::passive;
  if (command == "EPSV" || command.starts_with("EPSV ")) asked_ = Asked::extended_passive;
  command_.clear();
}

FtpWatcher::Passed FtpWatcher::handle(Bytes from_device) {
  Passed passed;
  passed.bytes.reserve(from_device.size() + line_.size());
  for (const std::byte byte : from_device) {
    if (is_transparent_ || is_too_long_) {
      passed.bytes.push_back(byte);
      if (byte == std::byte{'\n'}) is_too_long_ = false;
      continue;
    }
    line_ += static_cast<char>(byte);
    if (byte == std::byte{'\n'}) {
      line_ended(passed);
    } else if (line_.size() >= line_bytes_max) {
      append(passed.bytes, std::string_view(line_).substr(passed_));
      is_too_long_ = true;  // and no reply of ours
      asked_ = Asked::nothing;
      // It may still be the first line of several.
      if (ends_with_.empty() && begins_several(line_)) ends_with_ = line_.substr(0, 3) + " ";
      if (!ends_with_.empty() && line_.starts_with(ends_with_)) ends_with_.clear();
      line_.clear();
      passed_ = 0;
    } else if (!may_become_227()) {
      append(passed.bytes, std::string_view(line_).substr(passed_));
      passed_ = line_.size();
    }
  }
  return passed;
}

bool FtpWatcher::may_become_227() const {
  if (!overlay_ipv4_ || (!ends_with_.empty() && ends_with_ != passive)) return false;
  return passive.starts_with(line_) || line_.starts_with(passive);
}

void FtpWatcher::line_ended(Passed& passed) {
  const std::string line = std::exchange(line_, {});
  const std::size_t told = std::exchange(passed_, 0);
  const std::string_view unsaid = std::string_view(line).substr(told);
  const bool is_reply = ends_with_.empty() || line.starts_with(ends_with_);
  if (!is_reply) return append(passed.bytes, unsaid);
  ends_with_.clear();
  if (begins_several(line)) ends_with_ = line.substr(0, 3) + " ";
  const bool is_first_line_only = ends_with_ == passive || ends_with_ == extended_passive;
  const Asked asked = is_first_line_only ? Asked::nothing : std::exchange(asked_, Asked::nothing);
  if (line.starts_with(security_begins)) is_transparent_ = true;
  const auto port = asked == Asked::extended_passive ? extended_passive_port(line) : std::nullopt;
  if (port) passed.ports.push_back(*port);
  const auto reply = passive_reply(line);
  if (reply && asked == Asked::passive) passed.ports.push_back(reply->port);
  if (!reply || !overlay_ipv4_) return append(passed.bytes, unsaid);
  std::string address = overlay_ipv4_->text();
  std::ranges::replace(address, '.', ',');
  append(passed.bytes, std::string_view(line).substr(0, reply->at));
  append(passed.bytes, address);
  append(passed.bytes, std::string_view(line).substr(reply->at + reply->length));
}

Buffer FtpWatcher::finish() {
  Buffer rest;
  append(rest, std::string_view(line_).substr(passed_));
  line_.clear();
  passed_ = 0;
  return rest;
}

}  // namespace quoin::tunnel

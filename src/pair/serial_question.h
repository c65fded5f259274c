// What the gate asks quoin-snmp, the short-lived program that reads a device's serial number, and what that answers.
// One packet each way; with the question comes one connected UDP socket.
//
//     question    community                 1 to 64 bytes
//     answer      outcome, serial number    one byte; then 1 to 64 bytes if it was read, else none
//
// The gate takes the answer for hostile: the program has read what a stranger on the customer's network sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace quoin::pair {

constexpr std::size_t serial_bytes_max = 64;
constexpr std::size_t community_bytes_max = 64;
constexpr Duration serial_try = milliseconds(1500);  // from one request to the next
constexpr int serial_tries_v2c = 3;
constexpr int serial_tries_v1 = 1;  // for devices that know nothing newer
constexpr Duration serial_wait = serial_try * (serial_tries_v2c + serial_tries_v1);

bool is_serial(std::string_view text);     // printable ASCII without spaces at its ends
bool is_community(std::string_view text);  // printable ASCII

enum class SerialOutcome : std::uint8_t {
  read,
  silent,      // nothing came: SNMP is off there, the community is another, or nobody is there
  unreadable,  // an answer came, and no serial number in it
};
struct SerialAnswer {
  SerialOutcome outcome = SerialOutcome::silent;
  std::string serial;  // if it was read
  bool operator==(const SerialAnswer&) const = default;
};

Buffer encode_question(std::string_view community);
std::optional<std::string> decode_question(Bytes packet);
Buffer encode(const SerialAnswer& answer);
std::optional<SerialAnswer> decode_answer(Bytes packet);

// What a device sent as its serial number, trimmed of the spaces and zeros that some pad it with.
SerialAnswer serial_answer_of(Bytes sent);

}  // namespace quoin::pair

// What the gate asks quoin-snmp, the short-lived program that reads a device's serial number, and what that answers.
// One packet each way; with the question comes one connected UDP socket.
//
//     question    version, community        one byte; 1 to 64 bytes
//     answer      outcome, version, text    one byte each; the serial number, 1 to 64 bytes, or what came instead, 0 to
//     64
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
constexpr int serial_tries_first = 3;                // in the version that is asked first
constexpr int serial_tries_other = 1;
constexpr int serial_tries_after = 2;  // of other questions, after an answer without a serial number
constexpr Duration serial_wait = serial_try * (serial_tries_first + serial_tries_other + serial_tries_after);

bool is_serial(std::string_view text);     // printable ASCII without spaces at its ends
bool is_community(std::string_view text);  // printable ASCII

enum class SerialOutcome : std::uint8_t {
  read,
  silent,      // nothing came: SNMP is off there, the community is another, or nobody is there
  unreadable,  // an answer came, and no serial number in it
};
enum class SnmpVersion : std::uint8_t { v2c, v1 };  // many devices know v1 alone, or answer some questions only there
struct SerialAnswer {
  SerialOutcome outcome = SerialOutcome::silent;
  std::string text = {};                   // the serial number; if it was unreadable, what came, for people
  SnmpVersion version = SnmpVersion::v2c;  // in which it was answered
  bool operator==(const SerialAnswer&) const = default;
};
struct SerialQuestion {
  std::string community;
  SnmpVersion first = SnmpVersion::v2c;  // the other one follows if nothing, or an error, comes
  bool operator==(const SerialQuestion&) const = default;
};

Buffer encode(const SerialQuestion& question);
std::optional<SerialQuestion> decode_question(Bytes packet);
Buffer encode(const SerialAnswer& answer);
std::optional<SerialAnswer> decode_answer(Bytes packet);

// What a device sent as its serial number, in the one form that is compared: without what cannot be printed, and
// spaces, at its front; up to a NUL; and without the same at its back. Devices put line ends, tabs, NULs, 0xFF and byte
// order marks there, and rubbish behind a NUL.
SerialAnswer serial_answer_of(Bytes sent);
std::string shown(Bytes sent);  // for people: in quotes, bytes that cannot be printed as \xHH, at most 64 bytes

}  // namespace quoin::pair

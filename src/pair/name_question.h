// What the gate asks quoin-resolver, the process of each session that reads what name servers answer, and what that
// answers. One packet each way for each name, in any order. With a question come the host table (hosts(5)), if there is
// one, and then UDP sockets that are connected to the name servers, in the order in which these are to be asked.
//
//     question    number (4 bytes, little-endian), 1 or 0 for with or without the host table, name (1 to 253 bytes)
//     answer      number, outcome (one byte), then, if it was found, 1 to 16 addresses of 1 + 4 or 1 + 16 bytes, each
//                 after its family: 4 or 6
//
// The gate takes the answer for hostile: the process has read what anybody may have sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"

namespace quoin::pair {

constexpr std::size_t name_bytes_max = 253;  // RFC 1035, section 3.1, as text
constexpr std::size_t addresses_of_name_max = 16;
constexpr std::size_t name_servers_max = 3;  // resolver(3), MAXNS

bool is_name(std::string_view text);  // of letters, digits, '-', '.' and '_'

struct NameQuestion {
  std::uint32_t number = 0;
  bool with_host_table = false;
  std::string name;
  bool operator==(const NameQuestion&) const = default;
};
enum class NameOutcome : std::uint8_t {
  found,
  not_found,  // it has no address, or there is no such name
  failed,     // no server answers in time, or none is known
};
struct NameAnswer {
  std::uint32_t number = 0;
  NameOutcome outcome = NameOutcome::failed;
  std::vector<IpAddress> addresses = {};  // if it was found
  bool operator==(const NameAnswer&) const = default;
};

Buffer encode(const NameQuestion& question);
std::optional<NameQuestion> decode_name_question(Bytes packet);
Buffer encode(const NameAnswer& answer);
std::optional<NameAnswer> decode_name_answer(Bytes packet);

// The addresses that a host table has for a name: lines of an address and its names, '#' begins a comment.
std::vector<IpAddress> addresses_in_host_table(std::string_view table, std::string_view name);

}  // namespace quoin::pair

// The TCP header (RFC 9293, section 3.1).
//
//      0                   1                   2                   3
//      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//     +-------------------------------+-------------------------------+
//     |          source port          |       destination port        |
//     +---------------------------------------------------------------+
//     |                        sequence number                        |
//     +---------------------------------------------------------------+
//     |                     acknowledgment number                     |
//     +-------+-------+---------------+-------------------------------+
//     | offset| zero  |C|E|U|A|P|R|S|F|            window             |
//     +-------------------------------+-------------------------------+
//     |           checksum            |        urgent pointer         |
//     +-------------------------------+-------------------------------+
//     |                  options, padded to 4 bytes                   |
//     +---------------------------------------------------------------+
//
// The checksum covers a pseudo-header of the IP layer, so whoever has that verifies and fills it.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "netstack/tcp/options.h"
#include "netstack/tcp/segment.h"

namespace quoin::netstack::tcp {

inline constexpr std::size_t header_bytes_min = 20;
inline constexpr std::size_t header_bytes_max = 60;
inline constexpr std::size_t checksum_offset = 16;

struct Header {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  Flags flags{};
  std::uint16_t window = 0;
  Options options{};

  std::size_t length() const { return header_bytes_min + options.length(); }
};

enum class HeaderError {
  truncated,   // shorter than a header
  bad_offset,  // the header would be shorter than 20 bytes or longer than the packet
  bad_port,    // port 0 is nobody's
};

struct ParsedPacket {
  Header header;
  Bytes payload;  // borrowed from the packet
};

// `packet` starts at the TCP header and ends where the IP payload ends. The checksum is not looked at.
Result<ParsedPacket, HeaderError> parse_packet(Bytes packet);

// Writes header.length() bytes with checksum and urgent pointer zero; `out` has at least that many. Returns the length.
std::size_t write_header(const Header& header, MutableBytes out);

}  // namespace quoin::netstack::tcp

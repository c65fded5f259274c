// Datagrams that come in fragments, until they are whole (RFC 791, section 3.2; RFC 8200, section 4.5).
//
// Nothing of a datagram goes on before all of it is there, so that filters and services are judged by its real ports
// and no fragment can put on what another one says (RFC 1858, RFC 3128). An overlap of any kind gives the whole
// datagram up, with those of its fragments that still come (RFC 5722); a fragment that comes twice, to the byte, is no
// overlap.
//
// The bounds are shared by all who send. Where one is reached, whoever holds the most of it loses their oldest
// datagram: who floods displaces themselves, and others still find room.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "netstack/wire/ip.h"

namespace quoin::netstack {

enum class FragmentRefusal : std::uint8_t {
  tiny,     // a first one without its whole transport header, or a later one that begins inside that
  overlap,  // with another one, or with the end of the datagram
  too_many_parts,
  abandoned,  // of a datagram that was given up for one of the last two
  no_room,    // more is under way than may be
  timed_out,  // the rest did not come
};
constexpr std::size_t fragment_refusals = 6;

class Reassembly {
 public:
  static constexpr std::size_t datagrams_max = 64;
  static constexpr std::size_t bytes_max = 1 << 20;  // with what is kept beside the payload
  static constexpr std::size_t parts_max = 128;      // of one datagram: the longest one in 512 bytes each
  static constexpr Duration patience = seconds(30);  // from the first fragment that came to the last

  // Of TCP, UDP or ICMP. A datagram that is whole now is borrowed until the next call; nothing: it is not yet. What is
  // refused is this fragment; what it cost others is told by poll_given_up.
  Result<std::optional<IpPacket>, FragmentRefusal> add(const IpFragment& fragment, Instant now);
  void remove_of(const IpAddress& address);  // from there or to there
  void handle_timeout(Instant now);
  std::optional<Instant> poll_timeout() const;

  struct GivenUp {
    FragmentRefusal why;
    Buffer first;  // its first fragment, as a packet; empty if that did not come
  };
  std::optional<GivenUp> poll_given_up();  // drain it after add and handle_timeout

  std::size_t datagrams() const { return datagrams_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  // What a datagram and each of its fragments take beside their payload.
  static constexpr std::size_t datagram_bytes = 320;
  static constexpr std::size_t part_bytes = 96;

  struct Key {
    IpAddress source;
    IpAddress destination;
    std::uint32_t identification;
    std::uint8_t protocol;  // of IPv4; of IPv6 it does not count
    bool operator==(const Key&) const = default;
  };
  struct Datagram {
    Key key;
    Instant gives_up_at;
    Buffer first_header;        // once that one is there
    std::uint8_t protocol = 0;  // as the first one has it, likewise
    std::uint8_t hop_limit = 0;
    std::map<std::size_t, Buffer> parts;  // by offset
    std::size_t payload_bytes = 0;
    std::optional<std::size_t> end;  // once the last one is there
    bool abandoned = false;
    std::size_t bytes() const { return datagram_bytes + payload_bytes + parts.size() * part_bytes; }
    bool whole() const { return end && payload_bytes == *end; }
  };
  enum class Fits : std::uint8_t { yes, known, no };

  static Key key_of(const IpFragment& fragment);
  static Fits fits(const Datagram& datagram, const IpFragment& fragment);
  std::vector<Datagram>::iterator find(const Key& key);
  bool is_full(std::size_t more_datagrams, std::size_t more_bytes) const;
  void make_room(std::size_t datagrams, std::size_t bytes);
  void give_up(std::vector<Datagram>::iterator datagram, FragmentRefusal why);
  void abandon(Datagram& datagram, FragmentRefusal why);
  void tell(const Datagram& datagram, FragmentRefusal why);
  IpPacket put_together(const Datagram& datagram);

  std::vector<Datagram> datagrams_;  // the oldest first
  std::size_t bytes_ = 0;
  std::vector<GivenUp> given_up_;
  Buffer whole_;
};

}  // namespace quoin::netstack

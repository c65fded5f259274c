// The connections of people who want something stopped. Served by a thread that may wait for nothing: each call returns
// at once and allocates nothing, and whatever the other side sends or does not take holds up nobody.
//
// One line is asked, one is answered. Every user has a few places, of which a newcomer takes the oldest that has not
// asked yet, and root has some that nobody else can take. Since one person may be many users (user_namespaces(7)),
// where all places are taken a newcomer takes the oldest of anybody that has not asked: who connects and asks is heard.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "base/time.h"
#include "io/closer.h"
#include "io/descriptor.h"

struct pollfd;

namespace quoin::io {

class StopSocket {
 public:
  static constexpr std::size_t places = 64;
  static constexpr std::size_t places_of_one_user = 4;  // root has no such limit
  static constexpr std::size_t places_kept_for_root = 8;
  static constexpr std::size_t line_bytes_max = 1024;
  static constexpr Duration patience = seconds(2);  // until its line has come whole, and again until it is answered

  using Ticket = std::uint64_t;
  using Asked = std::function<void(Ticket, std::uint32_t user, std::string_view line)>;

  StopSocket(Descriptor listening, Closer& closer) : listening_(std::move(listening)), closer_(closer) {}
  ~StopSocket();
  StopSocket(const StopSocket&) = delete;
  StopSocket& operator=(const StopSocket&) = delete;

  static constexpr std::size_t polled_max = places + 1;
  std::size_t fill(std::span<pollfd, polled_max> polled, Instant now) const;  // what to wait for; how many
  std::optional<Instant> next_end(Instant now) const;  // when a place falls free for want of patience

  void serve(Instant now, const Asked& asked);        // takes what has come; `asked` may answer
  void answer(Ticket ticket, std::string_view line);  // and is done; nothing if they have gone

 private:
  struct Place {
    Descriptor socket;
    Ticket ticket = 0;
    std::uint32_t user = 0;
    Instant until{};
    bool has_asked = false;
    std::size_t filled = 0;
    std::array<char, line_bytes_max> line{};
  };

  bool accept(Instant now);
  Place* room_for(std::uint32_t user);
  void read(Place& place, Instant now, const Asked& asked);
  void leave(Place& place);

  Descriptor listening_;
  Closer& closer_;
  std::array<Place, places> places_;
  Ticket last_ticket_ = 0;
  Instant accepts_again_{};  // after a refusal that would repeat at once, such as no descriptor left
};

}  // namespace quoin::io

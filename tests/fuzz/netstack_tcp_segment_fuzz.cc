// A hostile peer: any segments, near what the connection expects and far from it, with calls and time between them.
//
// Each input is a list of operations. What must hold after each: the promised window does not shrink, no more is in
// flight than the peer ever allowed, memory stays bounded, a deadline is not in the past once it was served, and
// nothing follows the closed event.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "base/bytes.h"
#include "netstack/tcp/active_open.h"
#include "netstack/tcp/connection.h"
#include "netstack/wire/tcp.h"

using namespace quoin;
using namespace quoin::netstack::tcp;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

class Play {
 public:
  explicit Play(Bytes script) : in_(script) {
    const std::uint8_t kind = in_.u8();
    Config config{.initial_sequence = 0xffff'fff0,
                  .timestamp_offset = 0xffff'0000,
                  .receive_limit = std::size_t{2'500} << (kind & 7),
                  .send_limit = std::size_t{1'000} << (kind >> 3 & 7)};
    if (kind & 0x40) config.keepalive = Keepalive{};
    limit_ = std::bit_ceil(std::max(config.receive_limit, Ring::capacity_min) + 256) +
             std::bit_ceil(std::max(config.send_limit, Ring::capacity_min)) + 4 * config.send_limit + 32'768;
    if (kind & 0x80) {
      tcp_.emplace(connect(config, now_));
    } else {
      const Options options = Options::parse(in_.take(in_.u8() % 21));
      tcp_.emplace(
          Connection::accept({.sequence = 0xffff'ff00, .window = in_.u16(), .options = options}, config, now_));
    }
    drain();
  }

  void run() {
    while (in_.remaining() > 0) {
      step(in_.u8());
      drain();
      check();
    }
  }

 private:
  void step(std::uint8_t operation) {
    switch (operation % 8) {
      case 0:
      case 1:
      case 2:
      case 3: return arrive(operation >> 3);
      case 4: now_ += milliseconds(in_.u8()); return serve();
      case 5: {
        if (const auto due = tcp_->poll_timeout()) now_ = std::max(now_, *due);
        return serve();
      }
      case 6: {
        const Buffer text(in_.u16());
        tcp_->write(text, now_);
        return;
      }
      case 7:
        if (operation >> 3 == 0) return tcp_->finish(now_);
        if (operation >> 3 == 1) return tcp_->abort(now_);
        if (operation >> 3 == 2) return tcp_->set_mss(in_.u16());
        if (operation >> 3 == 3) return tcp_->release_idle_memory();
        return tcp_->consume(std::min<std::size_t>(tcp_->readable_bytes(), in_.u16()), now_);
    }
  }

  void serve() {
    if (const auto due = tcp_->poll_timeout(); due && *due <= now_) tcp_->handle_timeout(now_);
  }

  void arrive(int shape) {
    Segment segment;
    const auto near = [&](Position position, std::uint8_t range) {
      const std::int32_t by = static_cast<std::int16_t>(in_.u16());
      return on_wire(position) + static_cast<std::uint32_t>(range == 0 ? 0 : range == 1 ? by % 64 : by * 64);
    };
    const std::uint8_t ranges = in_.u8();
    segment.sequence = near(tcp_->receiver().next(), ranges & 3);
    const Sender& sender = tcp_->sender();
    segment.acknowledgment = near((ranges & 0x10) ? sender.una() : sender.next_position(), ranges >> 2 & 3);
    segment.flags = Flags::from_byte(in_.u8());
    if (shape & 1) segment.flags = {.ack = true};
    segment.window = in_.u16();
    if (shape & 2) segment.options = Options::parse(in_.take(in_.u8() % 41));
    if (shape & 4) {
      const std::uint32_t left = on_wire(sender.una()) + in_.u16();
      segment.options.sack.add({.left = left, .right = left + in_.u16()});
    }
    if (shape & 8) {
      const auto clock = static_cast<std::uint32_t>(now_.since_zero / milliseconds(1)) + 0xffff'0000;
      segment.options.timestamps = Timestamps{.value = ++peer_clock_, .echo = clock - in_.u8()};
    }
    static const Buffer text(8'192);
    const std::array<Bytes, 2> payload{Bytes(text).first(in_.u16() % 4'096), Bytes(text).first(in_.u8())};
    if (shape & 16) segment.payload = payload;
    tcp_->handle_segment(segment, now_);
  }

  void drain() {
    for (int i = 0;; i++) {
      require(i < 100'000);
      const auto out = tcp_->poll_transmit(now_);
      if (!out) break;
      require(out->payload_bytes() <= Outgoing::payload_bytes_max);
      require(out->payload_bytes() == 0 || out->mss > 0);
      std::array<std::byte, header_bytes_max> header;
      write_header({.sequence = out->sequence, .flags = out->flags, .options = out->options}, header);
    }
    while (const auto event = tcp_->poll_event()) {
      require(!closed_);
      closed_ = event->kind == EventKind::closed;
    }
  }

  void check() {
    serve();
    drain();
    const auto due = tcp_->poll_timeout();
    require(!due || *due > now_);
    require(tcp_->receiver().window_edge() >= edge_);
    edge_ = tcp_->receiver().window_edge();
    require(tcp_->sender().outstanding() <= tcp_->sender().window_max() + 1);
    require(tcp_->memory_used() <= limit_);
    require(!closed_ || tcp_->closed());
  }

  Reader in_;
  std::optional<Connection> tcp_;
  Instant now_{seconds(100)};
  std::size_t limit_ = 0;
  Position edge_ = 0;
  std::uint32_t peer_clock_ = 1'000;
  bool closed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  Play(std::as_bytes(std::span(data, size))).run();
  return 0;
}

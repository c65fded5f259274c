// Two honest connections and a path that the input plays: which packet arrives next, which is lost, repeated or
// overtaken, how much time passes, what the two applications do.
//
// What must hold after each operation: what was read is a prefix of what was written, no more is in flight than the
// window allowed, memory stays bounded, nothing follows the closed event. And at the end, when the path behaves for
// long enough and both read everything, all that was written has arrived or a connection was given up.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "netstack/tcp/active_open.h"
#include "netstack/tcp/connection.h"
#include "netstack/tcp/reset.h"
#include "netstack/wire/tcp.h"

using namespace quoin;
using namespace quoin::netstack::tcp;

namespace {

constexpr std::size_t operations_max = 4'096;
constexpr std::size_t packets_max = 512;  // on their way in one direction; more are lost
constexpr std::uint64_t written_max = 1 << 20;

void require(bool holds) {
  if (!holds) std::abort();
}

std::byte at(std::uint64_t offset, std::uint64_t pattern) {
  return static_cast<std::byte>((offset * 0x9e3779b97f4a7c15 + pattern) >> 48);
}

struct End {
  std::optional<Connection> tcp;
  Config config;
  std::uint64_t pattern = 0;
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  bool finished = false;
  bool closed = false;
  bool well = false;      // closed with everything delivered
  bool given_up = false;  // closed for want of progress
  std::deque<Buffer> arriving;
};

class Play {
 public:
  explicit Play(Bytes script) : in_(script) {
    const std::uint8_t kind = in_.u8();
    for (End* end : {&a_, &b_}) {
      end->config.initial_sequence = end == &a_ ? 0xffff'ff00 : 0xffff'f000;
      end->config.timestamp_offset = 0xffff'ff00;
      end->config.receive_limit = std::size_t{2'500} << (kind & 7);
      end->config.send_limit = std::size_t{2'000} << (kind >> 3 & 3);
      end->config.timestamps = (kind & 0x20) != 0;
      end->config.sack = (kind & 0x40) != 0;
      end->config.congestion = (kind & 0x80) != 0 ? CongestionKind::new_reno : CongestionKind::cubic;
      end->pattern = end == &a_ ? 1 : 2;
    }
    a_.tcp.emplace(connect(a_.config, now_));
    settle();
  }

  void run() {
    for (std::size_t i = 0; i < operations_max && in_.remaining() > 0; i++) {
      const std::uint8_t operation = in_.u8();
      step(operation & 1 ? a_ : b_, operation & 1 ? b_ : a_, operation >> 1);
      settle();
    }
    finish_well();
  }

 private:
  void step(End& end, End& peer, int operation) {
    const int amount = operation >> 3;
    switch (operation & 7) {
      case 0:
      case 1:
        for (int i = 0; i <= amount && !end.arriving.empty(); i++) arrive(end, 0);
        return;
      case 2:
        if (!end.arriving.empty()) end.arriving.pop_front();
        return;
      case 3:
        if (!end.arriving.empty()) end.arriving.push_back(end.arriving.front());
        return;
      case 4:
        if (!end.arriving.empty()) arrive(end, static_cast<std::size_t>(amount) % end.arriving.size());
        return;
      case 5:
        now_ += milliseconds(std::int64_t{1} << (amount & 15));
        serve(end);
        serve(peer);
        return;
      case 6: return write(end, std::size_t{1} << amount);
      case 7:
        if (amount == 15 && !end.finished && end.tcp) {
          end.finished = true;
          end.tcp->finish(now_);
        } else if (amount == 14 && end.tcp) {
          end.tcp->set_receive_limit(in_.u16());
        } else if (amount == 13 && end.tcp) {
          end.tcp->release_idle_memory();
        } else {
          read(end, peer, std::size_t{1} << amount);
        }
        return;
    }
  }

  void write(End& end, std::size_t wanted) {
    if (!end.tcp || end.finished || end.written > written_max) return;
    std::size_t filled = 0;
    for (const MutableBytes part : end.tcp->write_space(wanted)) {
      for (std::byte& byte : part) byte = at(end.written + filled++, end.pattern);
    }
    end.tcp->commit(filled, now_);
    end.written += filled;
  }

  void read(End& end, const End& peer, std::size_t wanted) {
    if (!end.tcp) return;
    std::size_t taken = 0;
    for (const Bytes part : end.tcp->readable()) {
      for (const std::byte byte : part) {
        if (taken == wanted) break;
        require(byte == at(end.read + taken++, peer.pattern));
      }
    }
    end.tcp->consume(taken, now_);
    end.read += taken;
    require(end.read <= peer.written);
  }

  void arrive(End& end, std::size_t index) {
    const Buffer packet = end.arriving[index];
    end.arriving.erase(end.arriving.begin() + static_cast<std::ptrdiff_t>(index));
    const auto parsed = parse_packet(packet);
    require(parsed.has_value());
    const Header& header = parsed->header;
    const std::array<Bytes, 1> payload{parsed->payload};
    const Segment segment{.sequence = header.sequence,
                          .acknowledgment = header.acknowledgment,
                          .flags = header.flags,
                          .window = header.window,
                          .options = header.options,
                          .payload = payload};
    if (end.tcp && end.tcp->state() == State::closed) {
      if (const auto reset = reset_for(segment)) send(*reset, &end == &a_ ? b_ : a_);
    } else if (end.tcp) {
      end.tcp->handle_segment(segment, now_);
    } else if (const auto syn = Syn::from(segment)) {
      end.tcp.emplace(Connection::accept(*syn, end.config, now_));
    }
  }

  void serve(End& end) {
    if (!end.tcp) return;
    const auto due = end.tcp->poll_timeout();
    if (due && *due <= now_) end.tcp->handle_timeout(now_);
  }

  void settle() {
    settle(a_, b_);
    settle(b_, a_);
  }

  void settle(End& end, End& peer) {
    if (!end.tcp) return;
    serve(end);
    for (int i = 0;; i++) {
      require(i < 10'000);
      const auto out = end.tcp->poll_transmit(now_);
      if (!out) break;
      send(*out, peer);
    }
    while (const auto event = end.tcp->poll_event()) {
      require(!end.closed);
      end.closed = event->kind == EventKind::closed;
      end.well = end.closed && event->reason == CloseReason::finished;
      end.given_up = end.closed && event->reason == CloseReason::timed_out;
    }
    const auto due = end.tcp->poll_timeout();
    require(!due || *due > now_);
    require(end.tcp->sender().outstanding() <= end.tcp->sender().window_max() + 1);
    require(end.tcp->memory_used() <= std::bit_ceil(std::max(end.config.receive_limit, std::size_t{65'536}) + 256) +
                                          std::bit_ceil(end.config.send_limit) + 4 * end.config.send_limit + 32'768);
  }

  void send(const Outgoing& out, End& peer) {
    Buffer payload;
    for (const Bytes part : out.payload) append(payload, part);
    std::size_t sent = 0;
    do {
      const std::size_t length = std::min(payload.size() - sent, std::max<std::size_t>(out.mss, 1));
      Header header{.source_port = 1,
                    .destination_port = 2,
                    .sequence = out.sequence + static_cast<std::uint32_t>(sent),
                    .acknowledgment = out.acknowledgment,
                    .flags = out.flags,
                    .window = out.window,
                    .options = out.options};
      if (sent + length < payload.size()) header.flags.fin = header.flags.psh = false;
      Buffer packet(header.length());
      write_header(header, packet);
      append(packet, Bytes(payload).subspan(sent, length));
      if (peer.arriving.size() < packets_max) peer.arriving.push_back(std::move(packet));
      sent += length;
    } while (sent < payload.size());
  }

  // From here on nothing is lost, and both ends read and finish.
  void finish_well() {
    for (int round = 0; round < 20'000; round++) {
      for (End* end : {&a_, &b_}) {
        if (end->tcp && !end->finished) {
          end->finished = true;
          end->tcp->finish(now_);
        }
      }
      settle();
      const bool quiet = a_.arriving.empty() && b_.arriving.empty();
      while (!a_.arriving.empty()) arrive(a_, 0);
      while (!b_.arriving.empty()) arrive(b_, 0);
      read(a_, b_, written_max * 2);
      read(b_, a_, written_max * 2);
      if (a_.tcp && b_.tcp && a_.tcp->closed() && b_.tcp->closed()) break;
      if (!quiet) continue;
      Instant next = Instant::max();
      for (End* end : {&a_, &b_}) {
        if (end->tcp) next = std::min(next, end->tcp->poll_timeout().value_or(Instant::max()));
      }
      if (next == Instant::max()) break;
      now_ = std::max(now_, next);
    }
    settle();
    // Whoever did not close waits for a peer that has given up: only that is silent for ever.
    for (const auto& [end, peer] : {std::pair(&a_, &b_), std::pair(&b_, &a_)}) {
      if (!end->tcp) continue;
      require(end->closed || (end->tcp->state() == State::fin_wait_2 && peer->tcp && peer->given_up));
      if (end->well) require(end->read == peer->written);
    }
  }

  Reader in_;
  End a_;
  End b_;
  Instant now_{seconds(100)};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Play(std::as_bytes(std::span(data, size))).run();
  return 0;
}

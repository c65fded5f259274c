// Two connections and the path between them, on a virtual clock: a bottleneck with a queue, delay, loss, duplication
// and reordering from a seed. Packets are really written and parsed, and on the way in neighbours are joined as a
// receiver of bursts joins them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/random.h"
#include "netstack/tcp/active_open.h"
#include "netstack/tcp/connection.h"
#include "netstack/wire/tcp.h"

namespace quoin::netstack::tcp {

struct PathRules {
  Duration delay = milliseconds(10);  // one way
  double loss = 0;
  double duplication = 0;
  double reordering = 0;  // of packets that are late by
  Duration late_by = milliseconds(8);
  std::uint64_t bytes_per_second = 0;     // 0: no bottleneck
  std::size_t queue_bytes_max = 200'000;  // before the bottleneck; what does not fit is dropped
};

class Path {
 public:
  Path(const PathRules& rules, std::uint64_t seed) : rules(rules), random_(seed) {}

  void send(Buffer packet, Instant now) {
    sent++;
    if (drop && drop(packet)) return;
    if (chance(rules.loss)) return;
    Instant leaves = now;
    if (rules.bytes_per_second > 0) {
      free_at_ = std::max(free_at_, now);
      const double queued = static_cast<double>((free_at_ - now).count()) / 1e9;
      if (queued * static_cast<double>(rules.bytes_per_second) > static_cast<double>(rules.queue_bytes_max)) return;
      free_at_ += nanoseconds(1'000'000'000 * packet.size() / rules.bytes_per_second);
      leaves = free_at_;
    }
    Instant arrives = std::max(leaves + rules.delay, stands_still_until);
    if (chance(rules.reordering)) arrives += rules.late_by;
    if (chance(rules.duplication)) arriving_.emplace(arrives + microseconds(100), packet);
    arriving_.emplace(arrives, std::move(packet));
  }
  std::optional<Instant> next() const {
    return arriving_.empty() ? std::nullopt : std::optional(arriving_.begin()->first);
  }
  std::vector<Buffer> receive(Instant now) {
    std::vector<Buffer> arrived;
    while (!arriving_.empty() && arriving_.begin()->first <= now) {
      arrived.push_back(std::move(arriving_.begin()->second));
      arriving_.erase(arriving_.begin());
    }
    return arrived;
  }

  PathRules rules;
  std::function<bool(const Buffer&)> drop;  // chooses packets to lose
  Instant stands_still_until{};             // nothing arrives before, and nothing is lost
  std::uint64_t sent = 0;

 private:
  bool chance(double probability) {
    return probability > 0 && static_cast<double>(random_.below(1'000'000)) < probability * 1e6;
  }
  SeededRandom random_;
  Instant free_at_{};
  std::multimap<Instant, Buffer> arriving_;
};

// One end: a connection and an application that writes a known pattern and checks the one it reads.
struct Host {
  std::optional<Connection> tcp;
  Config config;
  std::uint64_t pattern = 0;   // of what it writes
  std::uint64_t expected = 0;  // of what it reads
  std::uint64_t to_send = 0;
  std::uint64_t written = 0;
  std::uint64_t received = 0;
  std::size_t read_max = ~std::size_t{0};  // in one go; 0: the reader has stopped
  bool finishes = true;                    // after the last byte
  std::vector<Event> events;
  std::uint64_t promised = 0;   // the furthest edge advertised, as acknowledgment + window
  std::uint64_t acks_sent = 0;  // without payload

  static std::byte at(std::uint64_t pattern, std::uint64_t offset) {
    return static_cast<std::byte>((offset * 0x9e3779b97f4a7c15 + pattern) >> 40);
  }
  bool has(EventKind kind) const {
    for (const Event& event : events) {
      if (event.kind == kind) return true;
    }
    return false;
  }
  std::optional<CloseReason> closed() const {
    for (const Event& event : events) {
      if (event.kind == EventKind::closed) return event.reason;
    }
    return std::nullopt;
  }
  // Both return whether they did anything.
  bool write(Instant now) {
    if (!tcp) return false;
    bool did = false;
    while (written < to_send) {
      const auto space = tcp->write_space(static_cast<std::size_t>(std::min<std::uint64_t>(to_send - written, 65'536)));
      std::size_t filled = 0;
      for (const MutableBytes part : space) {
        for (std::byte& byte : part) byte = at(pattern, written + filled++);
      }
      if (filled == 0) break;
      tcp->commit(filled, now);
      written += filled;
      did = true;
    }
    if (finishes && written == to_send && !finished_) {
      tcp->finish(now);
      finished_ = did = true;
    }
    return did;
  }
  bool read(Instant now) {
    if (!tcp || tcp->readable_bytes() == 0 || read_max == 0) return false;
    std::size_t taken = 0;
    for (const Bytes part : tcp->readable()) {
      for (const std::byte byte : part) {
        if (taken == read_max) break;
        if (byte != at(expected, received)) ADD_FAILURE() << "byte " << received << " is wrong";
        received++;
        taken++;
      }
    }
    tcp->consume(taken, now);
    return true;
  }

 private:
  bool finished_ = false;
};

class TwoHosts {
 public:
  explicit TwoHosts(const PathRules& rules = {}, std::uint64_t seed = 1)
      : to_passive(rules, seed), to_active(rules, seed + 1'000) {
    // Both sequences wrap early in every test.
    active.config.initial_sequence = 0xffff'ff00;
    passive.config.initial_sequence = 0xffff'f000;
    active.config.timestamp_offset = 0xffff'fff0;
    passive.config.timestamp_offset = 0x1234'5678;
    active.pattern = passive.expected = 0x1111;
    passive.pattern = active.expected = 0x2222;
  }

  void open() {
    active.tcp.emplace(connect(active.config, now));
    settle();
  }
  // Runs until `done`, or for `limit`; returns whether it was done.
  bool run(const std::function<bool()>& done, Duration limit = minutes(10)) {
    const Instant end = now + limit;
    while (!done()) {
      const auto next = next_event();
      if (!next || *next > end) {
        now = end;
        return done();
      }
      now = std::max(now, *next);
      step();
    }
    return true;
  }
  void run_for(Duration length) {
    run([] { return false; }, length);
  }
  bool run_to_close(Duration limit = minutes(10)) {
    return run([&] { return active.closed() && passive.closed(); }, limit);
  }
  void settle() {
    act(active, to_passive);
    act(passive, to_active);
  }

  Instant now{seconds(1'000)};
  Path to_passive;
  Path to_active;
  Host active;
  Host passive;
  bool join = true;
  std::function<void(const Segment&)> seen_by_passive;
  std::function<void(const Segment&)> seen_by_active;

 private:
  std::optional<Instant> next_event() const {
    std::optional<Instant> first;
    const auto consider = [&](std::optional<Instant> at) {
      if (at && (!first || *at < *first)) first = at;
    };
    consider(to_passive.next());
    consider(to_active.next());
    if (active.tcp) consider(active.tcp->poll_timeout());
    if (passive.tcp) consider(passive.tcp->poll_timeout());
    return first;
  }
  void step() {
    for (Host* host : {&active, &passive}) {
      const auto due = host->tcp ? host->tcp->poll_timeout() : std::nullopt;
      if (due && *due <= now) host->tcp->handle_timeout(now);
    }
    deliver(to_passive.receive(now), passive, seen_by_passive);
    deliver(to_active.receive(now), active, seen_by_active);
    settle();
  }
  void deliver(const std::vector<Buffer>& packets, Host& host, const std::function<void(const Segment&)>& seen) {
    std::vector<Bytes> payload;
    for (std::size_t i = 0; i < packets.size();) {
      auto parsed = parse_packet(packets[i]);
      ASSERT_TRUE(parsed);
      const auto segment_of = [](const Header& header) {
        return Segment{.sequence = header.sequence,
                       .acknowledgment = header.acknowledgment,
                       .flags = header.flags,
                       .window = header.window,
                       .options = header.options};
      };
      Segment segment = segment_of(parsed->header);
      payload.assign(1, parsed->payload);
      std::size_t bytes = segment.largest_packet = parsed->payload.size();
      for (i++; join && i < packets.size(); i++) {
        const auto next = parse_packet(packets[i]);
        const Header& header = next->header;
        if (segment.flags.syn || segment.flags.fin || segment.flags.rst || bytes == 0 || next->payload.empty() ||
            header.flags.syn || header.flags.rst || header.sequence != segment.sequence + bytes ||
            !header.options.sack.empty()) {
          break;
        }
        payload.push_back(next->payload);
        bytes += next->payload.size();
        segment.largest_packet = std::max(segment.largest_packet, next->payload.size());
        segment.acknowledgment = header.acknowledgment;
        segment.window = header.window;
        segment.options = header.options;
        segment.flags = header.flags;
      }
      segment.payload = payload;
      if (seen) seen(segment);
      if (!host.tcp) {
        const auto syn = Syn::from(segment);
        if (!syn) continue;
        host.tcp.emplace(Connection::accept(*syn, host.config, now));
      } else {
        host.tcp->handle_segment(segment, now);
      }
    }
  }
  void act(Host& host, Path& path) {
    if (!host.tcp) return;
    for (int round = 0;; round++) {
      ASSERT_LT(round, 10'000) << "never settles";
      bool did = false;
      while (const auto event = host.tcp->poll_event()) {
        ASSERT_FALSE(host.closed()) << "an event after closed";
        host.events.push_back(*event);
      }
      did |= host.write(now);
      did |= host.read(now);
      while (const auto out = host.tcp->poll_transmit(now)) {
        put(*out, host, path);
        did = true;
      }
      if (!did) break;
    }
    // A deadline in the past is met at once and only once.
    const auto due = host.tcp->poll_timeout();
    ASSERT_TRUE(!due || *due > now - nanoseconds(1)) << "a deadline in the past";
  }
  void put(const Outgoing& out, Host& host, Path& path) {
    Buffer payload;
    for (const Bytes part : out.payload) append(payload, part);
    ASSERT_LE(payload.size(), Outgoing::payload_bytes_max);
    if (payload.empty() && !out.flags.syn) host.acks_sent++;
    std::size_t at = 0;
    do {
      const std::size_t length = std::min(payload.size() - at, out.mss == 0 ? payload.size() : out.mss);
      const bool last = at + length == payload.size();
      Header header{.source_port = 1,
                    .destination_port = 2,
                    .sequence = out.sequence + static_cast<std::uint32_t>(at),
                    .acknowledgment = out.acknowledgment,
                    .flags = out.flags,
                    .window = out.window,
                    .options = out.options};
      if (!last) header.flags.fin = header.flags.psh = false;
      Buffer packet(header.length() + length);
      const std::size_t start = write_header(header, packet);
      std::copy_n(payload.begin() + static_cast<std::ptrdiff_t>(at), length,
                  packet.begin() + static_cast<std::ptrdiff_t>(start));
      ASSERT_LE(packet.size(), header_bytes_min + host.config.mss) << "a packet larger than the path carries";
      path.send(std::move(packet), now);
      at += length;
    } while (at < payload.size());
  }
};

}  // namespace quoin::netstack::tcp

#include "internet.h"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "path/endpoint_guard.h"
#include "stun/messages.h"

namespace quoin::simulation {

// ---- streams

std::size_t Wire::write(Side from, Bytes bytes) {
  End& sender = end(from);
  if (!sender.is_open) return 0;
  const std::size_t count = std::min(bytes.size(), window_bytes - sender.under_way);
  if (count == 0) return 0;
  sender.under_way += count;
  world_.after(latency_, [self = shared_from_this(), from, piece = to_buffer(bytes.first(count))]() mutable {
    if (self->is_cut_) return;
    End& receiver = self->end(other(from));
    // A handler may close its end, and with that let go of itself.
    const auto received = receiver.is_open ? receiver.handlers.received : nullptr;
    if (received) received(piece);
    End& writer = self->end(from);
    writer.under_way -= piece.size();
    const auto writable = writer.is_open ? writer.handlers.writable : nullptr;
    if (writable) writable();
  });
  return count;
}

void Wire::close(Side from) {
  End& mine = end(from);
  if (!mine.is_open) return;
  mine.is_open = false;
  mine.handlers = {};
  world_.after(latency_, [self = shared_from_this(), from] {
    End& receiver = self->end(other(from));
    if (self->is_cut_ || !receiver.is_open) return;
    receiver.is_open = false;
    const Handlers handlers = std::exchange(receiver.handlers, {});
    if (handlers.closed) handlers.closed();
  });
}

void Wire::cut() {
  is_cut_ = true;
}

// ---- datagrams

Site& Internet::add_site(std::string name, std::string_view outside, NatBehaviour behaviour,
                         std::vector<Prefix> networks) {
  sites_.push_back(std::make_unique<Site>(
      Site{std::move(name), Nat(IpAddress::parse(outside).value(), behaviour), std::move(networks)}));
  return *sites_.back();
}

void Internet::attach(Site& site, const Endpoint& inside, UdpReceiver& receiver) {
  hosts_[inside] = {&site, &receiver};
}

void Internet::check(const Site& site, const Endpoint& to) {
  EXPECT_FALSE(path::not_public(to.address)) << site.name << " sent a datagram to " << to.text();
  EXPECT_FALSE(contains(site.networks, to.address)) << site.name << " sent into its own network: " << to.text();
  EXPECT_NE(to.port, 0) << site.name << " sent a datagram to " << to.text();
}

void Internet::send(Site& site, const Endpoint& inside, const Endpoint& to, Bytes segments, std::size_t segment_bytes) {
  ASSERT_GT(segment_bytes, 0u);
  check(site, to);
  world_.note(segments.size() * 31 + to.port);
  if (!site.udp_passes) return;
  if (!stun_servers_.contains(to)) site.datagrams_out += (segments.size() + segment_bytes - 1) / segment_bytes;
  const Endpoint from = site.nat.outbound(inside, to, world_.now);
  // Neighbours that both survive arrive together, as a receiver with UDP_GRO sees them.
  Buffer together;
  for (std::size_t at = 0; at < segments.size(); at += segment_bytes) {
    if (watch) watch(segments.subspan(at, std::min(segment_bytes, segments.size() - at)));
    const std::size_t bytes = std::min(segment_bytes, segments.size() - at);
    if (bytes > site.largest_out || world_.happens(udp_loss)) {
      datagrams_lost++;
      if (!together.empty()) carry(from, to, std::exchange(together, {}), segment_bytes);
      continue;
    }
    append(together, segments.subspan(at, std::min(segment_bytes, segments.size() - at)));
  }
  if (!together.empty()) carry(from, to, std::move(together), segment_bytes);
}

void Internet::carry(const Endpoint& from, const Endpoint& to, Buffer datagrams, std::size_t segment_bytes) {
  world_.after(latency, [this, from, to, segment_bytes, datagrams = std::move(datagrams)]() mutable {
    arrive(from, to, datagrams, segment_bytes);
  });
}

// The last one may be short enough while all others are too long.
bool Internet::cut_at(std::size_t largest, Buffer& datagrams, std::size_t segment_bytes) {
  if (std::min(segment_bytes, datagrams.size()) <= largest) return true;
  const std::size_t last = datagrams.size() % segment_bytes;
  datagrams.erase(datagrams.begin(), datagrams.end() - static_cast<std::ptrdiff_t>(last));
  return !datagrams.empty() && datagrams.size() <= largest;
}

void Internet::arrive(const Endpoint& from, const Endpoint& to, Buffer& datagrams, std::size_t segment_bytes) {
  if (const auto stun = stun_servers_.find(to); stun != stun_servers_.end()) {
    const auto asked = stun::parse_request(datagrams, stun::RequestForm::tailnode);
    EXPECT_TRUE(asked) << "a STUN server got something else";
    if (asked) carry(to, from, stun::response(*asked, stun->second.says.value_or(from)), stun::message_bytes_max);
    return;
  }
  for (const auto& site : sites_) {
    if (site->nat.outside() != to.address || !site->udp_passes) continue;
    if (!cut_at(site->largest_in, datagrams, segment_bytes)) return;
    const auto inside = site->nat.inbound(from, to, world_.now);
    const auto host = inside ? hosts_.find(*inside) : hosts_.end();
    if (host == hosts_.end()) return;
    host->second.receiver->handle_datagrams(from, datagrams, std::min(segment_bytes, datagrams.size()));
    return;
  }
}

}  // namespace quoin::simulation

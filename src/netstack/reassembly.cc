#include "netstack/reassembly.h"

#include <algorithm>
#include <utility>

namespace quoin::netstack {
namespace {

// Of the transport header, what must stand in the first fragment: all that anybody judges a datagram by.
std::size_t header_bytes_min(std::uint8_t protocol) {
  return protocol == IpProtocol::tcp ? 20 : 8;
}

bool is_tiny(const IpFragment& fragment) {
  const std::size_t header_bytes = header_bytes_min(fragment.packet.protocol);
  return fragment.offset == 0 ? fragment.packet.payload.size() < header_bytes : fragment.offset < header_bytes;
}

}  // namespace

Reassembly::Key Reassembly::key_of(const IpFragment& fragment) {
  const IpPacket& packet = fragment.packet;
  return {packet.source, packet.destination, fragment.identification,
          packet.source.is_v4() ? packet.protocol : std::uint8_t{0}};
}

std::vector<Reassembly::Datagram>::iterator Reassembly::find(const Key& key) {
  return std::ranges::find(datagrams_, key, &Datagram::key);
}

Reassembly::Fits Reassembly::fits(const Datagram& datagram, const IpFragment& fragment) {
  const std::size_t start = fragment.offset, end = fragment.end();
  const auto& parts = datagram.parts;
  if (const auto same = parts.find(start); same != parts.end()) {
    const bool is_last = datagram.end == end;
    return is_last == !fragment.more && equal(same->second, fragment.packet.payload) ? Fits::known : Fits::no;
  }
  const auto next = parts.lower_bound(start);
  if (next != parts.end() && next->first < end) return Fits::no;
  if (next != parts.begin()) {
    const auto& [offset, payload] = *std::prev(next);
    if (offset + payload.size() > start) return Fits::no;
  }
  if (datagram.end) return fragment.more && end <= *datagram.end ? Fits::yes : Fits::no;
  return fragment.more || next == parts.end() ? Fits::yes : Fits::no;  // nothing stands behind the last one
}

Result<std::optional<IpPacket>, FragmentRefusal> Reassembly::add(const IpFragment& fragment, Instant now) {
  if (is_tiny(fragment)) return failure(FragmentRefusal::tiny);
  const Key key = key_of(fragment);
  const std::size_t length = fragment.packet.payload.size();
  auto datagram = find(key);
  if (datagram != datagrams_.end()) {
    if (datagram->abandoned) return failure(FragmentRefusal::abandoned);
    const Fits fitting = fits(*datagram, fragment);
    if (fitting == Fits::known) return std::nullopt;
    const bool is_one_too_many = datagram->parts.size() == parts_max;
    if (fitting == Fits::no || is_one_too_many) {
      abandon(*datagram, fitting == Fits::no ? FragmentRefusal::overlap : FragmentRefusal::too_many_parts);
      return failure(FragmentRefusal::abandoned);
    }
    make_room(0, part_bytes + length);
    datagram = find(key);
    if (datagram == datagrams_.end()) return failure(FragmentRefusal::no_room);  // it was the one that had to go
  } else {
    make_room(1, datagram_bytes + part_bytes + length);
    datagrams_.push_back({.key = key, .gives_up_at = now + patience, .first_header = {}, .parts = {}, .end = {}});
    datagram = std::prev(datagrams_.end());
    bytes_ += datagram_bytes;
  }
  if (fragment.offset == 0) {
    datagram->first_header = to_buffer(fragment.packet.header);
    datagram->protocol = fragment.packet.protocol;
    datagram->hop_limit = fragment.packet.hop_limit;
  }
  if (!fragment.more) datagram->end = fragment.end();
  datagram->parts.emplace(fragment.offset, to_buffer(fragment.packet.payload));
  datagram->payload_bytes += length;
  bytes_ += part_bytes + length;
  if (!datagram->whole()) return std::nullopt;
  const IpPacket whole = put_together(*datagram);
  bytes_ -= datagram->bytes();
  datagrams_.erase(datagram);
  return whole;
}

IpPacket Reassembly::put_together(const Datagram& datagram) {
  const std::size_t header_bytes = ip_header_bytes(datagram.key.source.version());
  whole_.resize(header_bytes + datagram.payload_bytes);
  write_ip_header(whole_, {.source = datagram.key.source,
                           .destination = datagram.key.destination,
                           .protocol = datagram.protocol,
                           .payload_bytes = datagram.payload_bytes,
                           .hop_limit = datagram.hop_limit});
  for (const auto& [offset, payload] : datagram.parts) {
    std::ranges::copy(payload, whole_.begin() + static_cast<std::ptrdiff_t>(header_bytes + offset));
  }
  const Bytes whole(whole_);
  return {.source = datagram.key.source,
          .destination = datagram.key.destination,
          .protocol = datagram.protocol,
          .hop_limit = datagram.hop_limit,
          .header = whole.first(header_bytes),
          .payload = whole.subspan(header_bytes)};
}

bool Reassembly::is_full(std::size_t more_datagrams, std::size_t more_bytes) const {
  return datagrams_.size() + more_datagrams > datagrams_max || bytes_ + more_bytes > bytes_max;
}

void Reassembly::make_room(std::size_t datagrams, std::size_t bytes) {
  while (is_full(datagrams, bytes)) {
    const bool by_number = is_full(datagrams, 0);
    std::vector<std::pair<IpAddress, std::size_t>> held;  // by whom; in the order of their oldest
    for (const Datagram& each : datagrams_) {
      auto holder = std::ranges::find(held, each.key.source, &std::pair<IpAddress, std::size_t>::first);
      if (holder == held.end()) holder = held.insert(held.end(), {each.key.source, 0});
      holder->second += by_number ? 1 : each.bytes();
    }
    const auto most = std::ranges::max_element(held, {}, &std::pair<IpAddress, std::size_t>::second);
    give_up(std::ranges::find_if(datagrams_, [&](const Datagram& each) { return each.key.source == most->first; }),
            FragmentRefusal::no_room);
  }
}

void Reassembly::give_up(std::vector<Datagram>::iterator datagram, FragmentRefusal why) {
  if (!datagram->abandoned) tell(*datagram, why);
  bytes_ -= datagram->bytes();
  datagrams_.erase(datagram);
}

// It keeps its place until its time is up, so that the fragments that still come do not begin another datagram.
void Reassembly::abandon(Datagram& datagram, FragmentRefusal why) {
  tell(datagram, why);
  bytes_ -= datagram.bytes();
  datagram.parts.clear();
  datagram.payload_bytes = 0;
  datagram.first_header.clear();
  datagram.abandoned = true;
  bytes_ += datagram.bytes();
}

void Reassembly::tell(const Datagram& datagram, FragmentRefusal why) {
  GivenUp given_up{why, {}};
  if (!datagram.first_header.empty()) {
    given_up.first = datagram.first_header;
    append(given_up.first, datagram.parts.begin()->second);
  }
  given_up_.push_back(std::move(given_up));
}

std::optional<Reassembly::GivenUp> Reassembly::poll_given_up() {
  if (given_up_.empty()) return std::nullopt;
  GivenUp given_up = std::move(given_up_.back());
  given_up_.pop_back();
  return given_up;
}

void Reassembly::remove_of(const IpAddress& address) {
  std::erase_if(datagrams_, [&](const Datagram& each) {
    const bool is_meant = each.key.source == address || each.key.destination == address;
    if (is_meant) bytes_ -= each.bytes();
    return is_meant;
  });
}

void Reassembly::handle_timeout(Instant now) {
  while (!datagrams_.empty() && datagrams_.front().gives_up_at <= now) {
    give_up(datagrams_.begin(), FragmentRefusal::timed_out);
  }
}

std::optional<Instant> Reassembly::poll_timeout() const {
  return datagrams_.empty() ? std::nullopt : std::optional(datagrams_.front().gives_up_at);
}

}  // namespace quoin::netstack

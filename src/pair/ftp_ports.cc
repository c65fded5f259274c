#include "pair/ftp_ports.h"

#include <algorithm>

namespace quoin::pair {

void FtpPorts::announce(const crypto::NodePublicKey& engineer, std::uint16_t port, Instant now) {
  std::erase_if(open_, [&](const Announcement& each) {
    return now >= each.until || (each.engineer == engineer && each.port == port);
  });
  if (open_.size() >= open_max) open_.erase(open_.begin());
  open_.push_back({engineer, port, now + lasts});
}

bool FtpPorts::has(const crypto::NodePublicKey& engineer, std::uint16_t port, Instant now) const {
  return std::ranges::any_of(open_, [&](const Announcement& each) {
    return each.engineer == engineer && each.port == port && now < each.until;
  });
}

bool FtpPorts::take(const crypto::NodePublicKey& engineer, std::uint16_t port, Instant now) {
  const bool announced = has(engineer, port, now);
  std::erase_if(open_, [&](const Announcement& each) { return each.engineer == engineer && each.port == port; });
  return announced;
}

}  // namespace quoin::pair

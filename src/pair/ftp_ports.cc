#include "pair/ftp_ports.h"

#include <algorithm>

namespace quoin::pair {

void FtpPorts::announce(const crypto::NodePublicKey& engineer, std::uint16_t port, Instant now) {
  std::erase_if(open_, [&](const Announcement& each) {
    return now >= each.until || (each.engineer == engineer && each.port == port);
  });
  const auto is_his = [&](const Announcement& each) { return each.engineer == engineer; };
  if (static_cast<std::size_t>(std::ranges::count_if(open_, is_his)) >= open_of_one_max) {
    open_.erase(std::ranges::find_if(open_, is_his));
  }
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

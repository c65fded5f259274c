#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/neighbour_messages.h"
#include "io/neighbour_survey.h"
#include "io/route_netlink.h"
#include "io/socket_address.h"

namespace quoin::io {

namespace {

constexpr int packets_per_turn = 64;  // a link full of ARP does not keep everything else waiting
constexpr std::size_t packet_bytes_max = 1500;

sockaddr_ll link_address(std::uint32_t interface, std::uint16_t protocol) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(interface);
  address.sll_protocol = htons(protocol);
  return address;
}

// Made without a protocol, so that it hears nothing before it is bound to its interface. The kernel puts the Ethernet
// header in front and takes it off.
Descriptor open_packet_socket(std::uint32_t interface, std::uint16_t protocol) {
  Descriptor made(socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_ll address = link_address(interface, protocol);
  if (made && bind(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return made;
}

std::optional<MacBytes> own_mac(const Descriptor& packet_socket) {
  sockaddr_ll address{};
  socklen_t length = sizeof address;
  if (getsockname(packet_socket.number(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  if (address.sll_hatype != ARPHRD_ETHER || address.sll_halen != MacBytes().size()) return std::nullopt;
  MacBytes mac;
  std::memcpy(mac.data(), address.sll_addr, mac.size());
  return mac;
}

Descriptor open_solicitation_socket(std::uint32_t interface) {
  Descriptor made(socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6));
  if (!made) return {};
  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &filter);
  const int hops = 255;  // what neighbours demand
  const int on = 1;
  const int index = static_cast<int>(interface);
  const bool is_set = setsockopt(made.number(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) == 0 &&
                      setsockopt(made.number(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) == 0 &&
                      setsockopt(made.number(), IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) == 0 &&
                      setsockopt(made.number(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on) == 0 &&
                      setsockopt(made.number(), SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof index) == 0;
  return is_set ? std::move(made) : Descriptor();
}

int hop_limit_in(msghdr& header) {
  for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each)) {
    int value = 0;
    if (each->cmsg_level != IPPROTO_IPV6 || each->cmsg_type != IPV6_HOPLIMIT) continue;
    std::memcpy(&value, CMSG_DATA(each), sizeof value);
    return value;
  }
  return 0;
}

}  // namespace

NeighbourSurvey::NeighbourSurvey(Loop& loop, IpAddress address, Duration within, Done done, Otherwise otherwise)
    : loop_(loop),
      address_(address),
      until_(now() + within),
      done_(std::move(done)),
      otherwise_(otherwise),
      timer_(loop, [this] { expired(); }) {
  loop.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) start();
  });
}

void NeighbourSurvey::start() {
  auto netlink = RouteNetlink::open();
  if (!netlink) return finish(failure(NeighbourError::failed));
  const auto route = netlink->route_on_link(address_);
  if (route && route->own) return finish(failure(NeighbourError::own_address));
  if (!route || !route->direct) return finish(failure(NeighbourError::not_on_link));
  interface_ = route->interface;
  if (!route->source || !open_socket(interface_, *route->source)) return let_the_kernel_ask();
  socket_->wait_readable([this] { receive(); });
  const auto in_table = kernels_entry();  // before the answers to our question change it
  if (in_table.confirmed == RouteNetlink::Confirmed::now) in_use_ = in_table.mac;
  ask();
}

RouteNetlink::Neighbour NeighbourSurvey::kernels_entry() const {
  auto netlink = RouteNetlink::open();
  const auto known = netlink ? netlink->neighbour(interface_, address_) : std::unexpected(netlink.error());
  return known.value_or(RouteNetlink::Neighbour{});
}

void NeighbourSurvey::add_claimant(const MacBytes& mac) {
  if (std::ranges::find(claimants_, mac) == claimants_.end()) claimants_.push_back(mac);
}

bool NeighbourSurvey::open_socket(std::uint32_t interface, const IpAddress& source) {
  Descriptor of_link = open_packet_socket(interface, address_.is_v4() ? ETH_P_ARP : 0);
  const auto mac = of_link ? own_mac(of_link) : std::nullopt;
  if (!mac) return false;
  if (address_.is_v4()) {
    question_ = arp_request({*mac, source}, address_);
  } else {
    question_ = neighbour_solicitation(*mac, address_);
    of_link = open_solicitation_socket(interface);
    if (!of_link) return false;
  }
  socket_ = std::make_unique<Readiness>(loop_, std::move(of_link));
  return true;
}

void NeighbourSurvey::ask() {
  questions_++;
  if (address_.is_v4()) {
    sockaddr_ll everybody = link_address(interface_, ETH_P_ARP);
    everybody.sll_halen = MacBytes().size();
    std::memset(everybody.sll_addr, 0xff, everybody.sll_halen);
    sendto(socket_->number(), question_.data(), question_.size(), MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&everybody), sizeof everybody);
  } else {
    const SocketAddress group({solicited_node(address_), 0});
    sendto(socket_->number(), question_.data(), question_.size(), MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(group.bytes.data()), group.length);
  }
  // One that could not be sent is as good as lost: the next one follows.
  timer_.set(std::min(until_, questions_ < questions_max ? now() + question_every : until_));
}

void NeighbourSurvey::receive() {
  std::array<std::byte, packet_bytes_max> space;
  for (int packet = 0; packet < packets_per_turn; packet++) {
    alignas(cmsghdr) std::array<std::byte, 64> control;
    iovec part{space.data(), space.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t length = recvmsg(socket_->number(), &header, MSG_DONTWAIT);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) break;  // nothing more, or the interface went down: the answers that came count
    const Bytes bytes = Bytes(space).first(static_cast<std::size_t>(length));
    const auto mac = address_.is_v4() ? claimant_in_arp(bytes, address_)
                                      : claimant_in_advertisement(bytes, hop_limit_in(header), address_);
    if (!mac || claimants_.size() >= claimants_max) continue;
    if (claimants_.empty()) timer_.set(std::min(until_, now() + answers_within));
    add_claimant(*mac);
  }
  socket_->wait_readable([this] { receive(); });
}

void NeighbourSurvey::expired() {
  if (claimants_.empty() && now() < until_) return ask();
  if (claimants_.empty()) return finish(failure(NeighbourError::no_answer));
  const auto in_table = kernels_entry();
  if (in_table.confirmed == RouteNetlink::Confirmed::now) add_claimant(*in_table.mac);
  if (in_use_) add_claimant(*in_use_);
  if (in_table.mac && claimants_ != std::vector{*in_table.mac}) {
    auto netlink = RouteNetlink::open();
    if (netlink) static_cast<void>(netlink->forget_neighbour(interface_, address_));  // or a glance sees it
  }
  finish(std::move(claimants_));
}

void NeighbourSurvey::let_the_kernel_ask() {
  if (otherwise_ == Otherwise::nobody) return finish(failure(NeighbourError::no_answer));
  by_kernel_ = std::make_unique<NeighbourLookup>(loop_, address_, std::max(until_ - now(), Duration(0)),
                                                 [this](Result<MacBytes, NeighbourError> found) {
                                                   if (!found) return finish(failure(found.error()));
                                                   finish(std::vector{*found});
                                                 });
}

void NeighbourSurvey::finish(Result<std::vector<MacBytes>, NeighbourError> result) {
  socket_.reset();
  timer_.clear();
  Done done = std::move(done_);
  done(std::move(result));
}

}  // namespace quoin::io

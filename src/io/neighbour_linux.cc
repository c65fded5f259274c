#include <cerrno>

#include <sys/socket.h>

#include "io/clock.h"
#include "io/dial.h"
#include "io/neighbour.h"
#include "io/route_netlink.h"

namespace quoin::io {

namespace {

constexpr std::uint16_t discard_port = 9;

// An empty datagram: the kernel has to find the neighbour to send it to.
void make_the_kernel_ask(const IpAddress& address, std::uint32_t bound_to) {
  const auto socket = connect_udp({address, discard_port}, {Reach::own_link, bound_to});
  if (socket) send(socket->number(), nullptr, 0, MSG_DONTWAIT);
}

}  // namespace

NeighbourLookup::NeighbourLookup(Loop& loop, IpAddress address, Duration within, Done done, Entry wanted)
    : loop_(loop), address_(address), done_(std::move(done)), wanted_(wanted), timer_(loop, [this] {
        finish(failure(NeighbourError::no_answer));
      }) {
  timer_.set(now() + within);
  loop.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) start();
  });
}

void NeighbourLookup::start() {
  auto netlink = RouteNetlink::open();
  if (!netlink) return finish(failure(NeighbourError::failed));
  const auto route = netlink->route_on_link(address_);
  if (!route) return finish(failure(NeighbourError::not_on_link));
  if (route->own) return finish(failure(NeighbourError::own_address));
  if (!route->direct) return finish(failure(NeighbourError::not_on_link));
  interface_ = route->interface;

  const auto known = netlink->neighbour(interface_, address_);
  if (!known) return finish(failure(NeighbourError::failed));
  if (known->confirmed == RouteNetlink::Confirmed::now) return finish(*known->mac);
  const bool is_old = known->confirmed == RouteNetlink::Confirmed::before;
  if (is_old && wanted_ == Entry::as_it_stands) return finish(*known->mac);
  if (is_old && !netlink->forget_neighbour(interface_, address_)) {
    return finish(*known->mac);
  }
  auto watching = RouteNetlink::watch_neighbours();
  if (!watching) return finish(failure(NeighbourError::failed));
  changes_ = std::make_unique<Readiness>(loop_, std::move(*watching));
  make_the_kernel_ask(address_, interface_);
  look();
}

void NeighbourLookup::look() {
  RouteNetlink::drain(changes_->number());
  auto netlink = RouteNetlink::open();
  const auto known = netlink ? netlink->neighbour(interface_, address_) : std::unexpected(netlink.error());
  if (!known) return finish(failure(NeighbourError::failed));
  switch (known->confirmed) {
    case RouteNetlink::Confirmed::now:
    case RouteNetlink::Confirmed::before: return finish(*known->mac);  // learned since we asked
    case RouteNetlink::Confirmed::failed: return finish(failure(NeighbourError::no_answer));
    case RouteNetlink::Confirmed::never: break;
  }
  changes_->wait_readable([this] { look(); });
}

void NeighbourLookup::finish(Result<MacBytes, NeighbourError> result) {
  changes_.reset();
  timer_.clear();
  Done done = std::move(done_);
  done(std::move(result));
}

}  // namespace quoin::io

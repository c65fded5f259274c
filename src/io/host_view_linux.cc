#include <algorithm>
#include <cerrno>
#include <string>

#include <fcntl.h>

#include "io/host_view.h"
#include "io/name_servers.h"
#include "io/route_netlink.h"

namespace quoin::io {

namespace {

constexpr std::size_t resolv_conf_bytes_max = 64 * 1024;
// The second has the real servers where the first names systemd-resolved on loopback.
constexpr const char* resolv_conf_paths[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};

void sort_and_unite(auto& list) {
  std::ranges::sort(list);
  const auto rest = std::ranges::unique(list);
  list.erase(rest.begin(), rest.end());
}

// A file that is not there names no servers; one that cannot be read may.
Result<std::vector<IpAddress>, SystemError> read_name_servers() {
  std::vector<IpAddress> servers;
  for (const char* path : resolv_conf_paths) {
    const Descriptor file(open(path, O_RDONLY | O_CLOEXEC));
    if (!file && (errno == ENOENT || errno == ENOTDIR)) continue;
    if (!file) return system_failure(std::string("read ") + path);
    const auto content = read_to_end(file, resolv_conf_bytes_max);
    if (!content) {
      return failure(SystemError{std::string("read ") + path, content.error() == ReadError::too_large ? EFBIG : errno});
    }
    for (const IpAddress& server : name_servers_in(text_of(*content))) servers.push_back(server);
  }
  return servers;
}

}  // namespace

namespace {

Result<HostView, SystemError> read_host_view_once() {
  RouteNetlink netlink = TRY(RouteNetlink::open());
  HostView view;
  view.addresses = TRY(netlink.addresses());
  RouteNetlink::Routes routes = TRY(netlink.routes());
  view.gateways = std::move(routes.gateways);
  view.networks = std::move(routes.on_link);
  view.default_routes = std::move(routes.defaults);
  for (const InterfaceAddress& each : view.addresses) {
    if (!each.prefix.contains(each.address)) view.networks.push_back(each.prefix);
  }
  view.dns_servers = TRY(read_name_servers());
  sort_and_unite(view.addresses);
  sort_and_unite(view.networks);
  sort_and_unite(view.gateways);
  sort_and_unite(view.default_routes);
  sort_and_unite(view.dns_servers);
  return view;
}

}  // namespace

Result<HostView, SystemError> read_host_view() {
  auto view = read_host_view_once();
  for (int again = 0; again < 4 && !view && view.error().code == RouteNetlink::changed_meanwhile; again++) {
    view = read_host_view_once();
  }
  return view;
}

Result<std::unique_ptr<HostChanges>, SystemError> HostChanges::watch(Loop& loop, Callback changed) {
  Descriptor netlink = TRY(RouteNetlink::watch_addresses_and_routes());
  auto shared = std::make_shared<Callback>(std::move(changed));
  auto resolver = TRY(
      FileWatch::watch(loop, {std::begin(resolv_conf_paths), std::end(resolv_conf_paths)}, [shared] { (*shared)(); }));
  return std::unique_ptr<HostChanges>(
      new HostChanges(loop, std::move(netlink), std::move(shared), std::move(resolver)));
}

HostChanges::HostChanges(Loop& loop, Descriptor netlink, std::shared_ptr<Callback> changed,
                         std::unique_ptr<FileWatch> resolver)
    : netlink_(loop, std::move(netlink)), changed_(std::move(changed)), resolver_(std::move(resolver)) {
  wait();
}

void HostChanges::wait() {
  netlink_.wait_readable([this] {
    RouteNetlink::drain(netlink_.number());
    wait();
    const std::shared_ptr<Callback> changed = changed_;
    (*changed)();
  });
}

}  // namespace quoin::io

#include "current_host.h"

namespace quoin::apps {

gate::HostView host_view(const io::HostView& view) {
  gate::HostView out;
  for (const auto& entry : view.addresses) out.interfaces.push_back({entry.address, entry.prefix.length()});
  out.networks = view.networks;
  out.gateways = view.gateways;
  out.dns_servers = view.dns_servers;
  for (const auto& route : view.default_routes) {
    out.default_routes.push_back({route.interface, route.metric, route.gateways});
  }
  return out;
}

Result<gate::HostView, std::string> current_host_view() {
  const auto view = io::read_host_view();
  if (!view) return failure(view.error().text());
  return host_view(*view);
}

}  // namespace quoin::apps

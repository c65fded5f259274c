// What the control client tells the node: the network map, and how it stands with the server.
#include <algorithm>
#include <utility>

#include "node/node.h"

namespace quoin::node {
namespace {

path::RelayMap for_paths(const control::RelayMap& relays) {
  path::RelayMap map;
  for (const auto& [id, region] : relays.regions) {
    if (id <= 0 || id > 65'535 || map.size() == path::regions_max) continue;
    path::Region out;
    out.id = static_cast<path::RegionId>(id);
    out.never_home = region.avoid || region.no_measure_no_home;
    if (const auto score = relays.region_score.find(id); score != relays.region_score.end()) out.score = score->second;
    for (const control::DerpNode& node : region.nodes) {
      if (node.stun_port < 0 || node.stun_port > 65'535) continue;
      out.stun =
          path::StunServer{node.host_name, IpAddress::parse(node.ipv4), IpAddress::parse(node.ipv6),
                           node.stun_port == 0 ? path::stun_port_default : static_cast<std::uint16_t>(node.stun_port)};
      break;
    }
    map.push_back(std::move(out));
  }
  return map;
}

}  // namespace

void Node::handle_netmap(const control::NetmapChange& change, Instant now) {
  const control::Netmap& netmap = control_.netmap();
  if (change.relays) {
    relays_.set_map(netmap.relays());
    paths_.set_relay_map(for_paths(netmap.relays()), now);
    settle_paths(now);  // each peer may have an event of it
  }
  if (change.self && netmap.self() && netmap.self()->machine_authorized) {
    outbox_.solved(ProblemKind::join_key_refused);  // an administrator has approved
    std::vector<IpAddress> addresses;
    for (const Prefix& prefix : netmap.self()->addresses) {
      if (prefix.is_host()) addresses.push_back(prefix.network());
    }
    std::ranges::sort(addresses);
    if (addresses_.empty() && !addresses.empty()) {
      addresses_ = addresses;
      outbox_.tell(Registered{node_key_, netmap.self()->name, addresses});
      home_may_be_up(now);
    } else if (!addresses_.empty() && addresses != addresses_) {
      outbox_.tell(AddressesChanged{Registered{node_key_, netmap.self()->name, addresses}});
    }
  }
  if (!is_logging_out_) peers_.handle_change(netmap, change, wall(now), now);
  plan_expiry_check(now);
  if (change.filter) {
    tell_of_filter();
    outbox_.filter_changed();
  }
}

void Node::tell_of_filter() {
  if (control_.netmap().filter_refused()) {
    outbox_.problem(ProblemKind::control_map, "its packet filter is too long or cannot be read, and nothing passes");
  } else {
    outbox_.solved(ProblemKind::control_map);
  }
}

void Node::handle(const control::ClientEvent& event, Instant now) {
  if (const auto* want = std::get_if<control::WantConnection>(&event)) {
    drop_control();
    control_wants_key_ = want->fetch_key;
    control_stream_ = outbox_.name_stream();
    control_output_.clear();
    control_output_sent_ = 0;
    outbox_.tell(WantStream{control_stream_, ControlStream{}});
  } else if (std::holds_alternative<control::WantJoinKey>(event)) {
    outbox_.tell(WantJoinKey{});
  } else if (const auto* registered = std::get_if<control::Registered>(&event)) {
    outbox_.solved(ProblemKind::join_key_refused);
    outbox_.solved(ProblemKind::forgotten);
    if (!registered->machine_authorized)
      outbox_.problem(ProblemKind::join_key_refused, "the node waits for an administrator's approval");
  } else if (const auto* unregistered = std::get_if<control::RegistrationFailed>(&event)) {
    outbox_.problem(ProblemKind::control_unreachable,
                    "the control server did not register the node: " + unregistered->text);
  } else if (const auto* refused = std::get_if<control::JoinKeyRefused>(&event)) {
    outbox_.problem(ProblemKind::join_key_refused, refused->text);
  } else if (std::holds_alternative<control::MapStreamOpened>(event)) {
    paths_.set_control_connected(true, now);
    for (const auto kind : {ProblemKind::control_unreachable, ProblemKind::control_certificate,
                            ProblemKind::control_key, ProblemKind::not_a_control_server}) {
      outbox_.solved(kind);
    }
    tell_of_filter();
  } else if (const auto* lost = std::get_if<control::MapStreamLost>(&event)) {
    paths_.set_control_connected(false, now);
    if (lost->is_unusable) {
      outbox_.problem(ProblemKind::control_map, lost->text);
    } else {
      outbox_.problem(ProblemKind::control_unreachable, "the control server sends no network map: " + lost->text);
    }
  } else if (const auto* changed = std::get_if<control::NetmapChanged>(&event)) {
    handle_netmap(changed->change, now);
  } else if (const auto* told = std::get_if<control::HomeRegionTold>(&event)) {
    told_home_ = static_cast<path::RegionId>(told->region);
    home_may_be_up(now);
  } else if (const auto* ignored = std::get_if<control::FeatureIgnored>(&event)) {
    outbox_.tell(FeatureIgnored{ignored->name});
  } else if (const auto* wrong = std::get_if<control::NotAControlServer>(&event)) {
    outbox_.problem(ProblemKind::not_a_control_server, wrong->text);
    drop_control();
  } else if (const auto* handshake = std::get_if<control::HandshakeRefused>(&event)) {
    outbox_.problem(ProblemKind::control_key, handshake->text);
    drop_control();
  } else if (std::holds_alternative<control::KeyMismatch>(event)) {
    outbox_.problem(ProblemKind::control_key, "its key is not the one pinned as server_key");
    drop_control();
  } else if (std::holds_alternative<control::ConnectionLost>(event)) {
    paths_.set_control_connected(false, now);
    drop_control();
  } else if (std::holds_alternative<control::Forgotten>(event)) {
    outbox_.problem(ProblemKind::forgotten, "the control server no longer knows this node");
  } else if (const auto* out = std::get_if<control::LoggedOut>(&event)) {
    drop_control();
    outbox_.tell(LoggedOut{out->told});
  }
}

}  // namespace quoin::node

// The names on the wire, once for both directions and both sides.
#include "control/messages.h"

#include "json/codec.h"

namespace quoin::json {

using namespace quoin::control;
constexpr auto skipped = Elements::skipped;
constexpr auto written = Zero::written;

template <>
struct Shape<NetInfo> {
  static constexpr auto members = std::tuple{member("MappingVariesByDestIP", &NetInfo::mapping_varies_by_dest_ip),
                                             member("WorkingIPv6", &NetInfo::working_ipv6),
                                             member("OSHasIPv6", &NetInfo::os_has_ipv6),
                                             member("WorkingUDP", &NetInfo::working_udp),
                                             member("PreferredDERP", &NetInfo::preferred_derp),
                                             member("DERPLatency", &NetInfo::derp_latency)};
};
template <>
struct Shape<Service> {
  static constexpr auto members = std::tuple{member("Proto", &Service::proto), member("Port", &Service::port)};
};
template <>
struct Shape<Hostinfo> {
  static constexpr auto members = std::tuple{member("IPNVersion", &Hostinfo::ipn_version),
                                             member("BackendLogID", &Hostinfo::backend_log_id),
                                             member("OS", &Hostinfo::os),
                                             member("Hostname", &Hostinfo::hostname),
                                             member("GoArch", &Hostinfo::go_arch),
                                             member("Userspace", &Hostinfo::userspace),
                                             member("UserspaceRouter", &Hostinfo::userspace_router),
                                             member("RoutableIPs", &Hostinfo::routable_ips, skipped),
                                             member("RequestTags", &Hostinfo::request_tags),
                                             member("Services", &Hostinfo::services),
                                             member("NetInfo", &Hostinfo::net_info)};
};
template <>
struct Shape<RegisterAuth> {
  static constexpr auto members = std::tuple{member("AuthKey", &RegisterAuth::auth_key)};
};
template <>
struct Shape<RegisterRequest> {
  static constexpr auto members = std::tuple{member("Version", &RegisterRequest::version, written),
                                             member("NodeKey", &RegisterRequest::node_key, written),
                                             member("OldNodeKey", &RegisterRequest::old_node_key, written),
                                             member("Auth", &RegisterRequest::auth),
                                             member("Expiry", &RegisterRequest::expiry, written),
                                             member("Followup", &RegisterRequest::followup),
                                             member("Hostinfo", &RegisterRequest::hostinfo),
                                             member("Ephemeral", &RegisterRequest::ephemeral)};
};
template <>
struct Shape<User> {
  static constexpr auto members = std::tuple{member("ID", &User::id), member("DisplayName", &User::display_name)};
};
template <>
struct Shape<Login> {
  static constexpr auto members =
      std::tuple{member("ID", &Login::id), member("Provider", &Login::provider),
                 member("LoginName", &Login::login_name), member("DisplayName", &Login::display_name)};
};
template <>
struct Shape<RegisterResponse> {
  static constexpr auto members =
      std::tuple{member("User", &RegisterResponse::user),
                 member("Login", &RegisterResponse::login),
                 member("NodeKeyExpired", &RegisterResponse::node_key_expired, written),
                 member("MachineAuthorized", &RegisterResponse::machine_authorized, written),
                 member("AuthURL", &RegisterResponse::auth_url, written),
                 member("Error", &RegisterResponse::error, written)};
};
template <>
struct Shape<Node> {
  static constexpr auto members = std::tuple{member("ID", &Node::id),
                                             member("StableID", &Node::stable_id),
                                             member("Name", &Node::name),
                                             member("User", &Node::user),
                                             member("Key", &Node::key, written),
                                             member("KeyExpiry", &Node::key_expiry, written),
                                             member("Machine", &Node::machine),
                                             member("DiscoKey", &Node::disco_key),
                                             member("Addresses", &Node::addresses, skipped),
                                             member("AllowedIPs", &Node::allowed_ips, skipped),
                                             member("Endpoints", &Node::endpoints, skipped),
                                             member("HomeDERP", &Node::home_derp),
                                             member("DERP", &Node::legacy_derp),
                                             member("Hostinfo", &Node::hostinfo),
                                             member("Created", &Node::created),
                                             member("Cap", &Node::cap),
                                             member("Tags", &Node::tags),
                                             member("Online", &Node::online),
                                             member("LastSeen", &Node::last_seen),
                                             member("MachineAuthorized", &Node::machine_authorized),
                                             member("Expired", &Node::expired),
                                             member("IsWireGuardOnly", &Node::is_wireguard_only),
                                             member("IsJailed", &Node::is_jailed),
                                             member("UnsignedPeerAPIOnly", &Node::unsigned_peer_api_only)};
};
template <>
struct Shape<PeerChange> {
  static constexpr auto members = std::tuple{member("NodeID", &PeerChange::node_id),
                                             member("DERPRegion", &PeerChange::derp_region),
                                             member("Endpoints", &PeerChange::endpoints, skipped),
                                             member("Key", &PeerChange::key),
                                             member("DiscoKey", &PeerChange::disco_key),
                                             member("Online", &PeerChange::online),
                                             member("LastSeen", &PeerChange::last_seen),
                                             member("KeyExpiry", &PeerChange::key_expiry)};
};
template <>
struct Shape<UserProfile> {
  static constexpr auto members =
      std::tuple{member("ID", &UserProfile::id), member("LoginName", &UserProfile::login_name),
                 member("DisplayName", &UserProfile::display_name)};
};
template <>
struct Shape<DerpNode> {
  static constexpr auto members =
      std::tuple{member("Name", &DerpNode::name),          member("RegionID", &DerpNode::region_id),
                 member("HostName", &DerpNode::host_name), member("CertName", &DerpNode::cert_name),
                 member("IPv4", &DerpNode::ipv4),          member("IPv6", &DerpNode::ipv6),
                 member("STUNPort", &DerpNode::stun_port), member("STUNOnly", &DerpNode::stun_only),
                 member("DERPPort", &DerpNode::derp_port), member("CanPort80", &DerpNode::can_port80)};
};
template <>
struct Shape<DerpRegion> {
  static constexpr auto members = std::tuple{member("RegionID", &DerpRegion::region_id),
                                             member("RegionCode", &DerpRegion::region_code),
                                             member("RegionName", &DerpRegion::region_name),
                                             member("Avoid", &DerpRegion::avoid),
                                             member("NoMeasureNoHome", &DerpRegion::no_measure_no_home),
                                             member("Nodes", &DerpRegion::nodes, written)};
};
template <>
struct Shape<DerpHomeParams> {
  static constexpr auto members = std::tuple{member("RegionScore", &DerpHomeParams::region_score)};
};
template <>
struct Shape<DerpMap> {
  static constexpr auto members =
      std::tuple{member("HomeParams", &DerpMap::home_params), member("Regions", &DerpMap::regions)};
};
template <>
struct Shape<PortRange> {
  static constexpr auto members =
      std::tuple{member("First", &PortRange::first, written), member("Last", &PortRange::last, written)};
};
template <>
struct Shape<NetPortRange> {
  static constexpr auto members =
      std::tuple{member("IP", &NetPortRange::ip, written), member("Bits", &NetPortRange::bits),
                 member("Ports", &NetPortRange::ports)};
};
template <>
struct Shape<FilterRule> {
  static constexpr auto members =
      std::tuple{member("SrcIPs", &FilterRule::src_ips, written), member("SrcBits", &FilterRule::src_bits),
                 member("DstPorts", &FilterRule::dst_ports), member("IPProto", &FilterRule::ip_proto)};
};
template <>
struct Shape<MapRequest> {
  static constexpr auto members = std::tuple{member("Version", &MapRequest::version, written),
                                             member("Compress", &MapRequest::compress),
                                             member("KeepAlive", &MapRequest::keep_alive),
                                             member("NodeKey", &MapRequest::node_key, written),
                                             member("DiscoKey", &MapRequest::disco_key, written),
                                             member("Stream", &MapRequest::stream),
                                             member("Hostinfo", &MapRequest::hostinfo),
                                             member("Endpoints", &MapRequest::endpoints, skipped),
                                             member("EndpointTypes", &MapRequest::endpoint_types),
                                             member("OmitPeers", &MapRequest::omit_peers),
                                             member("ReadOnly", &MapRequest::read_only)};
};
template <>
struct Shape<MapResponse> {
  static constexpr auto members = std::tuple{member("KeepAlive", &MapResponse::keep_alive),
                                             member("Node", &MapResponse::node),
                                             member("DERPMap", &MapResponse::derp_map),
                                             member("Peers", &MapResponse::peers),
                                             member("PeersRemoved", &MapResponse::peers_removed),
                                             member("PeersChanged", &MapResponse::peers_changed),
                                             member("OnlineChange", &MapResponse::online_change),
                                             member("PeersChangedPatch", &MapResponse::peers_changed_patch),
                                             member("PacketFilter", &MapResponse::packet_filter),
                                             member("PacketFilters", &MapResponse::packet_filters),
                                             member("UserProfiles", &MapResponse::user_profiles),
                                             member("ControlTime", &MapResponse::control_time)};
};

}  // namespace quoin::json

namespace quoin::control {
namespace {

constexpr json::Limits small_limits{
    .bytes_max = request_bytes_max, .values_max = small_message_values_max, .decoded_bytes_max = 2 * 1024 * 1024};
constexpr json::Limits map_limits{
    .bytes_max = map_message_bytes_max, .values_max = map_values_max, .decoded_bytes_max = 8 * 1024 * 1024};

}  // namespace

std::string encode(const RegisterRequest& message) {
  // Reserved, so that a join key in it is not left behind in an outgrown block.
  std::string out;
  out.reserve(16 * 1024);
  json::write_to(out, message);
  return out;
}
std::string encode(const RegisterResponse& message) {
  return json::write(message);
}
std::string encode(const MapRequest& message) {
  return json::write(message);
}
std::string encode(const MapResponse& message) {
  return json::write(message);
}

Result<RegisterRequest, json::Error> decode_register_request(Bytes text) {
  return json::read<RegisterRequest>(text, small_limits);
}
Result<RegisterResponse, json::Error> decode_register_response(Bytes text) {
  return json::read<RegisterResponse>(text, small_limits);
}
Result<MapRequest, json::Error> decode_map_request(Bytes text) {
  return json::read<MapRequest>(text, small_limits);
}
Result<MapResponse, json::Error> decode_map_response(Bytes text, std::vector<std::string>* others) {
  return json::read<MapResponse>(text, map_limits, others);
}
}  // namespace quoin::control

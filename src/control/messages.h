// The messages of the control protocol: what a node and a control server tell each other in JSON.
//
// Source: tailscale tailcfg (RegisterRequest, MapRequest, MapResponse and what they hold), as its clients up to
// capability version 119 and headscale use them. Both sides share these types. Only fields that this project acts on
// are here; what else a control server may ask for (DNS, SSH, pings, pop-ups, logs, updates, routes, ...) has no member
// that could hold it: unknown members are skipped, and the outermost ones of a MapResponse are named to the caller.
//
// Leniencies: an address, prefix or endpoint that cannot be read is dropped from its list instead of refusing the whole
// message (Go reads zones and prefixes with host bits; what we cannot read we do not use).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "control/timestamp.h"
#include "crypto/keys.h"
#include "json/json.h"

namespace quoin::control {

using NodeId = std::int64_t;  // positive
using UserId = std::int64_t;
using RegionId = std::int32_t;  // 1 to 65535; 0 is none

constexpr std::uint16_t capability_version = 119;  // the latest whose every promise is kept: no UDP relaying
constexpr std::size_t map_message_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t request_bytes_max = 1024 * 1024;
constexpr std::size_t register_response_bytes_max = 1024 * 1024;
constexpr std::size_t map_values_max = 250'000;
constexpr std::size_t small_message_values_max = 20'000;

// ---- what a node says of itself ---------------------------------------------------------------------------------

struct NetInfo {
  std::optional<bool> mapping_varies_by_dest_ip;
  std::optional<bool> working_ipv6;
  std::optional<bool> os_has_ipv6;
  std::optional<bool> working_udp;
  RegionId preferred_derp = 0;
  std::map<std::string, double> derp_latency;  // "<region>-v4": seconds
  bool operator==(const NetInfo&) const = default;
};

struct Service {
  std::string proto;
  std::uint16_t port = 0;
  bool operator==(const Service&) const = default;
};

struct Hostinfo {
  std::string ipn_version;
  std::string backend_log_id;
  std::string os;
  std::string hostname;
  std::string go_arch;
  std::optional<bool> userspace;
  std::optional<bool> userspace_router;
  std::vector<Prefix> routable_ips;
  std::vector<std::string> request_tags;
  std::vector<Service> services;
  std::optional<NetInfo> net_info;
  bool operator==(const Hostinfo&) const = default;
};

// ---- registration -----------------------------------------------------------------------------------------------

struct RegisterAuth {
  std::string auth_key;
};

struct RegisterRequest {
  std::uint16_t version = capability_version;
  crypto::NodePublicKey node_key;
  crypto::NodePublicKey old_node_key;
  std::optional<RegisterAuth> auth;
  Timestamp expiry;  // in the past: log out
  std::string followup;
  Hostinfo hostinfo;
  bool ephemeral = false;
};

struct User {
  UserId id = 0;
  std::string display_name;
};
struct Login {
  std::int64_t id = 0;
  std::string provider;
  std::string login_name;
  std::string display_name;
};

struct RegisterResponse {
  User user;
  Login login;
  bool node_key_expired = false;
  bool machine_authorized = false;
  std::string auth_url;
  std::string error;
};

// ---- the network map --------------------------------------------------------------------------------------------

struct Node {
  NodeId id = 0;
  std::string stable_id;
  std::string name;  // full domain name with its dot
  UserId user = 0;
  crypto::NodePublicKey key;
  Timestamp key_expiry;
  crypto::MachinePublicKey machine;
  crypto::DiscoPublicKey disco_key;
  std::vector<Prefix> addresses;
  std::optional<std::vector<Prefix>> allowed_ips;  // absent: the same as addresses
  std::vector<Endpoint> endpoints;
  RegionId home_derp = 0;
  std::string legacy_derp;  // "127.3.3.40:<region>", before version 111
  std::optional<Hostinfo> hostinfo;
  Timestamp created;
  std::uint32_t cap = 0;
  std::vector<std::string> tags;
  std::optional<bool> online;
  std::optional<Timestamp> last_seen;
  bool machine_authorized = false;
  bool expired = false;
  bool is_wireguard_only = false;
  bool is_jailed = false;
  bool unsigned_peer_api_only = false;
};

struct PeerChange {  // only what is present changes
  NodeId node_id = 0;
  RegionId derp_region = 0;
  std::optional<std::vector<Endpoint>> endpoints;
  std::optional<crypto::NodePublicKey> key;
  std::optional<crypto::DiscoPublicKey> disco_key;
  std::optional<bool> online;
  std::optional<Timestamp> last_seen;
  std::optional<Timestamp> key_expiry;
};

struct UserProfile {
  UserId id = 0;
  std::string login_name;
  std::string display_name;
};

// One relay host. There is no member for "do not verify its certificate" (InsecureForTests): nobody can ask for that.
struct DerpNode {
  std::string name;
  RegionId region_id = 0;
  std::string host_name;
  std::string cert_name;  // another name to verify, or "sha256-raw:<hex of the leaf>"
  std::string ipv4;       // instead of resolving; "none" disables the family
  std::string ipv6;
  std::int32_t stun_port = 0;  // 0: 3478; -1: no STUN
  bool stun_only = false;
  std::uint16_t derp_port = 0;  // 0: 443
  bool can_port80 = false;
  bool operator==(const DerpNode&) const = default;
};
struct DerpRegion {
  RegionId region_id = 0;
  std::string region_code;
  std::string region_name;
  bool avoid = false;
  bool no_measure_no_home = false;
  std::vector<DerpNode> nodes;
  bool operator==(const DerpRegion&) const = default;
};
struct DerpHomeParams {
  std::optional<std::map<RegionId, double>> region_score;  // multiplies measured latency
};
struct DerpMap {
  std::optional<DerpHomeParams> home_params;                             // absent: unchanged
  std::optional<std::map<RegionId, std::optional<DerpRegion>>> regions;  // absent: unchanged
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  bool operator==(const PortRange&) const = default;
};
struct NetPortRange {
  std::string ip;                    // "*", address, prefix or "a-b"
  std::optional<std::int32_t> bits;  // obsolete: its presence is an error
  PortRange ports;
  bool operator==(const NetPortRange&) const = default;
};
struct FilterRule {
  std::vector<std::string> src_ips;    // as above, or "cap:<capability>"
  std::vector<std::int32_t> src_bits;  // obsolete: its presence is an error
  std::vector<NetPortRange> dst_ports;
  std::vector<std::int32_t> ip_proto;  // none: TCP, UDP, ICMP, ICMPv6
  bool operator==(const FilterRule&) const = default;
};
using FilterRules = std::vector<FilterRule>;

enum class EndpointType : std::int32_t {
  unknown = 0,
  local = 1,
  stun = 2,
  port_mapped = 3,
  stun_local_port = 4,
  explicit_configuration = 5
};

struct MapRequest {
  std::uint16_t version = capability_version;
  std::string compress;  // "zstd" or nothing
  bool keep_alive = false;
  crypto::NodePublicKey node_key;
  crypto::DiscoPublicKey disco_key;
  bool stream = false;  // with omit_peers false; the two false and true: a lite update
  std::optional<Hostinfo> hostinfo;
  std::vector<Endpoint> endpoints;
  std::vector<std::int32_t> endpoint_types;  // EndpointType, parallel
  bool omit_peers = false;
  bool read_only = false;
};

struct MapResponse {
  bool keep_alive = false;
  std::optional<Node> node;
  std::optional<DerpMap> derp_map;
  std::vector<Node> peers;  // not empty: all of them, and the four below do not count
  std::vector<NodeId> peers_removed;
  std::vector<Node> peers_changed;
  std::map<NodeId, bool> online_change;
  std::vector<PeerChange> peers_changed_patch;
  std::optional<FilterRules> packet_filter;                                         // the filter named "base"
  std::optional<std::map<std::string, std::optional<FilterRules>>> packet_filters;  // null deletes; "*":null clears
  std::vector<UserProfile> user_profiles;
  std::optional<Timestamp> control_time;
};

// ---- codec ------------------------------------------------------------------------------------------------------

std::string encode(const RegisterRequest& message);
std::string encode(const RegisterResponse& message);
std::string encode(const MapRequest& message);
std::string encode(const MapResponse& message);

Result<RegisterRequest, json::Error> decode_register_request(Bytes text);
Result<RegisterResponse, json::Error> decode_register_response(Bytes text);
Result<MapRequest, json::Error> decode_map_request(Bytes text);
// `others` receives the names of outermost members that this type does not have.
Result<MapResponse, json::Error> decode_map_response(Bytes text, std::vector<std::string>* others = nullptr);

}  // namespace quoin::control

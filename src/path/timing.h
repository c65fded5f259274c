// The intervals of path selection, with the names and values that the other nodes of a tailnet use
// (Tailscale, wgengine/magicsock, net/netcheck).
#pragma once

#include "base/time.h"

namespace quoin::path {

// One peer's path.
constexpr Duration ping_timeout = seconds(5);
constexpr Duration ping_interval_min = seconds(5);   // between two pings of one candidate, heartbeats apart
constexpr Duration heartbeat_interval = seconds(3);  // to the best address, while data flows
constexpr Duration session_active = seconds(45);     // data counts as flowing this long after the last of it
constexpr Duration trust_after_pong = milliseconds(6500);
constexpr Duration full_discovery_interval = seconds(60);      // looking for something better than the best address
constexpr Duration good_enough_latency = milliseconds(5);      // below this we do not look
constexpr Duration pinged_candidate_lifetime = seconds(45);    // known only from a ping of the peer
constexpr Duration call_me_maybe_interval_min = seconds(1);    // between two of ours, and between two that we react to
constexpr Duration call_me_maybe_interval_blind = seconds(5);  // of ours, while the peer has no address at all

// Whether datagrams of full size pass.
constexpr Duration size_probe_interval = milliseconds(500);  // to one address, heartbeats apart
constexpr int size_probes_max = 6;                           // in a row without an answer
constexpr Duration size_probe_patience = seconds(1);         // after the last of them; then they count as lost
constexpr Duration inbound_pause_first = minutes(5);         // for which a peer's pings are not answered; then doubled
constexpr Duration inbound_pause_max = hours(1);

// Own endpoints and the home region.
constexpr Duration endpoints_fresh = seconds(27);  // NATs keep a mapping for 30 s
constexpr Duration own_endpoint_lifetime = seconds(310);
constexpr Duration stun_timeout = seconds(3);
constexpr Duration stun_retransmit_interval = milliseconds(100);
constexpr int stun_tries = 3;
constexpr Duration stun_report_interval_min = seconds(1);  // however often one is asked for
constexpr Duration stun_period_min = seconds(20);
constexpr Duration stun_period_spread = seconds(6);
constexpr Duration first_home_wait = seconds(1);  // for STUN answers, before a home is chosen without
constexpr Duration latency_window = seconds(305);
constexpr Duration home_gain_min = milliseconds(10);
constexpr Duration home_down_patience = seconds(10);  // then another region is tried
constexpr Duration home_down_avoidance = minutes(5);

// Relay connections.
constexpr Duration relay_idle = seconds(60);

}  // namespace quoin::path

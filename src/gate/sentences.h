// What the person at the agent is told. Kept together so that it stays one voice: what is wrong, then what to do.
#pragma once

#include <string>

#include "gate/commands.h"
#include "gate/config.h"
#include "gate/lock.h"
#include "gate/session.h"
#include "pair/messages.h"

namespace quoin::gate {

// What a problem of the tunnel means for an opening; `text` is the tunnel's own word on it.
Session::Ending problem_ending(pair::ProblemKind kind, const std::string& text, const Config& config);
// Whether waiting can help.
bool is_final(pair::ProblemKind kind);

Session::Ending silent_ending(const DeviceConfig& device, const Finding& silence);
Session::Ending other_device_ending(const DeviceConfig& device, const Finding& finding);
Session::Ending slow_ending();
Session::Ending unknown_host_ending(const std::string& why);
Session::Ending moved_ending(const DeviceConfig& device);
Session::Ending own_network_ending(const DeviceConfig& device, const IpAddress& address, const Prefix& network,
                                   const Config& config);
Session::Ending audit_ending();
Session::Ending slow_audit_ending();
Session::Ending expired_ending();
Session::Ending clocks_ending();
Session::Ending tunnel_ending(const std::string& how);
Session::Ending rules_ending(const std::string& what);

std::string opened_sentence(const DeviceStatus& status, Duration lasts);
std::string extended_sentence(const DeviceStatus& status, Duration lasts);
// While it is open.
std::string silence_sentence(const DeviceConfig& device, Finding::Kind silence, WallTime since);
std::string recognised_again_sentence(const DeviceConfig& device);
std::string not_passive_sentence(const DeviceConfig& device, std::uint16_t port);
// Why it is that this host's networks are not known.
std::string unknown_host_sentence(const std::string& why);
std::string ends_soon_sentence(const std::string& device);
std::string status_text(const Reply& reply);
std::string problem_word(pair::ProblemKind kind);

}  // namespace quoin::gate

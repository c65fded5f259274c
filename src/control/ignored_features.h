// What control servers ask for in map messages and this project never does: counted under names of a closed list, so
// that it can be noted once without a server choosing the words.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace quoin::control {

class IgnoredFeatures {
 public:
  // Counts a member of a map message. Gives the feature's name the first time it is met.
  std::optional<std::string_view> note(std::string_view member);
  std::uint64_t total() const;

 private:
  static constexpr std::array<std::string_view, 14> names_{"PingRequest",
                                                           "DNSConfig",
                                                           "SSHPolicy",
                                                           "Debug",
                                                           "PopBrowserURL",
                                                           "ControlDialPlan",
                                                           "ClientVersion",
                                                           "TKAInfo",
                                                           "Health",
                                                           "DisplayMessages",
                                                           "CollectServices",
                                                           "DefaultAutoUpdate",
                                                           "DomainDataPlaneAuditLogID",
                                                           "other"};
  std::array<std::uint64_t, names_.size()> counts_{};
};

}  // namespace quoin::control

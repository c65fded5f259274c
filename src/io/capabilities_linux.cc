#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/capabilities.h"

namespace quoin::io {

namespace {

constexpr std::array kept_by_gate = {
    CAP_NET_RAW,           // ARP requests and neighbour solicitations of its own, echo requests to the device
    CAP_SETUID,            // each tunnel, resolver and quoin-snmp is a user of its own
    CAP_SETGID,            // and of a group of its own
    CAP_KILL,              // and is killed all the same
    CAP_NET_BIND_SERVICE,  // ports below 1024 towards a printer's LPD service, which may take no others
    CAP_IPC_LOCK,          // its memory stays out of swap also where RLIMIT_MEMLOCK could not be raised
};

using Sets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

bool read_sets(Sets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return syscall(SYS_capget, &header, sets.data()) == 0;
}

}  // namespace

bool has_capabilities(std::initializer_list<int> numbers) {
  Sets held{};
  if (!read_sets(held)) return false;
  return std::ranges::all_of(numbers, [&](int number) {
    const auto each = static_cast<std::uint32_t>(number);
    return (held.at(each / 32).effective >> each % 32 & 1) != 0;
  });
}

std::span<const int> capabilities_of_gate() {
  return kept_by_gate;
}

Result<void, SystemError> give_up_capabilities_except(std::span<const int> kept) {
  Sets held{};
  if (!read_sets(held)) return system_failure("read capabilities");
  Sets wanted{};
  for (const int number : kept) {
    const auto each = static_cast<std::uint32_t>(number);
    wanted.at(each / 32).permitted |= held.at(each / 32).permitted & (1U << each % 32);
  }
  for (auto& each : wanted) each.effective = each.permitted;
  // Without CAP_SETPCAP the bounding set cannot shrink, but then no_new_privs keeps all that is in it out of reach.
  for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++) {
    if (std::ranges::find(kept, number) != kept.end()) continue;
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0 && errno != EPERM) return system_failure("drop a capability");
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return system_failure("drop ambient capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (syscall(SYS_capset, &header, wanted.data()) != 0) return system_failure("drop capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_failure("refuse new privileges");
  return {};
}

}  // namespace quoin::io

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

#include <dirent.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "io/capabilities.h"
#include "io/limits.h"

namespace quoin::io {

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur >= descriptors_wanted) return limit.rlim_cur;
  rlimit wanted{descriptors_wanted, std::max<rlim_t>(limit.rlim_max, descriptors_wanted)};
  if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return wanted.rlim_cur;
  wanted = {limit.rlim_max, limit.rlim_max};  // the hard limit is for CAP_SYS_RESOURCE to raise
  return setrlimit(RLIMIT_NOFILE, &wanted) == 0 ? wanted.rlim_cur : limit.rlim_cur;
}

Result<void, SystemError> forbid_core_dumps() {
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return system_failure("forbid core dumps");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_failure("forbid reading of our memory");
  return {};
}

Result<void, SystemError> keep_out_of_swap([[maybe_unused]] Capabilities later) {
#ifndef QUOIN_SANITIZED
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  const bool is_unlimited = setrlimit(RLIMIT_MEMLOCK, &all) == 0;  // children inherit it
  const bool needs_no_limit = later == Capabilities::kept && has_capabilities({CAP_IPC_LOCK});
  // Under a limit that is far enough off the lock would succeed, and an allocation fail later.
  if (!is_unlimited && !needs_no_limit) return std::unexpected(SystemError{"keep memory out of swap", EPERM});
  // Only what is touched is locked: a thread's stack is mostly not.
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) return system_failure("keep memory out of swap");
#endif
  return {};
}

bool has_swap() {
  std::ifstream table("/proc/swaps");
  std::string line;
  return std::getline(table, line) && std::getline(table, line);  // a heading, then one for each
}

std::size_t open_descriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::size_t entries = 0;
  while (readdir(folder) != nullptr) entries++;
  closedir(folder);
  return entries - 3;  // ".", ".." and the folder's own
}

}  // namespace quoin::io

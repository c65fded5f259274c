#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/confinement.h"
#include "io/descriptor.h"

namespace quoin::io {

namespace {

// Newer than the headers of Debian 12; the kernel is asked which it knows.
constexpr std::uint64_t truncate_file = 1ULL << 14;
constexpr std::uint64_t use_devices = 1ULL << 15;

std::uint64_t changes_known_to(long version) {
  std::uint64_t all = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                      LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                      LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                      LANDLOCK_ACCESS_FS_MAKE_SYM;
  if (version >= 3) all |= truncate_file;
  if (version >= 5) all |= use_devices;
  return all;
}

Result<void, SystemError> allow(const Descriptor& rules, const std::string& folder, std::uint64_t changes) {
  const Descriptor opened(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return system_failure("open " + folder);
  const landlock_path_beneath_attr beneath{.allowed_access = changes, .parent_fd = opened.number()};
  if (syscall(SYS_landlock_add_rule, rules.number(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0) {
    return system_failure("allow writing to " + folder);
  }
  return {};
}

}  // namespace

Result<bool, SystemError> write_only_to(const Writable& writable) {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version <= 0) return false;
  const std::uint64_t known = changes_known_to(version);
  const landlock_ruleset_attr handled{.handled_access_fs = known};
  const Descriptor rules(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, sizeof handled.handled_access_fs, 0)));
  if (!rules) return false;
  for (const std::string& folder : writable.file_folders) {
    TRY(allow(rules, folder,
              known & (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                       truncate_file)));
  }
  for (const std::string& folder : writable.socket_folders) {
    TRY(allow(rules, folder, LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE));
  }
  if (syscall(SYS_landlock_restrict_self, rules.number(), 0) != 0) return false;
  return true;
}

}  // namespace quoin::io

#include <array>

#include <grp.h>
#include <pwd.h>

#include "io/accounts.h"

namespace quoin::io {

namespace {

constexpr std::size_t entry_bytes_max = 64 * 1024;  // a group with thousands of members still fits

}  // namespace

std::optional<std::uint32_t> group_number(const std::string& name) {
  std::array<char, entry_bytes_max> space;
  group entry{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, space.data(), space.size(), &found) != 0 || found == nullptr) {
    return std::nullopt;
  }
  return found->gr_gid;
}

std::optional<std::string> user_name(std::uint32_t user) {
  std::array<char, entry_bytes_max> space;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(user, &entry, space.data(), space.size(), &found) != 0 || found == nullptr) return std::nullopt;
  return std::string(found->pw_name);
}

}  // namespace quoin::io

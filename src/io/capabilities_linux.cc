#include <algorithm>
#include <array>
#include <cstdint>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/capabilities.h"

namespace quoin::io {

bool has_capabilities(std::initializer_list<int> numbers) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> held{};
  if (syscall(SYS_capget, &header, held.data()) != 0) return false;
  return std::ranges::all_of(numbers, [&](int number) {
    const auto each = static_cast<std::uint32_t>(number);
    return (held.at(each / 32).effective >> each % 32 & 1) != 0;
  });
}

}  // namespace quoin::io

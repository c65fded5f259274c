// The system's accounts by name and number (passwd(5), group(5), and whatever else the system resolves them with).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace quoin::io {

std::optional<std::uint32_t> group_number(const std::string& name);
std::optional<std::string> user_name(std::uint32_t user);

}  // namespace quoin::io

// For tests: a neighbour on a link of our own (see isolated_network_linux.cc).
#pragma once

#include <string>

namespace quoin::io {

constexpr const char* near_address = "192.0.2.1";  // ours, /24; the default route goes to 192.0.2.254
constexpr const char* far_address = "192.0.2.2";
constexpr const char* far_address_v6 = "2001:db8:1::2";
constexpr const char* far_mac = "020000000002";

bool neighbour_is_there();
bool command_next_door(const std::string& line);  // in the neighbour's network
bool command_here(const std::string& line);

}  // namespace quoin::io

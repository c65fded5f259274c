// The name servers of this host, as resolv.conf(5) lists them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"

namespace quoin::io {

// What stands behind "nameserver", with its zone if it has one (fe80::1%eth0).
std::vector<std::string> name_servers_named_in(std::string_view resolv_conf);
// Those of them that are addresses, without zones.
std::vector<IpAddress> name_servers_in(std::string_view resolv_conf);

}  // namespace quoin::io

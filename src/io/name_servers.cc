#include "io/name_servers.h"

#include <algorithm>

namespace quoin::io {

std::vector<std::string> name_servers_named_in(std::string_view resolv_conf) {
  constexpr std::string_view keyword = "nameserver";
  constexpr std::string_view blanks = " \t\r";
  std::vector<std::string> servers;
  while (!resolv_conf.empty()) {
    const std::size_t end = std::min(resolv_conf.find('\n'), resolv_conf.size());
    std::string_view line = resolv_conf.substr(0, end);
    resolv_conf.remove_prefix(std::min(end + 1, resolv_conf.size()));

    if (!line.starts_with(keyword)) continue;
    line.remove_prefix(keyword.size());
    const std::size_t start = line.find_first_not_of(blanks);
    if (start == 0 || start == std::string_view::npos) continue;
    line.remove_prefix(start);
    servers.emplace_back(line.substr(0, line.find_first_of(" \t\r#;")));
  }
  return servers;
}

std::vector<IpAddress> name_servers_in(std::string_view resolv_conf) {
  std::vector<IpAddress> servers;
  for (const std::string& each : name_servers_named_in(resolv_conf)) {
    if (const auto server = IpAddress::parse(each.substr(0, each.find('%')))) servers.push_back(*server);
  }
  return servers;
}

}  // namespace quoin::io

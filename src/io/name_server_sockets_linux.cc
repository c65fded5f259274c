#include <memory>
#include <string>

#include <netdb.h>
#include <sys/socket.h>

#include "io/files.h"
#include "io/name_server_sockets.h"
#include "io/name_servers.h"

namespace quoin::io {

namespace {

constexpr std::size_t resolv_conf_bytes_max = 64 * 1024;

Descriptor connected_to(const std::string& server) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(server.c_str(), "53", &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, &freeaddrinfo);
  Descriptor made(socket(address->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made || connect(made.number(), address->ai_addr, address->ai_addrlen) != 0) return {};
  return made;
}

}  // namespace

NameSources open_name_sources(std::size_t servers_max) {
  NameSources out;
  if (auto table = open_for_reading("/etc/hosts")) out.host_table = std::move(*table);
  const auto text = read_file("/etc/resolv.conf", resolv_conf_bytes_max, FileTrust::any);
  std::vector<std::string> servers = text ? name_servers_named_in(text_of(*text)) : std::vector<std::string>();
  if (servers.empty()) servers.emplace_back("127.0.0.1");
  for (const std::string& each : servers) {
    if (out.servers.size() == servers_max) break;
    if (Descriptor socket = connected_to(each)) out.servers.push_back(std::move(socket));
  }
  return out;
}

}  // namespace quoin::io

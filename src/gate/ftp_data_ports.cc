#include "gate/ftp_data_ports.h"

#include <algorithm>
#include <charconv>

#include "gate/service_list.h"

namespace quoin::gate {
namespace {

struct Kept {
  std::uint16_t first;
  std::uint16_t last;
};

// TCP ports above 1023 on which printing devices take jobs or orders, beside those that have a service's name. No such
// list is complete; the range that is configured is what keeps the rest out.
constexpr Kept kept[] = {
    {2501, 2501},    // raw printing, Extended Systems
    {3001, 3003},    // raw printing, Intel NetportExpress: one port for each connector
    {3289, 3289},    // configuration, Epson
    {3910, 3911},    // printing and its status (IANA's prnrequest and prnstatus)
    {4010, 4030},    // raw printing, Linksys: 4010, 4020 and 4030
    {5357, 5358},    // Web Services for Devices: print and scan
    {6101, 6101},    // raw printing, Zebra
    {8000, 8099},    // web pages and their neighbours; raw printing on 8010, EFI
    {9100, 9107},    // raw printing, PJL: one port for each connector
    {9200, 9200},    // raw printing and its status, Lexmark
    {9220, 9220},    // raw scanning, HP
    {9290, 9290},    // the same
    {9400, 9400},    // raw printing, Lexmark
    {9500, 9501},    // the same, by its own protocol
    {10001, 10001},  // raw printing over a serial converter, Lantronix
    {54921, 54921},  // scanning, Brother
};

std::optional<std::uint16_t> port_in(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '0') return std::nullopt;
  return port;
}

}  // namespace

std::optional<PassivePorts> PassivePorts::parse(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  const auto first = port_in(text.substr(0, hyphen));
  const auto last = hyphen == std::string_view::npos ? first : port_in(text.substr(hyphen + 1));
  if (!first || !last || *first < pair::ftp_data_port_min || *last < *first) return std::nullopt;
  return PassivePorts{*first, *last};
}

bool is_kept_from_ftp_data(std::uint16_t port) {
  if (port < pair::ftp_data_port_min) return true;
  if (is_named_port(port)) return true;
  return std::ranges::any_of(kept, [&](const Kept& each) { return each.first <= port && port <= each.last; });
}

FtpDataPorts::Announced FtpDataPorts::announce(const crypto::NodePublicKey& node, const std::string& engineer,
                                               std::uint16_t port, Instant now) {
  if (!passive_.has(port) || is_kept_from_ftp_data(port)) return Announced::not_passive;
  const auto budget = budgets_.try_emplace(engineer, burst, per_second).first;
  if (!budget->second.take(now)) return Announced::too_many;
  ports_.announce(node, port, now);
  return Announced::taken;
}

}  // namespace quoin::gate

// The names under which services are granted, and their ports. The names are the user's; the ports are decided here:
//
//     web     tcp 80, 443, 8000, 8080, 8443: the device's own pages (RFC 9110, and where Canon, HP and others put them)
//     ipp     tcp 631 (RFC 8010)
//     snmp    udp 161 (RFC 3417)
//     raw     tcp 9100-9103: print data as it is, PJL; one port per parallel or external interface
//     lpd     tcp 515 (RFC 1179)
//     ftp     tcp 21 (RFC 959), and each data connection that the device has announced over one (pair/ftp_ports.h)
//     telnet  tcp 23
//     ssh     tcp 22
//     ping    ICMP and ICMPv6 echo
//     tcp/N, udp/N  one port
//     all     every TCP and UDP port, and ping
//
// A list is names separated by commas. An empty list of names is wrong; no list at all means all named services but
// ftp, of which a device tells the ports of its data connections by itself. Two names that have something in common are
// wrong too: one of them is not what whoever typed the list thinks it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pair/services.h"

namespace quoin::gate {

constexpr std::size_t service_entries_max = 64;  // in one list

// The error is a sentence for the person who typed the list.
Result<pair::Services, std::string> parse_services(std::string_view list);
pair::Services usual_services();  // what a warrant grants when no list is given

// The shortest list of names and ports that grants the same: {"web", "tcp/2000", "ping"}.
std::vector<std::string> service_names(const pair::Services& services);
// What one connection is called in a record: the first name whose ports hold it, or "tcp/2000".
std::string service_name(pair::Transport transport, std::uint16_t port);
bool is_named_port(std::uint16_t port);  // of a named service, over TCP or UDP

}  // namespace quoin::gate

// Whether what answers at a device's address is the described device: asked before it opens, and from then on again and
// again.
//
// By its hardware address, where it stands on one of this host's own links: of all that answer for the address, each
// must be the described one. By its serial number, where the configuration has one (Printer MIB, RFC 3805,
// prtGeneralSerialNumber, by SNMP): where a hardware address is described too, asked for only behind the right one, so
// that who came by the IP address by mistake is not told the community; who forges the hardware address as well is.
// Behind a router there is no hardware address to ask for: the serial number stands alone, and whatever has the IP
// address is told the community.
//
//     unknown ----> recognised <----> silent      until a check has ended, dials wait; while it is silent, none is made
//         any of them -> another                  and that is the end of the session
//
// Checked every minute, every five seconds while it is silent, soon after a dial to it is slow or came to nothing, and
// when this host's networks have changed. However often they change, a check that is under way ends, and another one
// follows; while none of them counts, dials wait for ten seconds and are then treated as if it were silent.
//
// Where somebody else answers for the address as it is opened, and over IPv4, two addresses of the same network that
// nobody should have are asked for as well: who answers for those too is a router with proxy ARP (RFC 1027), and the
// person is told so. It is not the device, though.
//
// Before every dial there is a glance at the one hardware address that is in use, and another one before the connected
// socket is handed over: who takes the address in between gets a connection, and nothing over it.
// (Threat model: D3; attack cases PRN-09, PRN-13.)
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gate/desk.h"
#include "gate/inputs.h"

namespace quoin::gate {

struct Finding {  // what a check came to
  enum class Kind : std::uint8_t {
    described,
    no_neighbour,  // nobody answers for the address
    no_snmp,       // not to this community
    no_serial,     // SNMP answers, but with no serial number
    other_mac,
    several_macs,
    other_serial,
  };
  Kind kind = Kind::described;
  std::vector<MacAddress> macs = {};  // other_mac, several_macs
  std::string serial = {};            // other_serial; no_serial: what came instead, for people
  // Of those that are not described: one that answers for addresses that nobody has as well. A router with proxy ARP.
  std::optional<MacAddress> proxy = {};
};
bool is_silence(Finding::Kind kind);
bool is_another(Finding::Kind kind);

class Recognition {
 public:
  static constexpr Duration every = minutes(1);
  static constexpr Duration every_while_silent = seconds(5);  // from begin to begin
  static constexpr Duration pause_min = seconds(1);           // from end to begin
  static constexpr Duration after_failed_dial = seconds(2);   // from begin to begin
  static constexpr Duration dial_is_slow = seconds(1);        // a device that lives answers sooner
  static constexpr Duration neighbour_timeout = seconds(3);
  static constexpr Duration unknown_max = seconds(10);  // so long dials wait
  static constexpr Duration proxy_timeout = milliseconds(800);
  static constexpr Duration serial_timeout = pair::serial_wait + seconds(1);

  Recognition(SessionId session, const DeviceConfig& device, Desk& desk)
      : session_(session), device_(device), desk_(desk) {}

  void check(Instant now);  // nothing if one is under way
  void dial_began(Instant now);
  void dial_answered();  // connected or refused by a reset: something is there
  void dial_failed(Instant now);
  void host_changed(Instant now);
  bool handle_timeout(Instant now);  // true: what waits for a look is to ask again
  std::optional<Instant> next_timeout() const;
  void cancel_all();

  // A glance that has not begun: what a dial that is asked for now has to wait for.
  using Glance = std::uint64_t;
  Glance next_glance() const { return glances_begun_ + 1; }
  // Whether the device may be dialled. `later`: a look is under way; ask again after the next finding or news.
  enum class Answer : std::uint8_t { yes, later, no };
  Answer ask(Glance since);
  bool needs_glance() const { return !device_.macs.empty() && is_on_link(); }
  // What the hardware address tells that the kernel uses now, of a device that needs a glance.
  Finding judge_in_use(const std::vector<MacAddress>& macs);
  bool is_another_device() const { return state_ == State::another; }
  bool is_gone() const { return gone_; }  // nobody answers for the address: what is being dialled will not, either

  // What the edge reports. Nothing if it is not of a check, or the check is not at its end.
  std::optional<Finding> handle(const NeighboursFound& found, Instant now);
  std::optional<Finding> handle(const SerialRead& read, Instant now);

 private:
  enum class State : std::uint8_t { unknown, recognised, silent, another };
  enum class Look : std::uint8_t { none, neighbours, serial, proxies };

  void look_for_neighbours();
  bool look_for_serial();                         // false if the address may not be dialled
  bool look_for_proxies(const Finding& finding);  // false if that would tell nothing
  void ask_for_nobody();
  std::optional<Finding> handle_proxies(const NeighboursFound& found, Instant now);
  std::optional<Finding> glanced(Finding finding, Instant now);
  std::optional<Finding> finished(Finding finding, Instant now);
  bool is_on_link() const { return gate::is_on_link(device_.address, desk_.host()); }

  SessionId session_;
  const DeviceConfig& device_;
  Desk& desk_;
  State state_ = State::unknown;
  pair::SnmpVersion snmp_version_ = pair::SnmpVersion::v2c;  // in which the device answered last
  Look look_ = Look::none;                                   // under way
  std::optional<TaskId> task_;
  struct ProxySearch {
    Finding finding;  // what is told at its end
    std::vector<MacAddress> answered_all;
    std::vector<IpAddress> left;  // to be asked for
  };
  std::optional<ProxySearch> proxies_;
  bool look_again_ = false;  // this host's networks have changed since it began
  Instant began_;
  std::optional<Instant> ended_;  // the last one
  std::optional<Instant> next_;
  std::optional<Instant> doubt_;          // from then on a dial is slow
  std::optional<Instant> patience_ends_;  // while unknown after it had been recognised
  bool gone_ = false;
  std::optional<TaskId> glance_;  // under way
  Glance glances_begun_ = 0;
  Glance glances_ended_ = 0;
  Glance glances_void_ = 0;  // until then, for this host's networks have changed since
};

}  // namespace quoin::gate

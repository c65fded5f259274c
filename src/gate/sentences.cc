#include "gate/sentences.h"

#include "gate/calendar.h"
#include "gate/duration_text.h"

namespace quoin::gate {
namespace {

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& each : list) out += (out.empty() ? "" : ", ") + each;
  return out;
}

std::string detail(const std::string& text) {
  return text.empty() ? "" : " (" + text + ")";
}

Session::Ending ending(std::string why, ExitCode code, std::string sentence) {
  return {.why = std::move(why), .code = code, .sentence = std::move(sentence), .by = {}};
}

std::string engineer_line(const EngineerStatus& engineer) {
  if (engineer.path == "none") return "  away       " + engineer.engineer + ", not connected";
  if (!engineer.last_heard.empty()) return "  silent     " + engineer.engineer + ", last heard " + engineer.last_heard;
  const std::string through = engineer.through.empty() ? "" : " through " + engineer.through;
  const char* narrow =
      " (the direct way loses large packets: check the MTU of both uplinks, and that they let ICMP pass)";
  return "  connected  " + engineer.engineer + ", path " + engineer.path + through +
         (engineer.past_narrow ? narrow : "");
}

std::string engineers_text(const DeviceStatus& status) {
  return status.every_person ? "every person of the network" : joined(status.engineers);
}

}  // namespace

std::string problem_word(pair::ProblemKind kind) {
  switch (kind) {
    case pair::ProblemKind::control_unreachable: return "the control server cannot be reached";
    case pair::ProblemKind::not_a_control_server: return "the control server's address is answered by something else";
    case pair::ProblemKind::control_certificate: return "the control server's certificate is not trusted";
    case pair::ProblemKind::control_key: return "the control server's key is not the pinned one";
    case pair::ProblemKind::join_key_refused: return "the control server refused the join key";
    case pair::ProblemKind::relay_unreachable: return "no relay can be reached";
    case pair::ProblemKind::relay_certificate: return "the relay's certificate is not trusted";
    case pair::ProblemKind::forgotten: return "the control server no longer knows the node";
    case pair::ProblemKind::control_map: return "the control server sends a network map that cannot be used";
  }
  return "something is wrong";
}

bool is_final(pair::ProblemKind kind) {
  switch (kind) {
    case pair::ProblemKind::not_a_control_server:
    case pair::ProblemKind::control_certificate:
    case pair::ProblemKind::control_key:
    case pair::ProblemKind::join_key_refused: return true;
    case pair::ProblemKind::control_unreachable:
    case pair::ProblemKind::relay_unreachable:
    case pair::ProblemKind::relay_certificate:
    case pair::ProblemKind::forgotten:
    case pair::ProblemKind::control_map: return false;
  }
  return false;
}

Session::Ending problem_ending(pair::ProblemKind kind, const std::string& text, const Config& config) {
  const ControlConfig& control = config.control;
  const std::string why = "it could not be opened: " + problem_word(kind);
  const auto says = [&](const std::string& sentence) { return ending(why, ExitCode::not_reachable, sentence); };
  const std::string server = "The control server " + control.url();
  switch (kind) {
    case pair::ProblemKind::control_unreachable:
      return says(server + " cannot be reached" + detail(text) + "; check the network and " +
                  (config.proxy ? config.proxy->named_in : "control.url") + ".");
    case pair::ProblemKind::not_a_control_server:
      return says(control.url() + " answers, but is not a control server" + detail(text) + "; check control.url.");
    case pair::ProblemKind::control_certificate:
      return says(server + " shows a certificate that is not trusted" + detail(text) +
                  "; check control.ca_file, and whether a firewall on the way looks inside.");
    case pair::ProblemKind::control_key:
      return says(server + " has another key than control.server_key says" + detail(text) +
                  "; ask who runs it before changing the pin.");
    case pair::ProblemKind::join_key_refused: {
      Session::Ending out = says(server + " refused the join key" + detail(text) + "; put a new reusable key into " +
                                 control.join_key_file + ".");
      out.code = ExitCode::refused;
      return out;
    }
    case pair::ProblemKind::relay_unreachable:
      return says(
          "No relay can be reached" + detail(text) + "; check the network" +
          (config.proxy ? " and " + config.proxy->named_in + "." : std::string(", or relay.allow for a private one.")));
    case pair::ProblemKind::relay_certificate:
      return says("The relay shows a certificate that is not trusted" + detail(text) +
                  "; check relay.ca_file, and whether a firewall on the way looks inside.");
    case pair::ProblemKind::forgotten:
      return says(server + " forgot the node while it was opening" + detail(text) + "; open it again.");
    case pair::ProblemKind::control_map:
      return says(server + " sends a network map that cannot be used" + detail(text) + "; ask who runs it.");
  }
  return slow_ending();
}

Session::Ending silent_ending(const DeviceConfig& device, const Finding& silence) {
  const auto because = [](const char* what, std::string sentence) {
    return ending("it could not be opened: the device " + std::string(what), ExitCode::not_reachable,
                  std::move(sentence));
  };
  const std::string address = device.address.text();
  if (silence.kind == Finding::Kind::no_snmp) {
    return because("does not answer SNMP", device.name + " does not answer SNMP at " + address +
                                               "; check that it is switched on, that its " +
                                               "SNMP is, and address and community of " + device.name + ".");
  }
  if (silence.kind == Finding::Kind::no_serial) {
    return because("tells no serial number", "What answers SNMP at " + address + " tells no serial number" +
                                                 detail(silence.serial) + "; check address and serial of " +
                                                 device.name + ".");
  }
  return because("does not answer",
                 "Nothing answers at " + address + "; check that " + device.name + " is switched on and connected.");
}

Session::Ending other_device_ending(const DeviceConfig& device, const Finding& finding) {
  const std::string address = device.address.text();
  const auto because = [](std::string why, std::string sentence) {
    return ending(std::move(why), ExitCode::not_reachable, std::move(sentence));
  };
  if (finding.kind == Finding::Kind::other_serial) {
    return because("another device than the described one answers at the address, with serial number " + finding.serial,
                   "What answers at " + address + " has serial number " + finding.serial + ", not " +
                       device.serial.value_or("") + "; check address and serial of " + device.name + ".");
  }
  std::string what_to_do =
      "if its own network page says that it has that one as well (Wi-Fi and cable, a sleep proxy), list both in its "
      "mac";
  if (finding.proxy) {
    what_to_do = finding.proxy->text() +
                 " answers for other addresses of this network, too: it is a router with proxy ARP, or a "
                 "host with many addresses; have proxy ARP switched off there for this network, since packets to " +
                 device.name + " may go to it";
  }
  if (finding.kind == Finding::Kind::several_macs) {
    return because("more than one device answers at the address: " + text_of(finding.macs),
                   "More than one device answers at " + address + ": " + text_of(finding.macs) + "; " + what_to_do +
                       (finding.proxy ? "." : ", or give the others another address."));
  }
  return because("another device than the described one answers at the address: " + text_of(finding.macs),
                 "What answers at " + address + " is not the device with MAC address " + text_of(device.macs) +
                     " but " + text_of(finding.macs) + "; check address and mac of " + device.name + "; " + what_to_do +
                     ".");
}

std::string silence_sentence(const DeviceConfig& device, Finding::Kind silence, WallTime since) {
  const std::string at = " at " + device.address.text();
  const std::string from = " since " + calendar_text(since);
  const std::string until = "; nothing new is connected until it ";
  if (silence == Finding::Kind::no_snmp) {
    return device.name + " has not answered SNMP with its community" + at + from +
           ": its SNMP is off, its community was changed, or it hangs" + until + "answers";
  }
  if (silence == Finding::Kind::no_serial) {
    return device.name + " has told no serial number by SNMP" + at + from +
           ": it is starting, or something else has its address" + until + "tells it";
  }
  const char* asked = device.address.is_v4() ? " has not answered ARP" : " has not answered neighbour solicitations";
  return device.name + asked + at + from + ": it is off, unplugged or has another address" + until + "answers";
}

std::string recognised_again_sentence(const DeviceConfig& device) {
  return device.name + " is recognised again";
}

std::string not_passive_sentence(const DeviceConfig& device, std::uint16_t port) {
  const PassivePorts& passive = device.ftp_passive_ports;
  return device.name + " named port " + std::to_string(port) + " for FTP data, which was not opened: " +
         (passive.has(port) ? "something else is known to listen there"
                            : "it is not among its ftp.passive_ports, " + std::to_string(passive.first) + "-" +
                                  std::to_string(passive.last)) +
         "; where its own settings have another range for FTP, write that into the configuration";
}

std::string unknown_host_sentence(const std::string& why) {
  return "this host's networks cannot be read (" + why + "), and nothing new is connected while it is so";
}
Session::Ending unknown_host_ending(const std::string& why) {
  return ending(
      "this host's networks could not be read", ExitCode::failed,
      "It was not opened: " + unknown_host_sentence(why) + "; see to the agent's rights and /etc/resolv.conf.");
}

Session::Ending slow_ending() {
  return ending(
      "it could not be opened: no connection within 20 seconds", ExitCode::not_reachable,
      "The control server and a relay were not connected within 20 seconds; check the network and try again.");
}
Session::Ending audit_ending() {
  return ending("the audit file cannot be written", ExitCode::failed,
                "The audit file cannot be written, and nothing is open without its record; make room on the disk.");
}
Session::Ending slow_audit_ending() {
  return ending(
      "it could not be opened: its record was not on disk within 20 seconds", ExitCode::failed,
      "The record of the opening was not on disk within 20 seconds, and nothing is open without it; check the "
      "disk of the audit file.");
}
Session::Ending expired_ending() {
  return ending("the time was up", ExitCode::failed, "The time was up before the device was open; ask for more.");
}
Session::Ending clocks_ending() {
  return ending("a clock was set while it was being extended", ExitCode::failed,
                "A clock was set while the device was being extended; open it again.");
}
Session::Ending moved_ending(const DeviceConfig& device) {
  return ending("the control server gave the node other addresses", ExitCode::failed,
                "The control server gave " + device.name + " other addresses while it was opening; open it again.");
}
Session::Ending own_network_ending(const DeviceConfig& device, const IpAddress& address, const Prefix& network,
                                   const Config& config) {
  return ending("the control server gave the node " + address.text() + ", an address of this site's own network",
                ExitCode::refused,
                "The control server " + config.control.url() + " gave " + device.name + " the address " +
                    address.text() + ", which lies in this site's own network " + network.text() +
                    "; have its administrator give out addresses of another prefix.");
}
Session::Ending tunnel_ending(const std::string& how) {
  return ending("the tunnel ended by itself: " + how, ExitCode::failed,
                "The tunnel ended while it was opening (" + how + "); see the agent's log, and try again.");
}
Session::Ending rules_ending(const std::string& what) {
  return ending("the tunnel broke the rules: " + what, ExitCode::failed,
                "The tunnel broke the rules (" + what +
                    ") and was killed: its program has a fault, or somebody took it over. Keep the log and the audit "
                    "file, and report it before you open this device again.");
}

std::string opened_sentence(const DeviceStatus& status, Duration lasts) {
  return status.device + " is open until " + status.until + " (" + duration_text(lasts) + ") as " + status.name + ", " +
         joined(status.addresses) + ".\nEngineers: " + engineers_text(status) +
         ". Services: " + joined(status.services) + ".";
}

std::string extended_sentence(const DeviceStatus& status, Duration lasts) {
  return status.device + " is open until " + status.until + " now (" + duration_text(lasts) + " from now).";
}

std::string ends_soon_sentence(const std::string& device) {
  return device + " ends within five minutes; quoin-agent extend " + device + " --for 30m keeps it open for longer";
}

std::string status_text(const Reply& reply) {
  std::string out;
  if (reply.audit_works == false) out += "The audit file cannot be written; nothing can be opened.\n";
  if (!reply.open || reply.open->empty()) return out + "Nothing is open.";
  for (const DeviceStatus& each : *reply.open) {
    out += each.device + " is " + each.state + " until " + each.until + ", opened by " + each.opened_by;
    if (!each.reason.empty()) out += " (" + each.reason + ")";
    out += ".\n";
    if (!each.name.empty()) out += "  node       " + each.name + ", " + joined(each.addresses) + "\n";
    out += "  engineers  " + engineers_text(each) + "\n  services   " + joined(each.services) + "\n";
    for (const EngineerStatus& path : each.paths) out += engineer_line(path) + "\n";
    if (each.ends_soon) out += "  warning    " + ends_soon_sentence(each.device) + "\n";
    if (!each.problem.empty()) out += "  problem    " + each.problem + "\n";
    if (!each.device_problem.empty()) out += "  device     " + each.device_problem + "\n";
    if (!each.refused.empty()) out += "  refused    " + each.refused + "\n";
  }
  out.pop_back();
  return out;
}

}  // namespace quoin::gate

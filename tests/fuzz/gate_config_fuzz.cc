// Any text as a configuration: what is taken obeys every rule that the rest of the gate relies on, and what is refused
// gets one printable sentence.
#include <cstdint>
#include <cstdlib>

#include "gate/config.h"
#include "gate/dial_guard.h"
#include "gate/lock.h"
#include "pair/serial_question.h"
#include "pair/text.h"

namespace {
void require(bool kept) {
  if (!kept) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quoin;
  const auto config = gate::parse_config(text_of(Bytes(reinterpret_cast<const std::byte*>(data), size)), "agent.toml");
  if (!config) {
    require(pair::is_printable(config.error().text()) && config.error().sentence.ends_with('.'));
    return 0;
  }
  require(!config->devices.empty() && config->devices.size() <= gate::devices_max);
  for (const gate::DeviceConfig& device : config->devices) {
    const auto if_public = device.has_public_address ? gate::PublicAddress::vouched_for : gate::PublicAddress::refused;
    require(!gate::guard_address(device.address, if_public) && (!device.macs.empty() || device.serial));
    for (const gate::MacAddress& mac : device.macs) require(mac.is_one_device());
    require(!device.serial || quoin::pair::is_serial(*device.serial));
    require(quoin::pair::is_community(device.community));
    require(config->device(device.name) == &device);
  }
  require(!config->warrant.engineers.empty());
  require(config->warrant.longest > Duration(0) && config->warrant.longest <= gate::Lock::longest_ever);
  require(config->control.tls || config->control.server_key);
  require(config->control.port != 0 && !config->control.host.empty() && !config->control.join_key_file.empty());
  return 0;
}

// Any line on agent.sock, and any reply to the client: what is understood is written again and understood the same.
#include <cstdint>
#include <cstdlib>

#include "gate/commands.h"
#include "gate/duration_text.h"
#include "gate/service_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quoin;
  const Bytes line(reinterpret_cast<const std::byte*>(data), size);
  if (const auto request = gate::decode_request(line)) {
    const auto again = gate::decode_request(bytes_of(gate::encode(*request)));
    // Escaping may make it longer than a request may be; then it is refused, never read as another one.
    if (again && *again != *request) std::abort();
    if (const auto* open = std::get_if<gate::OpenRequest>(&*request)) {
      const auto lasts = gate::parse_duration(open->lasts);
      if (lasts && *lasts < Duration(0)) std::abort();
      const auto services = gate::parse_services(open->services.value_or(""));
      if (services && services->allows(pair::Transport::tcp, 0)) std::abort();
    }
  }
  if (const auto reply = gate::decode_reply(line)) {
    if (gate::status_json(*reply).empty()) std::abort();
  }
  return 0;
}

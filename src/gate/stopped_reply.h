// What a person hears whose close was carried out beside the gate, because its loop did not answer in time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gate/commands.h"

namespace quoin::gate {

struct Stopped {
  std::optional<std::string> device;  // nothing: all
  bool is_known = true;
  std::vector<std::string> killed;
  bool gate_answers = true;
  bool all_gone = true;
};
Reply stopped_reply(const Stopped& stopped);

}  // namespace quoin::gate

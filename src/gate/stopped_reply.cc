#include "gate/stopped_reply.h"

#include "pair/text.h"

namespace quoin::gate {

Reply stopped_reply(const Stopped& stopped) {
  if (!stopped.is_known) {
    return reply(ExitCode::wrong_usage,
                 "There is no device \"" + pair::printable(stopped.device.value_or(""), 80) + "\"; see status.");
  }
  if (!stopped.all_gone) {
    return reply(ExitCode::failed, "The tunnel was killed, but the system has not let it end yet; ask status.");
  }
  std::string text;
  for (const std::string& each : stopped.killed) text += each + " is closed.\n";
  if (stopped.killed.empty()) text = (stopped.device ? *stopped.device + " was not open.\n" : "Nothing was open.\n");
  if (!stopped.gate_answers) {
    text +=
        "The agent does not answer, so this was done without it: nothing was logged out, nothing that was being opened "
        "will come about, and it is recorded once the agent goes on; see its log.\n";
  }
  text.pop_back();
  return reply(ExitCode::done, std::move(text));
}

}  // namespace quoin::gate

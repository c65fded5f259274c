// What the gate's process gives up when it has what it needs: root's rights but for a few, and writing anywhere but
// into the folders that it keeps something in.
#pragma once

#include <string>

namespace quoin::apps {

// To be called before any thread is started. A kernel or a container that does not have it is no reason not to start:
// the log says so.
void give_up_rights(const std::string& state_folder, const std::string& socket_folder);

}  // namespace quoin::apps

// What this host says about its own place in the network, in the gate's words.
#pragma once

#include <string>

#include "base/result.h"
#include "gate/host_view.h"
#include "io/host_view.h"

namespace quoin::apps {

gate::HostView host_view(const io::HostView& view);
Result<gate::HostView, std::string> current_host_view();  // the error is a sentence: it cannot be read

}  // namespace quoin::apps

// What a dial came to, as the gate is told.
#pragma once

#include "gate/inputs.h"
#include "io/dial.h"
#include "io/http_connect_dial.h"

namespace quoin::apps {

pair::Unanswered unanswered(io::DialError error);
gate::DialFailed proxy_failure(gate::TaskId task, const io::HttpConnectFailure& failure);

}  // namespace quoin::apps

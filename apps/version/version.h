// Which quoin this is: every program says so when it is called with --version alone.
#pragma once

namespace quoin::apps {

const char* version();  // "0.1.0"

// True if that was asked for; then it has been answered.
bool answers_version(int argc, const char* const* argv, const char* program);

}  // namespace quoin::apps

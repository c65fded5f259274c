// Where the running program stands, so that its companion is found beside it and nowhere else.
#pragma once

#include <string>

namespace quoin::io {

std::string folder_of_own_program();  // absolute, without the last '/'; "." if the system does not tell

}  // namespace quoin::io

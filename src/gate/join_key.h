// What the join key's file may hold: the control server's key, one word of printable ASCII.
#pragma once

#include <string_view>

namespace quoin::gate {

bool is_join_key(std::string_view text);

}  // namespace quoin::gate

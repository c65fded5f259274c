#include "gate/join_key.h"

#include <algorithm>

#include "pair/messages.h"

namespace quoin::gate {

bool is_join_key(std::string_view text) {
  return !text.empty() && text.size() <= pair::text_bytes_max &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace quoin::gate

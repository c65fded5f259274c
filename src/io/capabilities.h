// Which of root's rights this process has (capabilities(7)).
#pragma once

#include <initializer_list>

namespace quoin::io {

bool has_capabilities(std::initializer_list<int> numbers);  // all of them, in effect: CAP_KILL, ...

}  // namespace quoin::io

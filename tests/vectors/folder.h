// Where the test vectors are. One object file knows, since a path in every compiler command would keep checkouts from
// sharing the compiler's cache.
#pragma once

#include <string>

namespace quoin::vectors {

// NAME is below tests/vectors; the result is absolute.
std::string path_of(const std::string& name);

}  // namespace quoin::vectors

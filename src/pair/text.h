// The texts of the pair are printable ones.
#pragma once

#include "base/printable.h"

namespace quoin::pair {

using quoin::is_printable;
using quoin::printable;

}  // namespace quoin::pair

// Memory for nghttp2 that is overwritten when it is given back: a join key passes through its buffers.
#pragma once

#include <nghttp2/nghttp2.h>

namespace quoin::control {

nghttp2_mem wiping_memory();

}  // namespace quoin::control

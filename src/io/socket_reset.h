// How a connection is dropped rather than ended.
#pragma once

namespace quoin::io {

void reset_at_close(int socket);  // closing it sends RST (SO_LINGER of zero seconds), and drops what is unsent

}  // namespace quoin::io

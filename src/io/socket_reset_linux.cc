#include <sys/socket.h>

#include "io/socket_reset.h"

namespace quoin::io {

void reset_at_close(int socket) {
  const linger at_once{1, 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace quoin::io

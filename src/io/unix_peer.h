// Reading from a Unix socket whose other side may send descriptors that nobody asked for (unix(7), SCM_RIGHTS).
//
// Whoever reads a message takes what is beside it, and the kernel then closes what the reader has no room for, in the
// reader's thread, which may wait (io/closer.h). So each read looks first, without room for descriptors and without
// taking anything: MSG_CTRUNC tells that there are some. Such a socket is read no more and closed by a Closer.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace quoin::io {

// Nobody can send descriptors to this socket from now on, where the kernel has that (SO_PASSRIGHTS, Linux 6.16); those
// that connect to a listening one inherit it. And a stream's urgent bytes stand where they were sent: they may have
// descriptors beside them, and a read would drop them where a look does not see them.
void refuse_descriptors(int socket);

enum class Arrival {
  bytes,        // and no descriptor beside any of those that were seen
  descriptors,  // this socket is not to be read
  nothing_yet,
  end,  // the other side has gone, or the socket failed
};
struct Look {
  Arrival what;
  std::size_t bytes = 0;  // seen, at most as many as there is space for
};
// Of a SOCK_SEQPACKET socket nothing needs to be seen to know that a packet is there.
Look look_at_unix(int socket, MutableBytes space);

}  // namespace quoin::io

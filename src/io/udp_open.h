// Opens the UDP sockets that io/udp_socket.h works on, with every option that they need, so that the process they are
// handed to need not set any.
#pragma once

#include <cstdint>

#include "base/address.h"
#include "io/descriptor.h"
#include "io/system_error.h"

namespace quoin::io {

constexpr int udp_buffer_bytes = 7 * 1024 * 1024;  // asked for; the kernel may grant less

// Bound to every address of one IP version (IPv6 alone for v6). Port 0: the system chooses. Non-blocking,
// close-on-exec, UDP_GRO where the kernel has it.
Result<Descriptor, SystemError> open_udp(IpVersion version, std::uint16_t port = 0);
Result<Descriptor, SystemError> open_udp(const Endpoint& local);

}  // namespace quoin::io

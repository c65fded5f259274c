// Opens the UDP sockets that io/udp_socket.h works on, with every option that they need, so that the process they are
// handed to need not set any.
#pragma once

#include <cstdint>

#include "base/address.h"
#include "io/descriptor.h"
#include "io/system_error.h"

namespace quoin::io {

constexpr int udp_buffer_bytes = 7 * 1024 * 1024;         // asked for; the kernel may grant less
constexpr int udp_beside_buffer_bytes = 2 * 1024 * 1024;  // of those that there may be many of

// Bound to every address of one IP version (IPv6 alone for v6). Port 0: the system chooses. Non-blocking,
// close-on-exec, UDP_GRO where the kernel has it.
Result<Descriptor, SystemError> open_udp(IpVersion version, std::uint16_t port = 0);
Result<Descriptor, SystemError> open_udp(const Endpoint& local);

// A socket of the same kind on the local port of `bound`, connected to `to`. What comes from there arrives at it from
// then on, and everything else at `bound`; what comes while it is made arrives at one of the two. Only for the moment
// of making can the port be shared, and with sockets of the same user alone (SO_REUSEPORT).
Result<Descriptor, SystemError> open_udp_beside(const Descriptor& bound, const Endpoint& to);
bool is_about_the_way(const SystemError& error);  // none leads there now

// From now on nothing can be sent by that socket, also through other processes' descriptors of it.
void disconnect_udp(const Descriptor& connected);

Result<Descriptor, SystemError> duplicate(const Descriptor& descriptor);  // close-on-exec

}  // namespace quoin::io

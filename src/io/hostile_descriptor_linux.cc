#include <array>
#include <cerrno>
#include <cstring>
#include <stop_token>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/hostile_descriptor.h"

namespace quoin::io {

int send_descriptor(int to, int number, std::string_view text, int flags) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof number)> control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof number);
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  return sendmsg(to, &message, flags | MSG_NOSIGNAL) < 0 ? errno : 0;
}

void let_descriptors_pass() {
  constexpr int pass_rights = 83;  // SO_PASSRIGHTS
  const int on = 1;
  for (int number = 3; number < 1024; number++) setsockopt(number, SOL_SOCKET, pass_rights, &on, sizeof on);
}

bool kernel_can_refuse_descriptors() {
  const Descriptor any(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(any.number(), SOL_SOCKET, 83, &value, &length) == 0;
}

HostileDescriptor::HostileDescriptor() {
  const Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener.number(), name, length), 0);
  EXPECT_EQ(listen(listener.number(), 1), 0);
  EXPECT_EQ(getsockname(listener.number(), name, &length), 0);
  socket_ = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(socket_.number(), name, length), 0);
  device_ = Descriptor(accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC));
  fcntl(socket_.number(), F_SETFL, O_NONBLOCK);
  const std::array<char, 65'536> bytes{};
  while (write(socket_.number(), bytes.data(), bytes.size()) > 0) {
  }
  const linger for_an_hour{1, 3600};
  EXPECT_EQ(setsockopt(socket_.number(), SOL_SOCKET, SO_LINGER, &for_an_hour, sizeof for_an_hour), 0);
  watch_ = std::jthread([this](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    over_.wait_for(lock, stop, patience, [] { return false; });
    if (stop.stop_requested()) return;
    was_waited_for_ = true;
    device_.close();
  });
}

int HostileDescriptor::send_to(int to, std::string_view text, int flags) {
  const int code = send_descriptor(to, socket_.number(), text, flags);
  if (code == 0) socket_.close();
  return code;
}

}  // namespace quoin::io

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/accounts.h"
#include "io/clock.h"
#include "io/unix_address.h"
#include "io/unix_listener.h"
#include "io/unix_peer.h"

namespace quoin::io {

namespace {

constexpr int backlog = 64;
constexpr Duration pause_after_refusal = milliseconds(200);
constexpr Duration pause_while_closing = milliseconds(1);
constexpr std::size_t groups_max = 65'536;  // NGROUPS_MAX

const sockaddr* as_sockaddr(const UnixAddress& address) {
  return reinterpret_cast<const sockaddr*>(address.bytes.data());
}

bool somebody_listens(const UnixAddress& address) {
  const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return connect(probe.number(), as_sockaddr(address), address.length) == 0 || errno == EAGAIN;
}

Result<void, FileFailure> make_room(const Folder& folder, const std::string& name, const UnixAddress& address) {
  const std::string path = folder.path_of(name);
  struct stat found{};
  if (fstatat(folder.number(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return file_failure("look at", path);
  }
  if (!S_ISSOCK(found.st_mode))
    return file_failure(FileError::wrong_kind, path + " exists and is not a socket; move it away");
  if (found.st_uid != geteuid())
    return file_failure(FileError::of_another, path + " belongs to another user; remove it, or choose another path");
  if (somebody_listens(address)) return file_failure(FileError::taken, "another process listens on " + path);
  if (unlinkat(folder.number(), name.c_str(), 0) != 0) return file_failure("remove the old socket", path);
  return {};
}

std::optional<PeerCredentials> credentials_of(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  PeerCredentials credentials{peer.uid, peer.pid, {peer.gid}};
  std::vector<gid_t> groups(64);
  for (;;) {
    length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) break;
    if (errno != ERANGE || length > groups_max * sizeof(gid_t)) return std::nullopt;
    groups.resize(length / sizeof(gid_t));
  }
  groups.resize(length / sizeof(gid_t));
  credentials.groups.insert(credentials.groups.end(), groups.begin(), groups.end());
  return credentials;
}

}  // namespace

Result<ListeningSocket, FileFailure> ListeningSocket::open(Folder folder, const ListenerOptions& options) {
  const std::string& name = options.name;
  const std::string path = folder.path_of(name);
  // By the folder that was judged, not by a path that may lead to another by now. Who connects has the path alone.
  const auto address = UnixAddress::of(folder.own_path_of(name));
  if (!address || !UnixAddress::of(path)) {
    return file_failure(FileError::failed, path + " is too long for a socket (107 bytes)");
  }
  TRY(make_room(folder, name, *address));
  Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return file_failure("open a socket for", path);
  if (bind(made.number(), as_sockaddr(*address), address->length) != 0) return file_failure("make the socket", path);
  refuse_descriptors(made.number());
  // Nobody can connect until listen(), so that there is no moment with other rights than these.
  const auto group = options.group ? group_number(*options.group) : std::nullopt;
  const int in = folder.number();
  if ((group && fchownat(in, name.c_str(), static_cast<uid_t>(-1), *group, AT_SYMLINK_NOFOLLOW) != 0) ||
      fchmodat(in, name.c_str(), options.mode, 0) != 0 || listen(made.number(), backlog) != 0) {
    const auto why = file_failure("listen on", path);
    folder.remove(name);
    return why;
  }
  return ListeningSocket(std::move(made), std::move(folder), name, group);
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : socket_(std::move(other.socket_)),
      folder_(std::exchange(other.folder_, std::nullopt)),
      name_(std::move(other.name_)),
      group_(other.group_) {}

ListeningSocket::~ListeningSocket() {
  if (folder_) folder_->remove(name_);
}

UnixListener::UnixListener(Loop& loop, ListeningSocket listening, Closer& closer, Accepted accepted)
    : loop_(loop),
      closer_(closer),
      listening_(std::move(listening)),
      socket_(loop, listening_.take()),
      accepted_(std::make_shared<Accepted>(std::move(accepted))),
      again_(loop, [this] { wait(); }) {
  wait();
}

UnixListener::~UnixListener() {
  closer_.close(socket_.release());  // with the connections that nobody has accepted
}

void UnixListener::wait() {
  socket_.wait_readable([this] { accept(); });
}

void UnixListener::accept() {
  if (closer_.is_busy()) return again_.set(now() + pause_while_closing);
  accept_one();
}

void UnixListener::accept_waiting() {
  for (int i = 0; i < backlog && !closer_.is_busy() && accept_one(); i++) {
  }
}

// False if there was none.
bool UnixListener::accept_one() {
  Descriptor connected(accept4(socket_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!connected) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) {
      wait();
    } else {
      again_.set(now() + pause_after_refusal);
    }
    return false;
  }
  wait();
  auto peer = credentials_of(connected.number());
  if (!peer) {
    closer_.close(std::move(connected));
    return true;
  }
  const std::shared_ptr<Accepted> accepted = accepted_;
  (*accepted)(std::make_unique<LineConnection>(loop_, std::move(connected), std::move(*peer), closer_));
  return true;
}

}  // namespace quoin::io

// The tunnel's part in FTP: control connections pass the watcher, and what it finds becomes an announcement, for the
// tunnel's own check of the connection that follows and for the gate, which decides.
#include <algorithm>
#include <utility>

#include "tunnel/tunnel.h"

namespace quoin::tunnel {

void Tunnel::pass_ftp(Flow& flow, std::size_t bytes, Instant now) {
  FtpControl& ftp = *flow.ftp;
  const FtpWatcher::Passed passed = ftp.watcher.handle(Bytes(ftp.space).first(bytes));
  // The announcement goes before the reply, so that it is known when the engineer connects.
  for (const std::uint16_t port : passed.ports) announce_ftp(flow, port, now);
  ftp.unsent.insert(ftp.unsent.end(), passed.bytes.begin(), passed.bytes.end());
  flush_ftp(flow, now);
}

void Tunnel::ftp_sent(Flow& flow, std::size_t bytes) {
  for (const Bytes pending : stack_.readable(flow.id)) {
    const Bytes sent = pending.first(std::min(pending.size(), bytes));
    flow.ftp->watcher.sent(sent);
    bytes -= sent.size();
  }
}

void Tunnel::finish_ftp(Flow& flow, bool in_order, Instant now) {
  const Buffer rest = flow.ftp->watcher.finish();
  flow.ftp->unsent.insert(flow.ftp->unsent.end(), rest.begin(), rest.end());
  flow.ftp->finish_wanted = in_order;
  flush_ftp(flow, now);
}

void Tunnel::flush_ftp(Flow& flow, Instant now) {
  Buffer& unsent = flow.ftp->unsent;
  while (!unsent.empty()) {
    const MutableBytes space = stack_.write_space(flow.id)[0];
    if (space.empty()) return;  // Writable follows
    const std::size_t moved = std::min(space.size(), unsent.size());
    std::copy_n(unsent.begin(), moved, space.begin());
    unsent.erase(unsent.begin(), unsent.begin() + static_cast<std::ptrdiff_t>(moved));
    flow.bytes_to_engineer += moved;
    stack_.commit(flow.id, moved, now);
  }
  if (std::exchange(flow.ftp->finish_wanted, false)) stack_.finish(flow.id, now);
}

void Tunnel::announce_ftp(const Flow& flow, std::uint16_t port, Instant now) {
  if (port < pair::ftp_data_port_min || services_.allows(pair::Transport::tcp, port)) return;
  if (!ftp_announcements_.take(now)) return;
  ftp_ports_.announce(flow.engineer, port, now);
  send_to_gate(pair::FtpData{flow.engineer, port});
}

}  // namespace quoin::tunnel

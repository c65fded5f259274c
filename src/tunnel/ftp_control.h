// An FTP control connection on its way from the device to the engineer: what the device says is read into a space of
// its own, looked at, and put behind what the stack had no room for yet.
#pragma once

#include <array>
#include <optional>

#include "tunnel/ftp_watcher.h"

namespace quoin::tunnel {

struct FtpControl {
  explicit FtpControl(std::optional<IpAddress> overlay_ipv4) : watcher(overlay_ipv4) {}

  // Nothing more is read until the engineer has room, so `unsent` stays small.
  MutableBytes room() { return unsent.empty() ? MutableBytes(space) : MutableBytes(); }

  FtpWatcher watcher;
  std::array<std::byte, 2048> space;
  Buffer unsent;
  bool finish_wanted = false;  // once `unsent` is empty
};

}  // namespace quoin::tunnel

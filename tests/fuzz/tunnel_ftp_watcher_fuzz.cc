// What a device says on an FTP control connection, in pieces. However it is cut, the engineer gets the same; nothing is
// held back beyond a line; and without an address to put in, every byte passes as it came.
//
// The first byte says how long the pieces are, the rest is what is said.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "tunnel/ftp_watcher.h"

namespace {

using namespace quoin;

struct Heard {
  Buffer bytes;
  std::vector<std::uint16_t> ports;
  bool operator==(const Heard&) const = default;
};

Heard hear(Bytes said, std::size_t piece, std::optional<IpAddress> overlay) {
  tunnel::FtpWatcher watcher(overlay);
  Heard heard;
  for (std::size_t at = 0; at < said.size(); at += piece) {
    const auto passed = watcher.handle(said.subspan(at, std::min(piece, said.size() - at)));
    heard.bytes.insert(heard.bytes.end(), passed.bytes.begin(), passed.bytes.end());
    heard.ports.insert(heard.ports.end(), passed.ports.begin(), passed.ports.end());
    const std::size_t taken = std::min(at + piece, said.size());
    if (heard.bytes.size() + tunnel::FtpWatcher::line_bytes_max < taken && !overlay) std::abort();
  }
  const Buffer rest = watcher.finish();
  if (rest.size() > tunnel::FtpWatcher::line_bytes_max) std::abort();
  heard.bytes.insert(heard.bytes.end(), rest.begin(), rest.end());
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0];
  const Bytes said(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  const auto overlay = IpAddress::parse("100.100.100.100");  // longer than what most devices name
  const Heard heard = hear(said, piece, overlay);
  if (heard != hear(said, said.size() + 1, overlay)) std::abort();
  for (const std::uint16_t port : heard.ports) {
    if (port == 0) std::abort();
  }
  const Heard as_it_was = hear(said, piece, std::nullopt);
  if (as_it_was.ports != heard.ports ||
      !std::equal(said.begin(), said.end(), as_it_was.bytes.begin(), as_it_was.bytes.end()))
    std::abort();
  return 0;
}

// Both sides of an FTP control connection, in pieces. However it is cut, the engineer gets the same; nothing is held
// back beyond a line; without an address to put in, every byte passes as it came; and no more ports are announced than
// were asked for.
//
// The first byte says how long the pieces are. In the rest, a byte 0x01 ends the turn of the engineer and a byte 0x02
// that of the device, whose turn is first.
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

class Conversation {
 public:
  explicit Conversation(Bytes script) {
    bool is_device = true;
    for (std::size_t at = 0; at < script.size();) {
      const std::byte ends = is_device ? std::byte{2} : std::byte{1};
      const auto end = std::find(script.begin() + static_cast<std::ptrdiff_t>(at), script.end(), ends);
      const auto length = static_cast<std::size_t>(end - script.begin()) - at;
      turns_.push_back({is_device, script.subspan(at, length)});
      at += length + 1;
      is_device = !is_device;
    }
  }

  Heard hear(std::size_t piece, std::optional<IpAddress> overlay) const {
    tunnel::FtpWatcher watcher(overlay);
    Heard heard;
    std::size_t taken = 0;
    for (const Turn& turn : turns_) {
      for (std::size_t at = 0; at < turn.text.size(); at += piece) {
        const Bytes part = turn.text.subspan(at, std::min(piece, turn.text.size() - at));
        if (!turn.is_device) {
          watcher.sent(part);
          continue;
        }
        const auto passed = watcher.handle(part);
        heard.bytes.insert(heard.bytes.end(), passed.bytes.begin(), passed.bytes.end());
        heard.ports.insert(heard.ports.end(), passed.ports.begin(), passed.ports.end());
        taken += part.size();
        if (heard.bytes.size() + tunnel::FtpWatcher::line_bytes_max < taken && !overlay) std::abort();
      }
    }
    const Buffer rest = watcher.finish();
    if (rest.size() > tunnel::FtpWatcher::line_bytes_max) std::abort();
    heard.bytes.insert(heard.bytes.end(), rest.begin(), rest.end());
    return heard;
  }

  Buffer device_said() const {
    Buffer said;
    for (const Turn& turn : turns_) {
      if (turn.is_device) said.insert(said.end(), turn.text.begin(), turn.text.end());
    }
    return said;
  }
  std::size_t engineers_lines() const {
    std::size_t lines = 0;
    for (const Turn& turn : turns_) {
      if (!turn.is_device) lines += static_cast<std::size_t>(std::ranges::count(turn.text, std::byte{'\n'}));
    }
    return lines;
  }

 private:
  struct Turn {
    bool is_device;
    Bytes text;
  };
  std::vector<Turn> turns_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0];
  const Conversation conversation(Bytes(reinterpret_cast<const std::byte*>(data + 1), size - 1));
  const auto overlay = IpAddress::parse("100.100.100.100");  // longer than what most devices name
  const Heard heard = conversation.hear(piece, overlay);
  if (heard != conversation.hear(size + 1, overlay)) std::abort();
  if (std::ranges::count(heard.ports, 0) > 0 || heard.ports.size() > conversation.engineers_lines()) std::abort();
  const Heard as_it_was = conversation.hear(piece, std::nullopt);
  if (as_it_was.ports != heard.ports || as_it_was.bytes != conversation.device_said()) std::abort();
  return 0;
}

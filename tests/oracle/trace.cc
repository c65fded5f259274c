#include "trace.h"

#include <algorithm>

namespace quoin::oracle {
namespace {

constexpr std::uint32_t section_header = 0x0a0d0d0a;
constexpr std::uint32_t interface_description = 1;
constexpr std::uint32_t enhanced_packet = 6;
constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::uint16_t link_type_raw = 101;
constexpr std::uint16_t option_time_resolution = 9;
constexpr std::uint8_t nanoseconds_resolution = 9;

void pad(Writer& writer) {
  while (writer.written() % 4 != 0) writer.u8(0);
}

}  // namespace

Trace::Trace(const std::string& path) : file_(path.empty() ? nullptr : std::fopen(path.c_str(), "wb")) {
  if (!file_) return;
  std::array<std::byte, 64> memory;
  Writer section(memory);
  section.u32(byte_order_magic, Endian::little);
  section.u16(1, Endian::little);  // version 1.0
  section.u16(0, Endian::little);
  section.u64(~std::uint64_t{0}, Endian::little);  // the section's length is not said
  block(section_header, section.bytes());
  Writer interface(memory);
  interface.u16(link_type_raw, Endian::little);
  interface.u16(0, Endian::little);
  interface.u32(bytes_kept, Endian::little);
  interface.u16(option_time_resolution, Endian::little);
  interface.u16(1, Endian::little);
  interface.u8(nanoseconds_resolution);
  pad(interface);
  interface.u32(0, Endian::little);  // the end of the options
  block(interface_description, interface.bytes());
}

void Trace::packet(Bytes packet, Instant now) {
  if (!file_) return;
  std::array<std::byte, bytes_kept + 32> memory;
  Writer one(memory);
  const auto time = static_cast<std::uint64_t>(now.since_zero.count());
  const auto kept = std::min<std::size_t>(packet.size(), bytes_kept);
  one.u32(0, Endian::little);  // the only interface
  one.u32(static_cast<std::uint32_t>(time >> 32), Endian::little);
  one.u32(static_cast<std::uint32_t>(time), Endian::little);
  one.u32(static_cast<std::uint32_t>(kept), Endian::little);
  one.u32(static_cast<std::uint32_t>(packet.size()), Endian::little);
  one.put(packet.first(kept));
  pad(one);
  block(enhanced_packet, one.bytes());
}

void Trace::block(std::uint32_t type, Bytes body) {
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  std::array<std::byte, 8> memory;
  Writer head(memory);
  head.u32(type, Endian::little);
  head.u32(length, Endian::little);
  std::fwrite(head.bytes().data(), 1, 8, file_.get());
  std::fwrite(body.data(), 1, body.size(), file_.get());
  Writer tail(memory);
  tail.u32(length, Endian::little);
  std::fwrite(tail.bytes().data(), 1, 4, file_.get());
}

}  // namespace quoin::oracle

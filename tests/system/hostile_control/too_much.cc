#include "too_much.h"

#include <zstd.h>

#include "control/map_frames.h"
#include "control/messages.h"
#include "control/netmap.h"

namespace quoin::hostile {
namespace {

using control::map_message_bytes_max;

Buffer packed(std::string_view json) {
  Buffer payload(ZSTD_compressBound(json.size()));
  payload.resize(ZSTD_compress(payload.data(), payload.size(), json.data(), json.size(), 1));
  return payload;
}

Buffer framed(Bytes payload, std::size_t claimed) {
  Buffer out(4 + payload.size());
  Writer writer(out);
  writer.u32(static_cast<std::uint32_t>(claimed), Endian::little);
  writer.put(payload);
  return out;
}

Buffer framed(std::string_view json) {
  const Buffer payload = packed(json);
  return framed(payload, payload.size());
}

// PART again and again between the two ends, to just under the longest message.
std::string filled(std::string_view first, std::string_view part, std::string_view last) {
  std::string out(first);
  out.reserve(map_message_bytes_max);
  while (out.size() + part.size() + last.size() <= map_message_bytes_max) out += part;
  return out.append(last);
}

std::string filters() {
  control::MapResponse message;
  control::FilterRules rules;
  for (int i = 0; i < 25'000; i++) {
    rules.push_back({.src_ips = {"100.64." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256)},
                     .src_bits = {},
                     .dst_ports = {{.ip = "100.64.0.0/10", .bits = {}, .ports = {0, 65'535}}},
                     .ip_proto = {}});
  }
  message.packet_filter = std::move(rules);
  return encode(message);
}

Buffer bomb() {
  constexpr std::size_t unpacked = std::size_t{1} << 30;
  Buffer zeros(1 << 20, std::byte{' '});
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 20);
  Buffer out(4 << 20);
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  for (std::size_t done = 0; done < unpacked; done += zeros.size()) {
    ZSTD_inBuffer input{zeros.data(), zeros.size(), 0};
    ZSTD_compressStream2(context, &output, &input, ZSTD_e_continue);
  }
  ZSTD_inBuffer nothing{nullptr, 0, 0};
  ZSTD_compressStream2(context, &output, &nothing, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  return framed(Bytes(out).first(output.pos), output.pos);
}

}  // namespace

std::string TooMuch::peers(int count) {
  std::string out = R"({"PeersChanged":[)";
  for (int i = 0; i < count; i++) {
    out += (i == 0 ? R"({"ID":)" : R"(,{"ID":)") + std::to_string(1000 + i) + R"(,"Key":")" +
           crypto::NodePublicKey(random_.array<crypto::key_bytes>()).text() + "\"}";
  }
  return out + "]}";
}

std::string TooMuch::full() {
  control::MapResponse message;
  message.user_profiles.push_back({.id = 4711, .login_name = "alice@example.com", .display_name = "Alice"});
  for (std::size_t i = 0; i < control::peers_max; i++) {
    control::Node node;
    node.id = static_cast<control::NodeId>(1000 + i);
    node.name = "engineer" + std::to_string(i) + ".";
    node.user = 4711;
    node.key = crypto::NodePublicKey(random_.array<crypto::key_bytes>());
    for (std::uint32_t n = 0; n < control::addresses_max; n++) {
      node.addresses.push_back(Prefix::host(IpAddress::v4(0x6450'0000 + static_cast<std::uint32_t>(i) * 8 + n)));
    }
    for (std::uint16_t n = 0; n < 25; n++) node.endpoints.push_back({IpAddress::v4(0x0808'0808), n});
    node.machine_authorized = true;
    message.peers.push_back(std::move(node));
  }
  return encode(message);
}

Buffer TooMuch::frame(std::string_view name) {
  if (name == "peers") return framed(peers(40'000));
  if (name == "crowd") return framed(peers(6'000));
  if (name == "full") return framed(full());
  if (name == "filters") return framed(filters());
  if (name == "values") return framed(filled(R"({"Unknown":[0)", ",0", "]}"));
  if (name == "deep") return framed(filled(R"({"Unknown":)", "[", ""));
  if (name == "text") return framed(filled(R"({"Node":{"ID":1,"Name":")", "x", "\"}}"));
  if (name == "long") return framed(Buffer(1000, std::byte{1}), map_message_bytes_max + 1);
  if (name == "bomb") return bomb();
  return {};
}

}  // namespace quoin::hostile

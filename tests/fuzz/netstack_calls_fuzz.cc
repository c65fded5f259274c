// Two stacks, a line between them, and a player who decides everything: what is written, read, finished, aborted,
// answered; which packets arrive, twice, late or never; how time passes.
//
// What must hold whatever is played:
//   - bytes out are bytes in, in order and without gaps;
//   - the window's edge that a receiver promised never moves back by a unit of its scale or more, and a sender never
//     sends beyond it but for the one octet of a probe;
//   - memory and flows stay within their limits;
//   - no deadline stays in the past once it has been handled;
//   - nothing is told of a flow before Incoming or after Closed.
#include <algorithm>
#include <cassert>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/random.h"
#include "netstack/active_open.h"
#include "netstack/stack.h"
#include "netstack/tcp/sequence.h"
#include "netstack/wire/ip.h"
#include "netstack/wire/tcp.h"

namespace {

using namespace quoin;
using namespace quoin::netstack;

const IpAddress addresses[2][2] = {
    {*IpAddress::parse("100.64.0.1"), *IpAddress::parse("fd7a:115c:a1e0::1")},
    {*IpAddress::parse("100.64.0.2"), *IpAddress::parse("fd7a:115c:a1e0::2")},
};

std::byte byte_at(std::uint64_t stream, std::uint64_t position) {
  return std::byte((position * 0x9e37'79b9'7f4a'7c15u + stream * 0xff51'afd7'ed55'8ccdu) >> 56);
}

// What one end of a conversation has said about itself on the line.
struct Voice {
  std::optional<tcp::Position> edge;  // the furthest that it promised to take
  std::optional<std::uint8_t> shift;  // its window scale
  bool scaled = false;                // both said one
};

// Watches the packets of every TCP conversation as they leave, before the line loses any.
class Watcher {
 public:
  void saw(Bytes packet) {
    const auto ip = parse_ip(packet);
    if (!ip || ip->protocol != IpProtocol::tcp) return;
    const auto parsed = tcp::parse_packet(ip->payload);
    assert(parsed);
    const tcp::Header& header = parsed->header;
    const auto from =
        std::pair(Endpoint{ip->source, header.source_port}, Endpoint{ip->destination, header.destination_port});
    const auto to = std::pair(from.second, from.first);
    if (header.flags.syn && !header.flags.ack) {  // a new conversation on these ports, or the same SYN again
      if (!repeats(from, header.sequence)) {
        voices_.erase(to);
        voices_[from] = Voice();
        voices_[from].shift = header.options.window_scale;
        opened_[from] = header.sequence;
      }
      return;
    }
    Voice& speaker = voices_[from];
    Voice& listener = voices_[to];
    if (header.flags.rst || !header.flags.ack) return;
    if (header.flags.syn) {
      speaker.shift = header.options.window_scale;
      speaker.scaled = listener.scaled = speaker.shift && listener.shift;
    }
    const unsigned shift = speaker.scaled && !header.flags.syn ? *speaker.shift : 0;
    const tcp::Position near = speaker.edge.value_or(tcp::first_position(header.acknowledgment));
    const tcp::Position edge = tcp::unwrap(near, header.acknowledgment) + (std::uint64_t{header.window} << shift);
    const std::uint64_t unit = std::uint64_t{1} << (speaker.scaled ? *speaker.shift : 0);  // a SYN cannot say halves
    assert(!speaker.edge || edge + unit > *speaker.edge);
    speaker.edge = std::max(speaker.edge.value_or(0), edge);
    if (listener.edge && !parsed->payload.empty()) {
      const tcp::Position end = tcp::unwrap(*listener.edge, header.sequence) + parsed->payload.size();
      assert(end <= *listener.edge + 1);
    }
  }

 private:
  using Ends = std::pair<Endpoint, Endpoint>;
  bool repeats(const Ends& ends, std::uint32_t sequence) const {
    const auto known = opened_.find(ends);
    return known != opened_.end() && known->second == sequence;
  }
  std::map<Ends, Voice> voices_;
  std::map<Ends, std::uint32_t> opened_;
};

struct Talk {
  bool tcp = true;
  bool closed = false;
  bool finished = false;
  std::uint64_t stream = 0;  // of what this end writes; the other end writes the next one
  std::uint64_t written = 0;
  std::uint64_t read = 0;
};

struct Side {
  Stack stack;
  std::map<FlowId, Talk> talks;
  std::vector<std::uint64_t> echoes;
  std::deque<Buffer> line;  // what is on its way to the other side

  Side(const StackConfig& config, Random& random, Instant now) : stack(config, random, now) {}
};

class Game {
 public:
  explicit Game(Bytes moves) : input_(moves), near_(config(), random_, now_), far_(config(), random_, now_) {
    near_.stack.set_addresses({addresses[0][0], addresses[0][1]});
    far_.stack.set_addresses({addresses[1][0], addresses[1][1]});
  }

  void play() {
    for (int moves = 0; input_.remaining() > 0 && moves < 4'000; moves++) {
      const unsigned move = input_.u8();
      Side& side = (move & 1) != 0 ? far_ : near_;
      make(move >> 1, side, &side == &near_ ? far_ : near_);
      settle(near_);
      settle(far_);
    }
  }

 private:
  static StackConfig config() {
    StackConfig made;
    made.flows_max = 10;
    made.pending_max = 4;
    made.memory_bytes_max = 400 << 10;
    made.keepalive = true;
    return made;
  }

  void make(unsigned move, Side& side, Side& other) {
    const std::size_t amount = input_.u8();
    switch (move % 16) {
      case 0:
        if (&side == &near_) open(amount);
        break;
      case 1: write(side, amount * 300); break;
      case 2: read(side, amount * 300); break;
      case 3: deliver(side, other, 1 + amount); break;
      case 4: deliver(side, other, 1'000); break;
      case 5: lose(side, amount); break;
      case 6:
        if (!side.line.empty()) side.line.push_back(side.line[amount % side.line.size()]);
        break;
      case 7:
        if (!side.line.empty()) {
          std::rotate(side.line.begin(), side.line.begin() + static_cast<std::ptrdiff_t>(amount % side.line.size()),
                      side.line.end());
        }
        break;
      case 8: pass(milliseconds(amount)); break;
      case 9: pass(seconds(amount)); break;
      case 10:
        if (const auto flow = choose(side, amount)) {
          side.stack.finish(*flow, now_);
          side.talks[*flow].finished = true;
        }
        break;
      case 11:
        if (const auto flow = choose(side, amount); flow && amount % 4 == 0) {
          side.stack.abort(*flow, now_);
          side.talks.erase(*flow);
        } else if (flow && amount % 4 == 1) {
          side.stack.abort_when_delivered(*flow, now_);
          side.talks[*flow].finished = true;
        }
        break;
      case 12: accept(side, amount); break;
      case 13: refuse(side, amount); break;
      case 14: datagram(side, amount); break;
      case 15: wake(); break;
    }
  }

  void open(std::size_t amount) {
    const Endpoint remote{addresses[1][amount & 1], static_cast<std::uint16_t>(80 + (amount >> 2 & 1))};
    const bool tcp = (amount & 2) == 0;
    const auto flow =
        tcp ? ActiveOpen::connect(near_.stack, remote, now_) : ActiveOpen::open_datagrams(near_.stack, remote, now_);
    if (flow) near_.talks[*flow].tcp = tcp;
  }

  static std::optional<FlowId> choose(Side& side, std::size_t amount) {
    std::vector<FlowId> open;
    for (const auto& [flow, talk] : side.talks) {
      if (!talk.closed) open.push_back(flow);
    }
    if (open.empty()) return std::nullopt;
    return open[amount % open.size()];
  }

  void write(Side& side, std::size_t length) {
    const auto flow = choose(side, length);
    if (!flow || side.talks[*flow].finished) return;
    Talk& talk = side.talks[*flow];
    std::size_t filled = 0;
    for (const MutableBytes span : side.stack.write_space(*flow)) {
      for (std::byte& byte : span.first(std::min(span.size(), length - filled))) {
        byte = byte_at(talk.stream, talk.written++);
        filled++;
      }
    }
    side.stack.commit(*flow, filled, now_);
  }

  void read(Side& side, std::size_t length) {
    const auto flow = choose(side, length);
    if (!flow) return;
    Talk& talk = side.talks[*flow];
    if (!talk.tcp) {
      (void)side.stack.receive_datagram(*flow, now_);
      return;
    }
    std::size_t taken = 0;
    for (const Bytes span : side.stack.readable(*flow)) {
      for (const std::byte byte : span.first(std::min(span.size(), length - taken))) {
        assert(byte == byte_at(1 - talk.stream, talk.read));
        talk.read++;
        taken++;
      }
    }
    side.stack.consume(*flow, taken, now_);
  }

  void deliver(Side& from, Side& to, std::size_t count) {
    std::vector<Buffer> burst;
    while (burst.size() < count && !from.line.empty()) {
      burst.push_back(std::move(from.line.front()));
      from.line.pop_front();
    }
    const std::vector<MutableBytes> packets(burst.begin(), burst.end());
    to.stack.handle_burst(packets, now_);
  }

  static void lose(Side& side, std::size_t amount) {
    if (!side.line.empty()) side.line.erase(side.line.begin() + static_cast<std::ptrdiff_t>(amount % side.line.size()));
  }

  void pass(Duration duration) {
    now_ += duration;
    for (Side* side : {&near_, &far_}) {
      side->stack.handle_timeout(now_);
      settle(*side);
      const auto deadline = side->stack.poll_timeout();
      assert(!deadline || *deadline > now_);
    }
  }

  // To the next thing that happens by itself.
  void wake() {
    std::optional<Instant> next;
    for (const Side* side : {&near_, &far_}) {
      const auto deadline = side->stack.poll_timeout();
      if (deadline && (!next || *deadline < *next)) next = deadline;
    }
    if (next) pass(*next - now_);
  }

  void accept(Side& side, std::size_t amount) {
    if (side.talks.empty() || &side == &near_) return;
    if (const auto flow = choose(side, amount)) (void)side.stack.accept(*flow, now_);
  }

  void refuse(Side& side, std::size_t amount) {
    if (const auto flow = choose(side, amount); flow && &side == &far_ && amount % 4 == 0) {
      const std::size_t before = side.stack.flows();
      side.stack.refuse(*flow, static_cast<Refusal>(amount / 4 % 5));
      if (side.stack.flows() < before) side.talks.erase(*flow);  // it had not been accepted
    }
  }

  void datagram(Side& side, std::size_t amount) {
    if (const auto flow = choose(side, amount)) {
      const Buffer data(amount * 40);
      (void)side.stack.send_datagram(*flow, data, now_);
    }
    if (!side.echoes.empty()) {
      side.stack.answer_echo(side.echoes.back());
      side.echoes.pop_back();
    }
  }

  void settle(Side& side) {
    for (bool more = true; more;) {
      more = false;
      while (side.stack.poll_transmit(batch_, now_)) {
        for (std::size_t i = 0; i < batch_.size(); i++) {
          assert(batch_.packet(i).size() <= 1'280);
          watcher_.saw(batch_.packet(i));
          side.line.push_back(to_buffer(batch_.packet(i)));
        }
        batch_.clear();
        more = true;
      }
      while (const auto event = side.stack.poll_event()) {
        hear(side, *event);
        more = true;
      }
    }
    while (side.line.size() > 500) side.line.pop_front();  // the line has a queue, and it has an end
    assert(side.stack.flows() <= config().flows_max);
    assert(side.stack.memory_bytes() <= config().memory_bytes_max);
  }

  void hear(Side& side, const StackEvent& event) {
    if (const auto* incoming = std::get_if<Incoming>(&event)) {
      assert(!side.talks.contains(incoming->flow));
      Talk& talk = side.talks[incoming->flow];
      talk.tcp = incoming->transport == Transport::tcp;
      talk.stream = 1;
      return;
    }
    if (const auto* echo = std::get_if<EchoRequest>(&event)) {
      side.echoes.push_back(echo->echo);
      return;
    }
    const auto flow = std::visit(
        [](const auto& of) -> std::optional<FlowId> {
          if constexpr (requires { of.flow; }) return of.flow;
          return std::nullopt;
        },
        event);
    if (!flow) return;  // of what was lost, or what is missing of whom
    const auto talk = side.talks.find(*flow);
    assert(talk != side.talks.end() && !talk->second.closed);
    if (const auto* closed = std::get_if<Closed>(&event)) {
      talk->second.closed = true;
      assert(side.stack.readable(*flow)[0].empty() && side.stack.write_space(*flow)[0].empty());
      (void)closed;
    }
  }

  Reader input_;
  Instant now_{seconds(1)};
  SeededRandom random_{1};
  PacketBatch batch_{1'280};
  Watcher watcher_;
  Side near_;
  Side far_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Game(std::as_bytes(std::span(data, size))).play();
  return 0;
}

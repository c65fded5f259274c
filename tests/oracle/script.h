// What the application behind one flow does, as words of a command: "send=100000 pause=20 finish=peer".
//
//   send=N          bytes to write, of a stream made from the flow's number
//   echo            writes what it reads
//   read=N          reads at most N bytes at a time, and
//   pause=MS        rests so long between
//   held            reads nothing until the command go
//   finish=WHEN     sent: after the last byte (echo: after the peer's); peer: after the peer's end; never; now: at once
//   abort=N         breaks off once N bytes were read
//   answer=WORD     accept, reset, host, port, prohibited, silent; wait: by a later command
//   wait=MS         so long after the question
//   reply=N         UDP: answers each datagram with one of N bytes
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "netstack/events.h"

namespace quoin::oracle {

struct Script {
  enum class Finish : std::uint8_t { sent, peer, never, now };
  enum class Answer : std::uint8_t { accept, refuse, wait };

  std::uint64_t send = 0;
  bool echo = false;
  std::uint64_t read_at_most = UINT64_MAX;
  Duration pause{0};
  bool held = false;
  Finish finish = Finish::sent;
  std::optional<std::uint64_t> abort_after;
  Answer answer = Answer::accept;
  netstack::Refusal refusal = netstack::Refusal::reset;
  Duration answer_after{0};
  std::optional<std::size_t> reply_bytes;

  static std::optional<Script> parse(const std::vector<std::string>& words);
};

std::optional<netstack::Refusal> refusal_named(const std::string& word);
std::optional<std::uint64_t> number(const std::string& text);

}  // namespace quoin::oracle

// What the last connections to a device came to, as far as a person should look at it: a port that nothing came back
// from, or one that takes what is sent and answers nothing. The newest such port is remembered until it does better.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "pair/messages.h"

namespace quoin::gate {

class PortTrouble {
 public:
  void timed_out(pair::Transport transport, std::uint16_t port, WallTime wall);  // a dial
  void behind_router(std::uint16_t port, WallTime wall);  // one that had to stay on the link and did not
  void connected(pair::Transport transport, std::uint16_t port);
  void ended(const std::string& transport, std::uint16_t port, std::uint64_t bytes_to_device,
             std::uint64_t bytes_to_engineer, WallTime wall);

  std::string sentence(const std::string& device) const;  // empty: there is none

 private:
  enum class Kind : std::uint8_t { no_connection, behind_router, no_answer };
  struct Newest {
    Kind kind;
    std::uint16_t port;  // of TCP; UDP has no connection that could fail
    WallTime since;
  };
  void remember(Kind kind, std::uint16_t port, WallTime wall);

  std::optional<Newest> newest_;
};

}  // namespace quoin::gate

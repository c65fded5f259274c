// Names to addresses, by the system's resolver (getaddrinfo) on one thread beside the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "base/time.h"
#include "io/timer.h"

namespace quoin::io {

enum class ResolveError : std::uint8_t {
  not_found,  // the name has no address, or is none
  timed_out,
  too_many,  // Resolver::waiting_max
  failed,    // the resolver itself: no server answers, no configuration
};

class Resolver {
 public:
  static constexpr std::size_t waiting_max = 64;
  static constexpr std::size_t addresses_max = 16;  // of one name; the rest is dropped

  using Done = std::move_only_function<void(Result<std::vector<IpAddress>, ResolveError>)>;

  explicit Resolver(Loop& loop);
  ~Resolver();  // nothing is called back afterwards

  // An address literal is answered without asking anybody.
  void resolve(const std::string& host, Duration within, Done done);

 private:
  struct Shared;
  struct Waiting;
  void answer(std::uint64_t id, Result<std::vector<IpAddress>, ResolveError> result);
  void expire();
  void set_timer();

  Loop& loop_;
  std::shared_ptr<Shared> shared_;
  std::vector<Waiting> waiting_;
  std::uint64_t next_id_ = 1;
  Timer timer_;
};

}  // namespace quoin::io

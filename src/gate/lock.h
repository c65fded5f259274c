// Whether a device is open, who opened it, until when. The heart of the agent.
//
// Its interface has no network input: warrants come from the person at the agent, time from two clocks. A warrant ends
// at its deadline by the clock that counts sleep or by the calendar, whichever comes first, so a calendar set back
// gains nothing and one set forward ends it. Once a warrant has been seen to be over it is forgotten, and no clock
// brings it back. Nothing is kept on disk: a new Lock has nothing open. (Threat model: G1, G4, T1.)
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gate/warrant.h"

namespace quoin::gate {

class Lock {
 public:
  static constexpr Duration longest_ever = hours(24);  // whatever the configuration says

  enum class Refusal {
    unknown_device,
    already_open,
    no_time,   // it would be over before it began
    too_long,  // beyond the longest allowed, by either clock
    not_open,  // nothing is there to extend
    no_later,  // it would end no later than it does anyway
  };

  Lock(std::vector<std::string> devices, Duration longest);

  // Whether `open` would say yes: asked before the grant is written down.
  [[nodiscard]] Result<void, Refusal> may_open(const Warrant& warrant, WallTime wall, Instant now);
  [[nodiscard]] Result<void, Refusal> open(Warrant warrant, WallTime wall, Instant now);
  void close(std::string_view device);

  // Gives an open device a new end. It moves later only, by whichever clock comes first, and the longest time allowed
  // counts from this moment, as it does for `open`. All else of the warrant stays.
  [[nodiscard]] Result<void, Refusal> may_extend(std::string_view device, Ends ends, WallTime wall, Instant now);
  [[nodiscard]] Result<void, Refusal> extend(std::string_view device, Ends ends, WallTime wall, Instant now);

  // The warrant of a device, if it is in force at this moment. To be asked each time that something is to pass. Valid
  // until the next call.
  const Warrant* in_force(std::string_view device, WallTime wall, Instant now);

  // When the next warrant ends, if neither clock jumps.
  std::optional<Instant> next_end(WallTime wall, Instant now) const;

 private:
  std::vector<std::string> devices_;
  Duration longest_;
  std::map<std::string, Warrant, std::less<>> open_;  // by device
};

}  // namespace quoin::gate

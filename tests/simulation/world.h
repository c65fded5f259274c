// The clock of a simulated world, and what happens on it: one queue of things to come and the actors with timers.
//
// Nothing here sleeps; an hour passes as fast as its events can be handled. All chance comes from one seed, so a run
// can be had again exactly.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"

namespace quoin::simulation {

// A program with a core inside: woken when it asked to be, and drained by itself after each call.
class Actor {
 public:
  virtual ~Actor() = default;
  virtual const std::string& name() const = 0;
  virtual std::optional<Instant> poll_timeout() const = 0;
  virtual void handle_timeout() = 0;
};

class World {
 public:
  // How often in a row an actor may ask to be woken at once after it has just been woken. A timer that always says
  // "now" would burn a processor in a real program.
  static constexpr int impatient_wakes_max = 2;

  explicit World(std::uint64_t seed) : chance(seed) {}

  Instant now{hours(10)};
  SeededRandom chance;

  bool happens(double probability) {
    return probability > 0 && static_cast<double>(chance.below(1'000'000)) < probability * 1'000'000;
  }
  void after(Duration delay, std::function<void()> what) { to_come_.emplace(now + delay, std::move(what)); }
  void add(Actor& actor) { actors_.push_back({&actor}); }  // stays for as long as the world

  void run(Duration how_long);
  // Until it is so; false if it was not within `limit`.
  [[nodiscard]] bool run_until(const std::function<bool()>& so, Duration limit);

  // A sum over all that was noted, to compare two runs.
  void note(std::uint64_t what);
  std::uint64_t trace() const { return trace_; }

 private:
  struct Waking {
    Actor* actor;
    Instant last = {};
    int impatient = 0;
  };
  bool step(Instant end);  // the next thing that happens; false if nothing does before `end`
  void wake(Waking& waking);

  std::multimap<Instant, std::function<void()>> to_come_;
  std::vector<Waking> actors_;
  std::uint64_t trace_ = 0xcbf2'9ce4'8422'2325;
};

}  // namespace quoin::simulation

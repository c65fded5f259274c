// What a child says on its standard error, line by line into our own log under the name that it has with us. It has a
// pipe of its own for that, so that it holds neither our log nor somebody's terminal.
//
// A child is not believed and not waited for: it gets so many lines at once and then so many a second. What it says
// beyond waits in its pipe until that is full, and when the child has gone it is dropped and counted.
#pragma once

#include <memory>
#include <string>

#include "io/readiness.h"
#include "io/timer.h"

namespace quoin::io {

class ChildLog {
 public:
  static constexpr std::size_t lines_burst = 40;
  static constexpr Duration line_every = milliseconds(500);
  static constexpr std::size_t line_bytes_max = 512;  // what is longer becomes several

  // pipe: the end that is read. name: "mfp", with which every line begins.
  ChildLog(Loop& loop, Descriptor pipe, std::string name);
  void finish();  // the child has ended: what it said last, as far as that goes

 private:
  void wait();
  void receive();
  void hand_on(bool all);
  void earn();

  Readiness pipe_;
  std::string name_;
  std::string received_;
  Timer again_;
  std::size_t lines_left_ = lines_burst;
  Instant counted_;
};

}  // namespace quoin::io

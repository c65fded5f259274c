// How often a segment that should not have come is answered (RFC 5961, section 7).
//
// Challenge acknowledgments and acknowledgments of segments outside the window share one small allowance per
// connection, so that nobody makes us flood, two confused ends do not answer each other for ever, and the count says
// nothing about other connections.
#pragma once

#include "base/time.h"

namespace quoin::netstack::tcp {

class ChallengeLimit {
 public:
  static constexpr int answers_max = 10;
  static constexpr Duration interval = seconds(1);

  bool take(Instant now) {
    if (!counting_ || now - since_ >= interval) {
      counting_ = true;
      since_ = now;
      answers_ = 0;
    }
    if (answers_ >= answers_max) return false;
    answers_++;
    return true;
  }

 private:
  Instant since_{};
  int answers_ = 0;
  bool counting_ = false;
};

}  // namespace quoin::netstack::tcp

// One SNMP question to one device: its serial number (Printer MIB, RFC 3805, prtGeneralSerialNumber; RFC 1157 and
// RFC 3416). net-snmp parses what comes back, over a socket that it neither made nor may exchange for another: it is
// given a transport of our own. It reads no configuration, no MIB and no saved state.
//
// Asked in version 2c, and, if nothing answers, once more in version 1.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/readiness.h"
#include "io/timer.h"
#include "pair/serial_question.h"

namespace quoin::apps {

class SerialQuestion {
 public:
  using Done = std::move_only_function<void(pair::SerialAnswer)>;

  static void prepare();  // what net-snmp sets up; before the sandbox

  SerialQuestion(io::Loop& loop, io::Descriptor connected, std::string community, Done done);
  ~SerialQuestion();

  void ask();

 private:
  struct Session;  // net-snmp's
  enum class Version : std::uint8_t { v2c, v1 };

  void begin(Version version);
  void receive();
  void expired();
  void wait();
  void finish(pair::SerialAnswer answer);

  io::Readiness socket_;
  std::string community_;
  Done done_;
  io::Timer timer_;
  std::unique_ptr<Session> session_;
  Version version_ = Version::v2c;
  int tries_left_ = 0;
};

}  // namespace quoin::apps

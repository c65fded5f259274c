// One SNMP question to one device: its serial number (Printer MIB, RFC 3805, prtGeneralSerialNumber; RFC 1157 and
// RFC 3416). net-snmp parses what comes back, over a socket that it neither made nor may exchange for another: it is
// given a transport of our own. It reads no configuration, no MIB and no saved state.
//
// Asked in one version, and, if nothing or an error comes, in the other. Where the object of the first index is not
// there, the next one of its column is asked for: the index is the device's (hrDeviceIndex), and not always 1.
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

  SerialQuestion(io::Loop& loop, io::Descriptor connected, pair::SerialQuestion question, Done done);
  ~SerialQuestion();

  void ask();

 private:
  struct Session;  // net-snmp's
  struct Answered {
    pair::SerialAnswer answer;
    bool is_absent = false;  // there is no object of that name
    bool is_error = false;
  };

  void begin(pair::SnmpVersion version, bool next_of_column, int tries);
  void consider(const Answered& answered);
  void receive();
  void expired();
  void wait();
  void finish(pair::SerialAnswer answer);

  io::Readiness socket_;
  pair::SerialQuestion question_;
  Done done_;
  io::Timer timer_;
  std::unique_ptr<Session> session_;
  pair::SnmpVersion version_ = pair::SnmpVersion::v2c;
  bool next_of_column_ = false;
  int tries_left_ = 0;
  pair::SerialAnswer best_;  // what came of the questions before
  bool other_was_asked_ = false;
};

}  // namespace quoin::apps

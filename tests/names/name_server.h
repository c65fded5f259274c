// A name server of a test, on a loopback address: what it answers to each question is up to the test.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "io/descriptor.h"

namespace quoin::test_names {

enum class RecordType : std::uint16_t { a = 1, aaaa = 28 };

struct Asked {
  Buffer message;  // as it came
  std::string name;
  RecordType type;
};

// RFC 1035, section 4: the question again, and a record for each address of the type that was asked for.
Buffer answer_with(const Asked& asked, const std::vector<IpAddress>& addresses);
Buffer no_such_name(const Asked& asked);

class NameServer {
 public:
  using Answer = std::function<Buffer(const Asked&)>;  // empty: silence

  NameServer(const std::string& address, Answer answer);
  ~NameServer();

  io::Descriptor connected() const;  // a socket that asks it
  int asked() const { return asked_; }

 private:
  void serve();

  Answer answer_;
  io::Descriptor socket_;
  std::atomic<int> asked_ = 0;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace quoin::test_names

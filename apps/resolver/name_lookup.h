// Names to addresses, from the name servers that are handed over as connected UDP sockets (RFC 1035; c-ares). c-ares
// builds and reads the messages, asks one server after another and goes through the search list of resolv.conf(5), over
// sockets that it neither makes nor connects. No TCP: an answer that does not fit a datagram counts as far as it does.
//
// Both families are asked for apart. Once one has addresses the other has a short while left (RFC 8305, section 3):
// name servers that say nothing to AAAA questions are common. Until then each may take as long as its servers do, and
// answers that come late, or from a server that has been given up for the next, count.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/readiness.h"
#include "io/timer.h"
#include "pair/name_question.h"

struct ares_channeldata;

namespace quoin::apps {

class NameLookup {
 public:
  static constexpr std::size_t sockets_max = 64;  // that wait for use
  static constexpr Duration other_family_within = milliseconds(500);
  using Done = std::function<void(pair::NameOutcome, std::vector<IpAddress>)>;

  explicit NameLookup(io::Loop& loop);  // before the sandbox: c-ares reads its configuration now and never again
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;
  bool is_ready() const { return channel_ != nullptr; }

  void begin(const std::string& name, std::vector<io::Descriptor> servers, Done done);

 private:
  struct Calls;                                // what c-ares calls
  struct Question;                             // about both families
  struct Half;                                 // about one, under way at c-ares
  struct Socket {                              // as c-ares knows it, by a number of ours
    std::unique_ptr<io::Readiness> readiness;  // once it is known which server it leads to
  };

  bool use_servers(const std::vector<io::Descriptor>& servers);
  void wait(int number);
  void wait();

  io::Loop& loop_;
  io::Timer timer_;
  ares_channeldata* channel_ = nullptr;
  std::vector<io::Descriptor> unused_;
  std::string servers_;  // that the channel asks
  std::map<int, Socket> sockets_;
  int last_number_ = 0;
};

}  // namespace quoin::apps

// Every hardware address that answers for an IP address on our own link: the whole link is asked, and the answers of
// a while are collected, so that two hosts with one address are found out, of which the kernel's table shows only one
// (packet(7), icmp6(7), capabilities(7)).
//
// Somebody whom the kernel has confirmed within its reachable time, and so sends packets to now, counts as answering,
// whether or not the survey heard of it: who takes over the table's entry keeps still when the whole link is asked. The
// entry is forgotten if it is not the one that answered, so that the next packet does not go there; one confirmed
// before that time is only forgotten. Without the right to open such sockets (CAP_NET_RAW), and on links that are not
// Ethernet, it is the kernel that asks, and the one address that it learns.
#pragma once

#include <optional>
#include <vector>

#include "io/neighbour.h"
#include "io/route_netlink.h"

namespace quoin::io {

// Destroying it gives up silently; `done` may destroy it. done gets at least one address, each once.
class NeighbourSurvey {
 public:
  static constexpr int questions_max = 3;
  static constexpr Duration question_every = seconds(1);
  static constexpr Duration answers_within = milliseconds(200);  // after the first
  static constexpr std::size_t claimants_max = 8;                // that were heard

  using Done = std::move_only_function<void(Result<std::vector<MacBytes>, NeighbourError>)>;
  enum class Otherwise : std::uint8_t { kernel_asks, nobody };  // without the right or the link for it; then: no_answer
  NeighbourSurvey(Loop& loop, IpAddress address, Duration within, Done done,
                  Otherwise otherwise = Otherwise::kernel_asks);

 private:
  void start();
  bool open_socket(std::uint32_t interface, const IpAddress& source);
  void ask();
  void receive();
  void expired();
  RouteNetlink::Neighbour kernels_entry() const;
  void add_claimant(const MacBytes& mac);
  void let_the_kernel_ask();
  void finish(Result<std::vector<MacBytes>, NeighbourError> result);

  Loop& loop_;
  IpAddress address_;
  Instant until_;
  std::uint32_t interface_ = 0;
  Done done_;
  Otherwise otherwise_;
  Timer timer_;
  std::unique_ptr<Readiness> socket_;
  std::unique_ptr<NeighbourLookup> by_kernel_;
  Buffer question_;
  int questions_ = 0;
  std::vector<MacBytes> claimants_;
  std::optional<MacBytes> in_use_;  // by the kernel, when the survey began
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace quoin::io

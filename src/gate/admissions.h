// Which nodes may become peers of one tunnel. Names from the control server are compared with the warrant; a proof of
// who the engineer is will stand here when there is one. A node is judged once; shown again under another name it is
// refused, and stays so. Nodes that the warrant does not name give way to one that it does, so that a large network
// does not shut an engineer out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/keys.h"
#include "gate/audit_queue.h"
#include "pair/messages.h"

namespace quoin::gate {

class Admissions {
 public:
  static constexpr std::size_t nodes_max = 256;

  enum class Verdict : std::uint8_t {
    refused,
    recording,  // let in once its record is on disk
    admitted,
  };
  struct Node {
    std::string login;
    Verdict verdict = Verdict::refused;
    bool was_let_in = false;  // once; such a node is remembered to the end
    AuditQueue::Ticket record = 0;
    pair::PathKind path = pair::PathKind::none;
    std::string through;
    WallTime path_since = {};
    std::optional<WallTime> silent_since = {};  // nothing has been heard of it for long
  };
  struct Answer {
    Verdict verdict;
    std::string_view refusal;  // why; empty if it was judged before, or there was no room to keep it
  };

  // A new node that is let in is `recording` until `recorded` is called for it.
  Answer judge(const pair::Admit& node, const std::vector<std::string>& engineers,
               const crypto::NodePublicKey& own_key);
  void recorded_under(const crypto::NodePublicKey& key, AuditQueue::Ticket record) { nodes_[key].record = record; }
  // Those whose record is on disk now, each once.
  std::vector<crypto::NodePublicKey> newly_admitted(const AuditQueue& audit);

  const std::string* engineer(const crypto::NodePublicKey& key) const;  // of an admitted node
  void path_changed(const pair::PathReport& report, WallTime wall);
  const std::map<crypto::NodePublicKey, Node>& nodes() const { return nodes_; }
  std::uint64_t refused_without_room() const { return refused_without_room_; }

 private:
  // Makes room for an engineer where the nodes of strangers have filled the table.
  bool forget_a_stranger();

  std::map<crypto::NodePublicKey, Node> nodes_;
  std::uint64_t refused_without_room_ = 0;
};

}  // namespace quoin::gate

#include "gate/admissions.h"

#include "gate/engineers.h"

namespace quoin::gate {

Admissions::Answer Admissions::judge(const pair::Admit& node, const std::vector<std::string>& engineers,
                                     const crypto::NodePublicKey& own_key) {
  const auto known = nodes_.find(node.node_key);
  if (known != nodes_.end()) {
    Node& earlier = known->second;
    if (earlier.verdict == Verdict::refused) return {Verdict::refused, {}};
    if (!node.tagged && earlier.login == node.login) return {earlier.verdict, {}};
    earlier.verdict = Verdict::refused;
    return {Verdict::refused, "the same node was admitted under another name"};
  }
  if (nodes_.size() >= nodes_max) {
    refused_without_room_++;
    return {Verdict::refused, {}};
  }
  Node& added = nodes_[node.node_key];
  added.login = node.login;
  if (node.node_key.is_zero() || node.node_key == own_key) return {Verdict::refused, "it has no key of its own"};
  if (node.tagged) return {Verdict::refused, "it is a node without a person"};
  if (!names_person(engineers, node.login)) return {Verdict::refused, "the warrant does not name this engineer"};
  added.verdict = Verdict::recording;
  return {Verdict::recording, {}};
}

std::vector<crypto::NodePublicKey> Admissions::newly_admitted(const AuditQueue& audit) {
  std::vector<crypto::NodePublicKey> out;
  for (auto& [key, node] : nodes_) {
    if (node.verdict != Verdict::recording || !audit.is_written(node.record)) continue;
    node.verdict = Verdict::admitted;
    out.push_back(key);
  }
  return out;
}

const std::string* Admissions::engineer(const crypto::NodePublicKey& key) const {
  const auto found = nodes_.find(key);
  return found == nodes_.end() || found->second.verdict != Verdict::admitted ? nullptr : &found->second.login;
}

void Admissions::path_changed(const pair::PathReport& report) {
  const auto found = nodes_.find(report.engineer);
  if (found == nodes_.end() || found->second.verdict != Verdict::admitted) return;
  found->second.path = report.kind;
  found->second.through = report.through;
}

}  // namespace quoin::gate

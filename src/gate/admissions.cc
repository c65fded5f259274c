#include "gate/admissions.h"

#include <algorithm>

#include "gate/engineers.h"

namespace quoin::gate {
namespace {

// Empty if there is nothing against it.
std::string_view why_not(const pair::Admit& node, const std::vector<std::string>& engineers,
                         const crypto::NodePublicKey& own_key) {
  if (node.node_key.is_zero() || node.node_key == own_key) return "it has no key of its own";
  if (node.tagged) return "it is a node without a person";
  if (node.login.empty()) return "it has no login name that can be compared";
  if (!names_person(engineers, node.login)) return "the warrant does not name this engineer";
  return {};
}

}  // namespace

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
  const std::string_view refusal = why_not(node, engineers, own_key);
  if (nodes_.size() >= nodes_max && !(refusal.empty() && forget_a_stranger())) {
    refused_without_room_++;
    return {Verdict::refused, {}};
  }
  Node& added = nodes_[node.node_key];
  added.login = node.login;
  if (!refusal.empty()) return {Verdict::refused, refusal};
  added.was_let_in = true;
  added.verdict = Verdict::recording;
  return {Verdict::recording, {}};
}

bool Admissions::forget_a_stranger() {
  const auto stranger = std::ranges::find_if(nodes_, [](const auto& each) { return !each.second.was_let_in; });
  if (stranger == nodes_.end()) return false;
  nodes_.erase(stranger);
  return true;
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

void Admissions::path_changed(const pair::PathReport& report, WallTime wall) {
  const auto found = nodes_.find(report.engineer);
  if (found == nodes_.end() || found->second.verdict != Verdict::admitted) return;
  if (found->second.path == pair::PathKind::none) found->second.path_since = wall;
  found->second.path = report.kind;
  found->second.through = report.through;
  found->second.silent_since.reset();
  if (report.silent_seconds > 0) {
    found->second.silent_since = std::max(wall - seconds(report.silent_seconds), found->second.path_since);
  }
}

}  // namespace quoin::gate

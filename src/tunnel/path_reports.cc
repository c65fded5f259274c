#include "tunnel/path_reports.h"

#include <algorithm>
#include <utility>

namespace quoin::tunnel {
namespace {

bool says_the_same(const pair::PathReport& a, const pair::PathReport& b) {
  return a.kind == b.kind && a.through == b.through;
}

}  // namespace

void PathReports::note(pair::PathReport newest, Instant now) {
  const crypto::NodePublicKey key = newest.engineer;
  auto found = paths_.find(key);
  if (found == paths_.end()) {
    const pair::PathReport none{key, pair::PathKind::none, {}};
    found = paths_.try_emplace(key, Path{none, none, {of_one_burst, of_one_interval, now}}).first;
  }
  Path& path = found->second;
  path.newest = std::move(newest);
  const bool was_gone = std::exchange(path.gone_at, std::nullopt).has_value();
  if (!path.due || was_gone) plan(key, path, now);
}

void PathReports::plan(const crypto::NodePublicKey& key, Path& path, Instant due) {
  if (path.due) due_.erase({*path.due, key});
  path.due = due;
  due_.emplace(std::pair(due, key), &path);
}

std::optional<pair::PathReport> PathReports::take(Instant now) {
  while (!due_.empty() && due_.begin()->first.first <= now) {
    const crypto::NodePublicKey key = due_.begin()->first.second;
    Path& path = *due_.begin()->second;
    if (!says_the_same(path.told, path.newest)) {
      if (!pace_.take(now)) return std::nullopt;
      if (path.pace.take(now)) {
        path.told = path.newest;
        plan(key, path, now);  // to see what is left of it
        return path.told;
      }
      plan(key, path, now + of_one_interval);
    } else if (path.newest.kind != pair::PathKind::none) {
      due_.erase(due_.begin());
      path.due.reset();
    } else if (!path.gone_at) {
      path.gone_at = now;
      plan(key, path, now + forgotten_after);
    } else {
      due_.erase(due_.begin());
      paths_.erase(key);
    }
  }
  return std::nullopt;
}

std::optional<Instant> PathReports::poll_timeout() const {
  if (due_.empty()) return std::nullopt;
  const auto paced = pace_.poll_timeout();
  const Instant due = due_.begin()->first.first;
  return paced ? std::max(*paced, due) : due;
}

}  // namespace quoin::tunnel

#include "tunnel/path_reports.h"

#include <algorithm>
#include <utility>

namespace quoin::tunnel {
namespace {

bool says_the_same(const pair::PathReport& a, const pair::PathReport& b) {
  return a.kind == b.kind && a.through == b.through && (a.silent_seconds == 0) == (b.silent_seconds == 0);
}

std::uint32_t seconds_since(const std::optional<Instant>& then, Instant now) {
  return then ? static_cast<std::uint32_t>(std::max<std::int64_t>(1, (now - *then) / seconds(1))) : 0;
}

}  // namespace

void PathReports::note(pair::PathReport newest, Instant now) {
  const crypto::NodePublicKey key = newest.engineer;
  auto found = paths_.find(key);
  if (found == paths_.end()) {
    const pair::PathReport none{key, pair::PathKind::none, {}, 0};
    found = paths_.try_emplace(key, Path{none, none, {of_one_burst, of_one_interval, now}}).first;
  }
  Path& path = found->second;
  if (path.newest.kind == pair::PathKind::none) path.has_path_since = now;
  path.newest = std::move(newest);
  if (path.newest.kind == pair::PathKind::none) path.last_heard.reset();
  path.newest.silent_seconds = seconds_since(path.last_heard, now);
  if (!look_at_ && path.newest.kind != pair::PathKind::none) look_at_ = now + looked_every;
  const bool was_gone = std::exchange(path.gone_at, std::nullopt).has_value();
  if (!path.due || was_gone) plan(key, path, now);
}

void PathReports::look_who_is_silent(const LastHeard& last_heard, Instant now) {
  if (!look_at_ || now < *look_at_) return;
  look_at_.reset();
  for (auto& [key, path] : paths_) {
    if (path.newest.kind == pair::PathKind::none) continue;
    look_at_ = now + looked_every;
    const Instant heard = std::max(last_heard(key).value_or(path.has_path_since), path.has_path_since);
    const bool is_silent = now - heard >= silent_after;
    if (is_silent == path.last_heard.has_value()) continue;
    path.last_heard = is_silent ? std::optional(heard) : std::nullopt;
    path.newest.silent_seconds = seconds_since(path.last_heard, now);
    if (!path.due) plan(key, path, now);
  }
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
        path.newest.silent_seconds = seconds_since(path.last_heard, now);
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
  if (due_.empty()) return look_at_;
  const auto paced = pace_.poll_timeout();
  Instant due = due_.begin()->first.first;
  if (paced) due = std::max(due, *paced);
  return look_at_ ? std::min(due, *look_at_) : due;
}

}  // namespace quoin::tunnel

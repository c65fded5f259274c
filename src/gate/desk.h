// What the sessions of one gate share: the configuration, the host, the lock, the audit queue, and the way out for
// effects.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gate/audit_queue.h"
#include "gate/config.h"
#include "gate/dial_guard.h"
#include "gate/effects.h"
#include "gate/host_view.h"
#include "gate/lock.h"
#include "path/endpoint_guard.h"

namespace quoin::gate {

class Desk {
 public:
  Desk(Config settings, Result<HostView, std::string> view, AuditPlace place)
      : config(std::move(settings)),
        lock(config.device_names(), config.warrant.longest),
        audit(std::move(place), config.audit.file_bytes) {
    host_changed(std::move(view));
  }

  // The error says why it cannot be read: the view that was read last stays, and nothing is judged by it.
  void host_changed(Result<HostView, std::string> view) {
    host_trouble_ = view ? std::string() : std::move(view.error());
    if (!view) return;
    host_ = *std::move(view);
    own_prefixes_ = host_.prefixes();
    // What the person names as their site is no place for relays or peers either.
    own_prefixes_.insert(own_prefixes_.end(), config.site.public_networks.begin(), config.site.public_networks.end());
    fits_ = own_prefixes_.size() <= path::EndpointGuard::prefixes_max;
    if (!fits_) own_prefixes_.resize(path::EndpointGuard::prefixes_max);
    endpoints_ = path::EndpointGuard(own_prefixes_, config.relay.allow);
  }
  const HostView& host() const { return host_; }
  // Why this host's networks are not known; nothing is opened, dialled or asked of a device meanwhile. Empty if they
  // are.
  const std::string& host_trouble() const { return host_trouble_; }
  bool knows_host() const { return host_trouble_.empty(); }
  const std::vector<Prefix>& own_prefixes() const { return own_prefixes_; }
  // False for a host with more networks than a tunnel can be told of. Nothing opens there: the endpoint guard would not
  // know them all.
  bool host_fits() const { return fits_; }
  const path::EndpointGuard& endpoints() const { return endpoints_; }

  void emit(Effect effect) { effects.push_back(std::move(effect)); }
  void send(SessionId to, pair::FromGate message, std::vector<Descriptor> descriptors = {}) {
    emit(SendToChild{to, std::move(message), std::move(descriptors)});
  }
  TaskId new_task(SessionId of) {
    tasks.emplace(++last_task_, of);
    return last_task_;
  }
  void cancel(TaskId task) {
    if (tasks.erase(task) > 0) emit(CancelTask{task});
  }

  const Config config;
  Lock lock;
  AuditQueue audit;
  std::deque<Effect> effects;
  std::map<TaskId, SessionId> tasks;  // asked for and not answered

 private:
  HostView host_;
  std::string host_trouble_;
  std::vector<Prefix> own_prefixes_;
  bool fits_ = true;
  path::EndpointGuard endpoints_;
  TaskId last_task_ = 0;
};

}  // namespace quoin::gate

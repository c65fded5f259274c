#include "gate/audit_record.h"

#include <initializer_list>
#include <type_traits>

#include "json/text.h"
#include "pair/text.h"

namespace quoin::gate {
namespace {

constexpr std::size_t text_bytes_max = 255;
constexpr std::size_t list_entries_max = 80;

// Members in the order in which they are added. Texts are made printable and cut, lists are cut.
class Members {
 public:
  explicit Members(std::string_view event) { add("event", event); }

  Members& add(std::string_view name, std::string_view text) {
    begin(name);
    json::append_quoted(out_, pair::printable(text, text_bytes_max));
    return *this;
  }
  Members& add_if_any(std::string_view name, std::string_view text) { return text.empty() ? *this : add(name, text); }
  Members& add(std::string_view name, std::uint64_t number) {
    begin(name);
    out_ += std::to_string(number);
    return *this;
  }
  Members& add_if_any(std::string_view name, std::uint64_t number) { return number == 0 ? *this : add(name, number); }
  Members& add(std::string_view name, const std::vector<std::string>& list) {
    begin(name);
    out_ += '[';
    for (std::size_t i = 0; i < list.size() && i < list_entries_max; i++) {
      if (i > 0) out_ += ',';
      json::append_quoted(out_, pair::printable(list[i], text_bytes_max));
    }
    out_ += ']';
    return *this;
  }
  // The members that only the tunnel can know.
  Members& claimed(std::initializer_list<const char*> names) {
    return add("claimed", std::vector<std::string>(names.begin(), names.end()));
  }
  std::string text() { return std::move(out_); }

 private:
  void begin(std::string_view name) {
    if (!out_.empty()) out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }
  std::string out_;
};

std::string text_of_record(const AgentStarted& r) {
  return Members("started").add("devices", r.devices).text();
}
std::string text_of_record(const AgentStopped&) {
  return Members("stopped").text();
}
std::string text_of_record(const FileRepaired& r) {
  return Members("repaired").add("records_beyond_head", r.records_beyond_head).add("bytes_cut", r.bytes_cut).text();
}
std::string text_of_record(const FileContinued& r) {
  Members members("continued");
  return members.add("file", r.file).add("last_seq", r.last_sequence).add("last_hash", r.last_hash).text();
}
std::string text_of_record(const RecordsLost& r) {
  return Members("records_lost").add("count", r.count).text();
}
std::string text_of_record(const WarrantOpened& r) {
  Members members("opened");
  members.add("device", r.device).add("address", r.address).add_if_any("mac", r.mac);
  members.add_if_any("serial", r.serial).add("by", r.opened_by);
  members.add_if_any("reason", r.reason).add("until", r.until).add("services", r.services);
  return members.add("engineers", r.engineers).text();
}
std::string text_of_record(const WarrantExtended& r) {
  Members members("extended");
  members.add("device", r.device).add("by", r.by).add("until", r.until).add("until_before", r.until_before);
  return members.text();
}
std::string text_of_record(const WarrantRegistered& r) {
  Members members("registered");
  members.add("device", r.device).add("name", r.name).add("addresses", r.addresses).add("node_key", r.node_key);
  return members.claimed({"name", "addresses", "node_key"}).text();
}
std::string text_of_record(const CommandRefused& r) {
  Members members("refused");
  members.add("command", r.command).add_if_any("device", r.device).add("by", r.by).add("why", r.why);
  return members.add_if_any("refusals_not_written", r.suppressed).text();
}
std::string text_of_record(const WarrantClosed& r) {
  Members members("closed");
  members.add("device", r.device).add("why", r.why).add_if_any("by", r.by).add("flows", r.flows);
  members.add_if_any("flows_refused", r.flows_refused);
  return members.add_if_any("engineers_refused_not_written", r.admissions_refused_unwritten).text();
}
std::string text_of_record(const EngineerAdmitted& r) {
  Members members("engineer_admitted");
  members.add("device", r.device).add("engineer", r.engineer).add("node_key", r.node_key);
  return members.claimed({"engineer", "node_key"}).text();
}
std::string text_of_record(const EngineerRefused& r) {
  Members members("engineer_refused");
  members.add("device", r.device).add("engineer", r.engineer).add("node_key", r.node_key).add("why", r.why);
  return members.claimed({"engineer", "node_key"}).text();
}
template <class Flow>
Members flow_members(std::string_view event, const Flow& r) {
  Members members(event);
  members.add("device", r.device).add("flow", r.flow).add("engineer", r.engineer).add("service", r.service);
  members.add("transport", r.transport).add_if_any("port", r.port);
  return members;
}
std::string text_of_record(const FlowOpened& r) {
  return flow_members("flow_opened", r).claimed({"engineer"}).text();
}
std::string text_of_record(const FlowEnded& r) {
  Members members = flow_members("flow", r);
  if (r.echoes) members.add("requests", r.echoes->requests).add("answers", r.echoes->answers);
  if (r.bytes_to_device) members.add("bytes_to_device", *r.bytes_to_device);
  if (r.bytes_to_engineer) members.add("bytes_to_engineer", *r.bytes_to_engineer);
  if (r.echoes || !r.bytes_to_device) return members.claimed({"engineer"}).text();
  return members.claimed({"engineer", "time", "bytes_to_device", "bytes_to_engineer"}).text();
}
std::string text_of_record(const AttemptsFailed& r) {
  Members members("attempts");
  members.add("device", r.device).add("engineer", r.engineer).add("transport", r.transport);
  const bool has_port = r.port && r.transport != "icmp";
  if (has_port) members.add("port", std::uint64_t{*r.port});
  if (r.others) members.add("ports", r.others->ports).add("lowest", r.others->lowest).add("highest", r.others->highest);
  members.add("outcome", r.outcome).add("count", r.count).add_if_any("since", r.since);
  if (!r.claimed) return members.claimed({"engineer"}).text();
  if (r.others) {
    return members.claimed({"engineer", "transport", "ports", "lowest", "highest", "outcome", "count"}).text();
  }
  return has_port ? members.claimed({"engineer", "transport", "port", "outcome", "count"}).text()
                  : members.claimed({"engineer", "transport", "outcome", "count"}).text();
}
std::string text_of_record(const FeatureIgnored& r) {
  return Members("control_ignored").add("device", r.device).add("feature", r.feature).claimed({"feature"}).text();
}

}  // namespace

std::string members_of(const AuditRecord& record) {
  return std::visit([](const auto& r) { return text_of_record(r); }, record);
}

bool needs_sync(const AuditRecord& record) {
  return std::visit(
      [](const auto& r) {
        using R = std::remove_cvref_t<decltype(r)>;
        return !std::is_same_v<R, FlowOpened> && !std::is_same_v<R, FlowEnded> && !std::is_same_v<R, AttemptsFailed>;
      },
      record);
}

}  // namespace quoin::gate

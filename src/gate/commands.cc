#include "gate/commands.h"

#include <algorithm>

#include "json/codec.h"

namespace quoin::gate {

// Every command in one shape; which members belong to which command is judged below.
struct RequestShape {
  std::string command;
  std::optional<std::string> device;
  std::optional<bool> all;
  std::optional<bool> watch;
  std::optional<std::string> lasts;
  std::optional<std::string> services;
  std::optional<std::vector<std::string>> engineers;
  std::optional<std::string> reason;
};

struct ReplyShape {
  std::uint32_t code = 0;
  std::string text;
  std::optional<std::vector<DeviceStatus>> open;
  std::vector<std::string> devices;
  std::string audit_file;
  std::string audit_head;
  std::optional<bool> audit_works;
};

struct StatusShape {  // what scripts read
  std::vector<DeviceStatus> open;
  std::vector<std::string> devices;
  std::string audit_file;
  std::string audit_head;
  bool audit_works = true;
};

}  // namespace quoin::gate

namespace quoin::json {

template <>
struct Shape<gate::RequestShape> {
  using T = gate::RequestShape;
  static constexpr auto members =
      std::tuple{member("command", &T::command),     member("device", &T::device), member("all", &T::all),
                 member("watch", &T::watch),         member("for", &T::lasts),     member("services", &T::services),
                 member("engineers", &T::engineers), member("reason", &T::reason)};
};
template <>
struct Shape<gate::EngineerStatus> {
  using T = gate::EngineerStatus;
  static constexpr auto members = std::tuple{member("engineer", &T::engineer, Zero::written),
                                             member("node_key", &T::node_key, Zero::written),
                                             member("path", &T::path, Zero::written),
                                             member("through", &T::through, Zero::written),
                                             member("last_heard", &T::last_heard),
                                             member("past_narrow", &T::past_narrow, Zero::written)};
};
template <>
struct Shape<gate::DeviceStatus> {
  using T = gate::DeviceStatus;
  static constexpr auto members = std::tuple{member("device", &T::device, Zero::written),
                                             member("state", &T::state, Zero::written),
                                             member("name", &T::name, Zero::written),
                                             member("addresses", &T::addresses, Zero::written),
                                             member("node_key", &T::node_key, Zero::written),
                                             member("until", &T::until, Zero::written),
                                             member("seconds_left", &T::seconds_left, Zero::written),
                                             member("ends_soon", &T::ends_soon, Zero::written),
                                             member("opened_by", &T::opened_by, Zero::written),
                                             member("reason", &T::reason, Zero::written),
                                             member("engineers", &T::engineers, Zero::written),
                                             member("every_person", &T::every_person, Zero::written),
                                             member("services", &T::services, Zero::written),
                                             member("relay", &T::relay, Zero::written),
                                             member("problem", &T::problem, Zero::written),
                                             member("device_problem", &T::device_problem, Zero::written),
                                             member("refused", &T::refused, Zero::written),
                                             member("flows", &T::flows, Zero::written),
                                             member("paths", &T::paths, Zero::written)};
};
template <>
struct Shape<gate::ReplyShape> {
  using T = gate::ReplyShape;
  static constexpr auto members = std::tuple{member("code", &T::code, Zero::written),
                                             member("text", &T::text, Zero::written),
                                             member("open", &T::open),
                                             member("devices", &T::devices),
                                             member("audit_file", &T::audit_file),
                                             member("audit_head", &T::audit_head),
                                             member("audit_works", &T::audit_works)};
};
template <>
struct Shape<gate::StatusShape> {
  using T = gate::StatusShape;
  static constexpr auto members = std::tuple{
      member("open", &T::open, Zero::written), member("devices", &T::devices, Zero::written),
      member("audit_file", &T::audit_file, Zero::written), member("audit_head", &T::audit_head, Zero::written),
      member("audit_works", &T::audit_works, Zero::written)};
};

}  // namespace quoin::json

namespace quoin::gate {
namespace {

constexpr json::Limits request_limits{.bytes_max = request_bytes_max, .values_max = 128, .depth_max = 4};
constexpr json::Limits reply_limits{.bytes_max = reply_bytes_max, .values_max = 64 * 1024, .depth_max = 8};

template <class... Functions>
struct Cases : Functions... {
  using Functions::operator()...;
};

// Boost.JSON keeps the last of two members of one name, so nothing can be smuggled past the checks below.
Result<Request, std::string> judge(RequestShape&& shape) {
  const auto refuse = [](std::string why) { return failure("The request is not understood: " + why + "."); };
  const bool for_open_alone = shape.services || shape.engineers || shape.reason;
  const bool for_open = shape.lasts || for_open_alone;
  if (shape.command == "status") {
    if (for_open || shape.device || shape.all) return refuse("status takes nothing with it");
    return StatusRequest{shape.watch.value_or(false)};
  }
  if (shape.watch) return refuse("only status is watched");
  if (shape.command == "close") {
    if (for_open) return refuse("close takes a device or all, nothing else");
    if (shape.device.has_value() == shape.all.value_or(false)) return refuse("close takes a device or all");
    return CloseRequest{std::move(shape.device)};
  }
  if (shape.command == "open") {
    if (!shape.device || !shape.lasts || shape.all) return refuse("open takes one device and how long");
    return OpenRequest{*std::move(shape.device), *std::move(shape.lasts), std::move(shape.services),
                       std::move(shape.engineers).value_or(std::vector<std::string>()),
                       std::move(shape.reason).value_or("")};
  }
  if (shape.command == "extend") {
    if (!shape.device || !shape.lasts || shape.all || for_open_alone) {
      return refuse("extend takes one device and how long, nothing else");
    }
    return ExtendRequest{*std::move(shape.device), *std::move(shape.lasts)};
  }
  return refuse("there are open, extend, close and status");
}

}  // namespace

std::string stop_socket_beside(const std::string& socket) {
  return socket + ".stop";
}

Reply reply(ExitCode code, std::string text) {
  Reply out;
  out.code = code;
  out.text = std::move(text);
  return out;
}

std::string encode(const Request& request) {
  RequestShape shape;
  std::visit(Cases{[&](const OpenRequest& open) {
                     shape = {.command = "open",
                              .device = open.device,
                              .all = {},
                              .watch = {},
                              .lasts = open.lasts,
                              .services = open.services,
                              .engineers = open.engineers,
                              .reason = open.reason};
                   },
                   [&](const ExtendRequest& extend) {
                     shape.command = "extend";
                     shape.device = extend.device;
                     shape.lasts = extend.lasts;
                   },
                   [&](const CloseRequest& close) {
                     shape.command = "close";
                     shape.device = close.device;
                     if (!close.device) shape.all = true;
                   },
                   [&](const StatusRequest& status) {
                     shape.command = "status";
                     if (status.watch) shape.watch = true;
                   }},
             request);
  return json::write(shape) + "\n";
}

Result<Request, std::string> decode_request(Bytes line) {
  std::vector<std::string> unknown;
  auto shape = json::read<RequestShape>(line, request_limits, &unknown);
  if (!shape) return failure("The request is not understood: " + json::text(shape.error()) + ".");
  if (!unknown.empty())
    return failure<std::string>("The request is not understood: it has a member that is not known.");
  return judge(*std::move(shape));
}

std::string encode(const Reply& reply) {
  return json::write(ReplyShape{.code = static_cast<std::uint32_t>(reply.code),
                                .text = reply.text,
                                .open = reply.open,
                                .devices = reply.devices,
                                .audit_file = reply.audit_file,
                                .audit_head = reply.audit_head,
                                .audit_works = reply.audit_works}) +
         "\n";
}

Result<Reply, std::string> decode_reply(Bytes line) {
  auto shape = json::read<ReplyShape>(line, reply_limits);
  if (!shape) return failure("The agent's reply is not understood: " + json::text(shape.error()) + ".");
  constexpr std::uint32_t codes[] = {0, 2, 3, 4, 5};
  if (std::ranges::find(codes, shape->code) == std::end(codes)) {
    return failure<std::string>("The agent's reply is not understood: its code is not known.");
  }
  return Reply{.code = static_cast<ExitCode>(shape->code),
               .text = std::move(shape->text),
               .open = std::move(shape->open),
               .devices = std::move(shape->devices),
               .audit_file = std::move(shape->audit_file),
               .audit_head = std::move(shape->audit_head),
               .audit_works = shape->audit_works};
}

std::string status_json(const Reply& reply) {
  return json::write(StatusShape{.open = reply.open.value_or(std::vector<DeviceStatus>()),
                                 .devices = reply.devices,
                                 .audit_file = reply.audit_file,
                                 .audit_head = reply.audit_head,
                                 .audit_works = reply.audit_works.value_or(true)});
}

}  // namespace quoin::gate

// What the driver may ask of the host; the words are in host.h.
#include <sstream>

#include "host.h"
#include "netstack/active_open.h"

namespace quoin::oracle {
namespace {

using netstack::FlowId;
using netstack::Transport;

std::vector<std::string> split(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::vector<std::string> rest(const std::vector<std::string>& words, std::size_t from) {
  return {words.begin() + static_cast<std::ptrdiff_t>(std::min(from, words.size())), words.end()};
}

std::optional<double> amount(const std::string& text) {
  std::istringstream stream(text);
  double value = 0;
  stream >> value;
  if (stream.fail() || value < 0) return std::nullopt;
  return value;
}

bool set(Conditions& conditions, const std::string& key, double value) {
  const auto of_percent = [&] { return static_cast<std::uint32_t>(value * 1'000); };
  if (key == "loss") {
    conditions.loss = of_percent();
  } else if (key == "reorder") {
    conditions.reordered = of_percent();
  } else if (key == "duplicate") {
    conditions.duplicated = of_percent();
  } else if (key == "delay") {
    conditions.delay = microseconds(static_cast<std::int64_t>(value * 1'000));
  } else if (key == "rate") {
    conditions.bytes_per_second = static_cast<std::uint64_t>(value);
  } else if (key == "held") {
    conditions.held = value != 0;
  } else {
    return false;
  }
  return true;
}

}  // namespace

void Host::handle_command(const std::string& line, Instant now) {
  const Words words = split(line);
  if (!words.empty()) say("= " + obey(words, now));
  advance(now);
}

std::string Host::obey(const Words& words, Instant now) {
  const std::string& verb = words[0];
  if (verb == "quit") {
    quitting_ = true;
    return "bye";
  }
  if (verb == "statistics") return statistics();
  if (verb == "serve") return serve(words);
  if (verb == "link") return set_link(words);
  if (verb == "peek") return peek(words);
  if (verb == "connect" || verb == "datagrams") return open(words, now);
  return obey_about_flow(words, now);
}

std::string Host::serve(const Words& words) {
  const auto port = words.size() > 2 ? number(words[2]) : std::nullopt;
  const auto script = Script::parse(rest(words, 3));
  if (!port || !script) return "bad serve";
  services_[{words[1] == "tcp" ? Transport::tcp : Transport::udp, static_cast<std::uint16_t>(*port)}] = *script;
  return "ok";
}

std::string Host::open(const Words& words, Instant now) {
  const auto remote = words.size() > 1 ? Endpoint::parse(words[1]) : std::nullopt;
  const auto script = Script::parse(rest(words, 2));
  if (!remote || !script) return "bad connect";
  const bool tcp = words[0] == "connect";
  const auto flow = tcp ? netstack::ActiveOpen::connect(stack_, *remote, now)
                        : netstack::ActiveOpen::open_datagrams(stack_, *remote, now);
  if (!flow) return "not opened";
  Open made{.number = ++flows_heard_,
            .transport = tcp ? Transport::tcp : Transport::udp,
            .script = *script,
            .conversation = {},
            .answer_at = {}};
  if (tcp) made.conversation.emplace(*flow, made.number, made.script);
  const std::uint64_t its_number = made.number;
  numbers_[its_number] = *flow;
  flows_.insert_or_assign(*flow, std::move(made));
  work(*flow, now);
  return "flow " + std::to_string(its_number);
}

std::optional<FlowId> Host::numbered(const std::string& word) const {
  const auto its_number = number(word);
  const auto found = its_number ? numbers_.find(*its_number) : numbers_.end();
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

std::string Host::obey_about_flow(const Words& words, Instant now) {
  const std::string& verb = words[0];
  const auto flow = words.size() > 1 ? numbered(words[1]) : std::nullopt;
  if (!flow) return "no such flow or command";
  Open& open = flows_.at(*flow);
  if (verb == "accept") {
    accept(*flow, now);
  } else if (verb == "refuse" && words.size() > 2) {
    const auto refusal = refusal_named(words[2]);
    if (!refusal) return "bad refusal";
    refuse(*flow, *refusal);
  } else if (verb == "abort") {
    stack_.abort(*flow, now);
    ended(*flow, "broken_off");
  } else if (verb == "say" && words.size() > 2) {
    Buffer datagram(number(words[2]).value_or(0));
    random_.fill(datagram);
    Digest digest;
    digest.add(datagram);
    return stack_.send_datagram(*flow, datagram, now) ? "said " + digest.text() : "not said";
  } else if (verb == "go" && open.conversation) {
    open.conversation->go_on();
    work(*flow, now);
  } else if (verb == "finish" && open.conversation) {
    open.conversation->finish(stack_, now);
  } else {
    return "bad command";
  }
  return "ok";
}

std::string Host::set_link(const Words& words) {
  if (words.size() < 2) return "bad link";
  for (const Direction direction : {Direction::to_stack, Direction::to_kernel}) {
    const char* name = direction == Direction::to_stack ? "to_stack" : "to_kernel";
    if (words[1] != "both" && words[1] != name) continue;
    for (const std::string& word : rest(words, 2)) {
      const std::size_t equals = word.find('=');
      const auto value = equals == std::string::npos ? std::nullopt : amount(word.substr(equals + 1));
      if (!value || !set(link_.conditions(direction), word.substr(0, equals), *value)) return "bad link";
    }
  }
  return "ok";
}

std::string Host::peek(const Words& words) {
  const bool to_stack = words.size() > 1 && words[1] == "to_stack";
  const Bytes packet = link_.next(to_stack ? Direction::to_stack : Direction::to_kernel);
  if (packet.empty()) return "nothing";
  const std::size_t header = std::to_integer<int>(packet[0]) >> 4 == 4 ? 20 : 40;
  Reader ports(packet.subspan(std::min(header, packet.size())));
  const std::uint16_t source = ports.u16();
  return "ports " + std::to_string(source) + " " + std::to_string(ports.u16());
}

std::string Host::statistics() const {
  const netstack::StackStatistics& counted = stack_.statistics();
  std::ostringstream text;
  text << "packets_in=" << counted.packets_in << " packets_out=" << counted.packets_out
       << " memory=" << stack_.memory_bytes() << " flows=" << stack_.flows() << " pending_full=" << counted.pending_full
       << " flows_full=" << counted.flows_full << " bad_transport=" << counted.bad_transport
       << " stray_segments=" << counted.stray_segments << " segments_joined=" << counted.segments_joined
       << " icmp_errors_in=" << counted.icmp_errors_in << " icmp_ignored=" << counted.icmp_ignored
       << " answers_limited=" << counted.answers_limited << " echo_requests=" << counted.echo_requests
       << " payload_without_room=" << counted.payload_without_room << " syn_repeated=" << counted.syn_repeated
       << " reassembled=" << counted.datagrams_reassembled << " lost_to_stack=" << link_.lost(Direction::to_stack)
       << " lost_to_kernel=" << link_.lost(Direction::to_kernel);
  return text.str();
}

}  // namespace quoin::oracle

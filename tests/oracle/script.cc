#include "script.h"

#include <charconv>

namespace quoin::oracle {

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<netstack::Refusal> refusal_named(const std::string& word) {
  using netstack::Refusal;
  if (word == "reset") return Refusal::reset;
  if (word == "host") return Refusal::host_unreachable;
  if (word == "port") return Refusal::port_unreachable;
  if (word == "prohibited") return Refusal::administratively_prohibited;
  if (word == "silent") return Refusal::silent;
  return std::nullopt;
}

namespace {

std::optional<Script::Finish> finish_named(const std::string& word) {
  if (word == "sent") return Script::Finish::sent;
  if (word == "peer") return Script::Finish::peer;
  if (word == "never") return Script::Finish::never;
  if (word == "now") return Script::Finish::now;
  return std::nullopt;
}

bool set_answer(Script& script, const std::string& word) {
  if (word == "accept") return true;
  if (word == "wait") {
    script.answer = Script::Answer::wait;
    return true;
  }
  const auto refusal = refusal_named(word);
  if (!refusal) return false;
  script.answer = Script::Answer::refuse;
  script.refusal = *refusal;
  return true;
}

bool set(Script& script, const std::string& key, const std::string& value) {
  if (key == "answer") return set_answer(script, value);
  if (key == "finish") {
    const auto finish = finish_named(value);
    if (finish) script.finish = *finish;
    return finish.has_value();
  }
  if (key == "echo") return script.echo = true;
  if (key == "held") return script.held = true;
  const auto amount = number(value);
  if (!amount) return false;
  if (key == "send") {
    script.send = *amount;
  } else if (key == "read") {
    script.read_at_most = *amount;
  } else if (key == "pause") {
    script.pause = milliseconds(*amount);
  } else if (key == "abort") {
    script.abort_after = *amount;
  } else if (key == "wait") {
    script.answer_after = milliseconds(*amount);
  } else if (key == "reply") {
    script.reply_bytes = *amount;
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::optional<Script> Script::parse(const std::vector<std::string>& words) {
  Script script;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (!set(script, word.substr(0, equals), value)) return std::nullopt;
  }
  return script;
}

}  // namespace quoin::oracle

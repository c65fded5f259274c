#include "io/log.h"

#include <memory>
#include <string>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/printable.h"

namespace quoin::io {

namespace {

std::unique_ptr<spdlog::logger> make_logger(std::string_view program, spdlog::level::level_enum least) {
  auto made = std::make_unique<spdlog::logger>(std::string(program), std::make_shared<spdlog::sinks::stderr_sink_st>());
  made->set_pattern("%n: %l: %v");  // no time: whoever collects stderr adds it, and it would need the zone's file
  made->set_level(least);
  return made;
}

std::unique_ptr<spdlog::logger>& logger() {
  static std::unique_ptr<spdlog::logger> one = make_logger("quoin", spdlog::level::info);
  return one;
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace: return spdlog::level::trace;
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void start_log(std::string_view program, LogLevel least) {
  logger() = make_logger(program, level_of(least));
}

void log(LogLevel level, std::string_view text) {
  if (!logger()->should_log(level_of(level))) return;
  const std::string line = printable(text, log_line_bytes_max);
  logger()->log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace quoin::io

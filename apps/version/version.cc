#include "version.h"

#include <cstdio>
#include <cstring>

namespace quoin::apps {

const char* version() {
  return QUOIN_VERSION;
}

bool answers_version(int argc, const char* const* argv, const char* program) {
  if (argc != 2 || std::strcmp(argv[1], "--version") != 0) return false;
  std::printf("%s %s\n", program, version());
  return true;
}

}  // namespace quoin::apps

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <sys/random.h>

#include "io/entropy.h"

namespace quoin::io {

void SystemRandom::fill(MutableBytes out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      std::fputs("quoin: the kernel gives no random bytes (getrandom); nothing is safe without them\n", stderr);
      std::abort();
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace quoin::io

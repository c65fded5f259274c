// A twin of quoin-tunnel for tests: reads nothing, says nothing, and never goes by itself.
#include <unistd.h>

int main() {
  for (;;) pause();
}

// Replays a corpus through a fuzz target in builds without libFuzzer, so that every input ever found stays a test.
// Also feeds each file's every prefix of up to 4 KiB: truncation is the commonest way for a parser to be wrong.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; i++) {
    if (!std::filesystem::exists(argv[i])) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
      const std::size_t prefixes = std::min<std::size_t>(bytes.size(), 4096);
      for (std::size_t length = 0; length < prefixes; length++) {
        // A copy of exactly this length, so that a sanitizer sees a read past its end.
        std::vector<std::uint8_t> prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
        LLVMFuzzerTestOneInput(prefix.data(), prefix.size());
      }
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      files++;
    }
  }
  if (files == 0) {
    std::fprintf(stderr, "no corpus files found: every fuzz target ships at least one (tests/fuzz/corpus/TARGET)\n");
    return 1;
  }
  std::printf("%zu corpus files replayed\n", files);
  return 0;
}

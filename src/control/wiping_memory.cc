#include "control/wiping_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/secret.h"

namespace quoin::control {
namespace {

// The size stands before each block, because free() does not say it.
constexpr std::size_t header_bytes = alignof(std::max_align_t);

void* allocate(std::size_t size, void*) {
  if (size > std::numeric_limits<std::size_t>::max() - header_bytes) return nullptr;
  auto* block = static_cast<std::byte*>(std::malloc(header_bytes + size));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof size);
  return block + header_bytes;
}

std::size_t size_of(void* memory) {
  std::size_t size = 0;
  if (memory != nullptr) std::memcpy(&size, static_cast<std::byte*>(memory) - header_bytes, sizeof size);
  return size;
}

void release(void* memory, void*) {
  if (memory == nullptr) return;
  auto* bytes = static_cast<std::byte*>(memory);
  wipe(MutableBytes(bytes, size_of(memory)));
  std::free(bytes - header_bytes);
}

void* allocate_zeroed(std::size_t count, std::size_t size, void* context) {
  if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* memory = allocate(count * size, context);
  if (memory != nullptr) std::memset(memory, 0, count * size);
  return memory;
}

void* reallocate(void* memory, std::size_t size, void* context) {
  void* larger = allocate(size, context);
  if (larger == nullptr) return nullptr;
  if (memory != nullptr) std::memcpy(larger, memory, std::min(size, size_of(memory)));
  release(memory, context);
  return larger;
}

}  // namespace

nghttp2_mem wiping_memory() {
  return {nullptr, allocate, release, allocate_zeroed, reallocate};
}

}  // namespace quoin::control

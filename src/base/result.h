// What the world can do wrong is a value: Result<T, Error>, where Error is a small enum of the layer that made it.
#pragma once

#include <expected>
#include <utility>

namespace quoin {

template <class T, class E>
using Result = std::expected<T, E>;

template <class E>
std::unexpected<E> failure(E error) {
  return std::unexpected<E>(std::move(error));
}

}  // namespace quoin

// Yields the value of a Result, or returns its error from the function that it stands in (a GNU statement expression,
// which clang and gcc both have).
#define TRY(...)                                                            \
  ({                                                                        \
    auto&& try_result = (__VA_ARGS__);                                      \
    if (!try_result) return std::unexpected(std::move(try_result).error()); \
    *std::move(try_result);                                                 \
  })

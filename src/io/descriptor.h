// A file descriptor that one owner holds and closes.
#pragma once

#include <cstddef>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace quoin::io {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}  // takes it over
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = other.release();
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  void close();

 private:
  int number_ = -1;
};

enum class ReadError {
  unreadable,
  too_large,  // more than bytes_max
};

// Where a program was started with standard input, output or error closed, its next files would take their numbers:
// what is printed would go into them, and a child that is given standard error would be given one of them. Fills what
// is missing with the null device, opened so that reading and printing fail as they would have. False if that is not
// there.
bool fill_standard_numbers();

// All that can be read from here to the end of the file, for files handed over by another process.
Result<Buffer, ReadError> read_to_end(const Descriptor& file, std::size_t bytes_max);

}  // namespace quoin::io

// The device's side of the agent's sockets: what a printer's services do with the bytes they get.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "pair/messages.h"

namespace quoin::simulation {

// A connected TCP socket as the agent sees it.
class Service {
 public:
  virtual ~Service() = default;
  std::size_t write(Bytes bytes) {  // how much it took
    const std::size_t count = std::min(bytes.size(), appetite());
    taken_ += count;
    if (count > 0) take(bytes.first(count));
    return count;
  }
  virtual void finish() {}                                // the agent has shut down its side
  virtual bool is_hungry_later() const { return false; }  // took less than it was given, and will take more
  Bytes output() const { return Bytes(output_).subspan(read_); }
  void read(std::size_t bytes) {
    read_ += bytes;
    if (read_ < output_.size()) return;
    output_.clear();
    read_ = 0;
  }
  bool ended() const { return ends_ && output_.empty(); }
  bool is_broken() const { return broken_; }
  void was_reset() { was_reset_ = true; }
  void was_closed() { was_closed_ = true; }

  std::uint64_t taken() const { return taken_; }
  bool got_reset() const { return was_reset_; }
  bool got_closed() const { return was_closed_; }

 protected:
  virtual void take(Bytes bytes) = 0;
  virtual std::size_t appetite() const { return SIZE_MAX; }
  Buffer output_;
  bool ends_ = false;
  bool broken_ = false;

 private:
  std::size_t read_ = 0;  // of output_
  std::uint64_t taken_ = 0;
  bool was_reset_ = false;
  bool was_closed_ = false;
};

// A byte of the stream that every test of bulk data sends: position tells it.
inline std::byte byte_at(std::uint64_t position) {
  return static_cast<std::byte>((position * 2'654'435'761U) >> 13);
}

// Gives back what it gets, and ends when the other side has.
class Echo final : public Service {
  void take(Bytes bytes) override { append(output_, bytes); }
  void finish() override { ends_ = true; }
};

// Port 9100: takes a print job, slowly if so wished; at its end says how long it was and whether each byte was right.
class PrintQueue final : public Service {
 public:
  explicit PrintQueue(std::size_t bytes_a_turn = SIZE_MAX) : bytes_a_turn_(bytes_a_turn) {}
  bool is_hungry_later() const override { return bytes_a_turn_ != SIZE_MAX; }

 private:
  void take(Bytes bytes) override {
    for (const std::byte each : bytes) {
      if (each != byte_at(position_++)) is_right_ = false;
    }
  }
  std::size_t appetite() const override { return bytes_a_turn_; }
  void finish() override {
    append(output_, bytes_of(std::to_string(position_) + (is_right_ ? " right" : " wrong")));
    ends_ = true;
  }
  std::size_t bytes_a_turn_;
  std::uint64_t position_ = 0;
  bool is_right_ = true;
};

// Sends so many bytes, then ends; keeps reading.
class Download final : public Service {
 public:
  explicit Download(std::size_t bytes) {
    output_.resize(bytes);
    for (std::size_t i = 0; i < bytes; i++) output_[i] = byte_at(i);
    ends_ = true;
  }

 private:
  void take(Bytes) override {}
};

// One page for each request, HTTP/1.0.
class WebPage final : public Service {
 public:
  static constexpr std::string_view page = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nready\n";

 private:
  void take(Bytes bytes) override {
    request_ += text_of(bytes);
    if (!request_.ends_with("\r\n\r\n")) return;
    append(output_, bytes_of(page));
    ends_ = true;
  }
  std::string request_;
};

// Breaks its connection as soon as it is spoken to.
class Crash final : public Service {
  void take(Bytes) override { broken_ = true; }
};

struct Printer {
  std::map<std::uint16_t, std::function<std::shared_ptr<Service>()>> tcp;
  std::map<std::uint16_t, std::function<std::optional<Buffer>(Bytes)>> udp;  // the answer to a datagram; none: ICMP's
  std::map<std::uint16_t, pair::Unanswered> unanswered;                      // dials that come to nothing
  bool answers_ping = true;
  bool answers_udp = true;  // else it hears and says nothing
};

}  // namespace quoin::simulation

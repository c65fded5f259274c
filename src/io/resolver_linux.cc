#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <netdb.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/resolver.h"
#include "io/socket_address.h"

namespace quoin::io {

namespace {

constexpr std::size_t name_bytes_max = 253;  // RFC 1035, section 3.1, as text

bool is_host_name(const std::string& text) {
  return !text.empty() && text.size() <= name_bytes_max && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_';
  });
}

Result<std::vector<IpAddress>, ResolveError> ask_the_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;  // one entry an address, not one for each kind of socket
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY) return failure(ResolveError::not_found);
  if (error != 0) return failure(ResolveError::failed);

  std::vector<IpAddress> addresses;
  for (const addrinfo* one = found; one != nullptr && addresses.size() < Resolver::addresses_max; one = one->ai_next) {
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    SocketAddress address;
    address.length = std::min<std::uint32_t>(one->ai_addrlen, SocketAddress::bytes_max);
    const auto* bytes = reinterpret_cast<const std::byte*>(one->ai_addr);
    std::copy(bytes, bytes + address.length, address.bytes.begin());
    const IpAddress parsed = address.endpoint().address;
    if (std::ranges::find(addresses, parsed) == addresses.end()) addresses.push_back(parsed);
  }
  freeaddrinfo(found);
  if (addresses.empty()) return failure(ResolveError::not_found);
  return addresses;
}

}  // namespace

// What the loop's thread and the asking thread share. getaddrinfo cannot be interrupted, so that the asking thread may
// outlive the resolver; it then finds `owner` empty and ends.
struct Resolver::Shared {
  struct Question {
    std::uint64_t id;
    std::string host;
  };
  std::mutex mutex;
  std::condition_variable asked;
  std::deque<Question> questions;
  Resolver* owner = nullptr;
  Loop* loop = nullptr;

  static void work(const std::shared_ptr<Shared>& shared);
};

struct Resolver::Waiting {
  std::uint64_t id;
  Instant until;
  Done done;
};

Resolver::Resolver(Loop& loop) : loop_(loop), shared_(std::make_shared<Shared>()), timer_(loop, [this] { expire(); }) {
  shared_->owner = this;
  shared_->loop = &loop;
  std::thread([shared = shared_] { Shared::work(shared); }).detach();
}

Resolver::~Resolver() {
  const std::lock_guard lock(shared_->mutex);
  shared_->owner = nullptr;
  shared_->questions.clear();
  shared_->asked.notify_all();
}

void Resolver::Shared::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->asked.wait(lock, [&] { return shared->owner == nullptr || !shared->questions.empty(); });
    if (shared->owner == nullptr) return;
    const Question question = std::move(shared->questions.front());
    shared->questions.pop_front();
    lock.unlock();
    auto result = ask_the_system(question.host);
    lock.lock();
    if (shared->owner == nullptr) return;
    shared->loop->post([shared, id = question.id, result = std::move(result)]() mutable {
      if (shared->owner != nullptr) shared->owner->answer(id, std::move(result));  // on the owner's own thread
    });
  }
}

void Resolver::resolve(const std::string& host, Duration within, Done done) {
  const std::uint64_t id = next_id_++;
  const auto literal = IpAddress::parse(host);
  if (waiting_.size() >= waiting_max || literal || !is_host_name(host)) {
    Result<std::vector<IpAddress>, ResolveError> result = failure(ResolveError::not_found);
    if (literal) {
      result = std::vector{*literal};
    } else if (waiting_.size() >= waiting_max) {
      result = failure(ResolveError::too_many);
    }
    loop_.post([shared = shared_, done = std::move(done), result = std::move(result)]() mutable {
      if (shared->owner != nullptr) done(std::move(result));
    });
    return;
  }
  waiting_.push_back({id, now() + within, std::move(done)});
  set_timer();
  const std::lock_guard lock(shared_->mutex);
  shared_->questions.push_back({id, host});
  shared_->asked.notify_one();
}

void Resolver::answer(std::uint64_t id, Result<std::vector<IpAddress>, ResolveError> result) {
  const auto found = std::ranges::find(waiting_, id, &Waiting::id);
  if (found == waiting_.end()) return;  // it timed out
  Done done = std::move(found->done);
  waiting_.erase(found);
  set_timer();
  done(std::move(result));
}

void Resolver::expire() {
  const Instant time = now();
  const auto due = std::ranges::find_if(waiting_, [&](const Waiting& one) { return one.until <= time; });
  if (due == waiting_.end()) return set_timer();
  const std::uint64_t id = due->id;
  {
    const std::lock_guard lock(shared_->mutex);
    std::erase_if(shared_->questions, [&](const Shared::Question& question) { return question.id == id; });
  }
  answer(id, failure(ResolveError::timed_out));  // which sets the timer for the next
}

void Resolver::set_timer() {
  std::optional<Instant> earliest;
  for (const Waiting& one : waiting_) {
    if (!earliest || one.until < *earliest) earliest = one.until;
  }
  timer_.set(earliest);
}

}  // namespace quoin::io

// The two AEAD back ends against each other: every length of a packet, every size of a batch, forgeries mixed in,
// memory that ends where the text ends.
#include <algorithm>
#include <cstring>
#include <thread>

#include <gtest/gtest.h>
#include <sodium.h>

#include "base/random.h"
#include "crypto/aead.h"
#include "crypto/aead_ipsec_mb.h"
#include "crypto/start.h"

namespace quoin::crypto {
namespace {

constexpr std::size_t packet_bytes_max = 1500;

// Memory whose last byte is followed by a page that nobody may touch, so that a read or write past the text is seen
// even in assembly code, where a sanitizer sees nothing.
class GuardedText {
 public:
  explicit GuardedText(Bytes bytes) : memory_(sodium_malloc(bytes.size())), size_(bytes.size()) {
    EXPECT_NE(memory_, nullptr);
    std::ranges::copy(bytes, span().begin());
  }
  ~GuardedText() { sodium_free(memory_); }
  GuardedText(const GuardedText&) = delete;
  GuardedText& operator=(const GuardedText&) = delete;
  MutableBytes span() { return {static_cast<std::byte*>(memory_), size_}; }

 private:
  void* memory_;
  std::size_t size_;
};

Buffer random_bytes(Random& random, std::size_t length) {
  Buffer out(length);
  random.fill(out);
  return out;
}

void agree_on_every_length(std::uint64_t seed) {
  SeededRandom random(seed);
  for (std::size_t length = 0; length <= packet_bytes_max; length++) {
    const AeadKey key(Secret<32>(random.array<32>()));
    const AeadNonce nonce = random.array<12>();
    const Buffer plain = random_bytes(random, length);
    const Buffer associated_bytes = random_bytes(random, length % 49);
    GuardedText associated(associated_bytes);
    Buffer with_room = plain;
    with_room.resize(length + aead_tag_bytes);
    Buffer expected = with_room;
    GuardedText text(with_room);

    AeadJob ours{.text = expected, .nonce = nonce, .associated = associated_bytes};
    aead_seal_with(AeadBackEnd::libsodium, key, std::span(&ours, 1));
    AeadJob theirs{.text = text.span(), .nonce = nonce, .associated = associated.span()};
    aead_seal_with(AeadBackEnd::ipsec_mb, key, std::span(&theirs, 1));
    ASSERT_TRUE(equal(text.span(), expected)) << length;

    aead_open_with(AeadBackEnd::ipsec_mb, key, std::span(&theirs, 1));
    ASSERT_TRUE(theirs.opened) << length;
    ASSERT_TRUE(equal(text.span().first(length), plain)) << length;

    // One wrong bit anywhere: text or tag.
    std::ranges::copy(expected, text.span().begin());
    text.span()[random.below(expected.size())] ^= static_cast<std::byte>(1u << random.below(8));
    theirs.opened = true;
    aead_open_with(AeadBackEnd::ipsec_mb, key, std::span(&theirs, 1));
    ASSERT_FALSE(theirs.opened) << length;
    if (length >= 16) {
      ASSERT_FALSE(equal(text.span().first(16), Bytes(plain).first(16))) << "a forged text was left readable";
    }
  }
}

enum class Spoilt { not_at_all, text, tag, associated, nonce, cut_below_tag };

struct Packet {
  Buffer plain;
  Buffer sealed;
  Buffer associated;
  AeadNonce nonce;
  Spoilt spoilt = Spoilt::not_at_all;

  bool genuine() const { return spoilt == Spoilt::not_at_all; }
  AeadJob job() { return {.text = sealed, .nonce = nonce, .associated = associated}; }
};

void spoil(Packet& packet, Spoilt how) {
  packet.spoilt = how;
  switch (how) {
    case Spoilt::not_at_all: return;
    case Spoilt::text: packet.sealed.front() ^= std::byte{1}; return;
    case Spoilt::associated: packet.associated.push_back(std::byte{1}); return;
    case Spoilt::tag: packet.sealed.back() ^= std::byte{0x80}; return;
    case Spoilt::nonce: packet.nonce[11] ^= std::byte{1}; return;
    case Spoilt::cut_below_tag: packet.sealed.resize(aead_tag_bytes - 1); return;
  }
}

void agree_on_every_batch(std::uint64_t seed) {
  SeededRandom random(seed);
  for (std::size_t count = 1; count <= 64; count++) {
    const AeadKey key(Secret<32>(random.array<32>()));
    std::vector<Packet> packets(count);
    std::vector<AeadJob> jobs;
    for (Packet& packet : packets) {
      packet.plain = random_bytes(random, random.below(packet_bytes_max + 1));
      packet.sealed = packet.plain;
      packet.sealed.resize(packet.plain.size() + aead_tag_bytes);
      packet.associated = random_bytes(random, random.below(3) * 16);
      packet.nonce = random.array<12>();
    }
    std::vector<Packet> others = packets;
    for (Packet& packet : packets) jobs.push_back(packet.job());
    aead_seal_with(AeadBackEnd::ipsec_mb, key, jobs);
    jobs.clear();
    for (Packet& packet : others) jobs.push_back(packet.job());
    aead_seal_with(AeadBackEnd::libsodium, key, jobs);
    for (std::size_t i = 0; i < count; i++) ASSERT_TRUE(equal(packets[i].sealed, others[i].sealed)) << count;

    for (std::size_t i = 0; i < count; i++) {
      const auto how = random.below(2) == 0 ? Spoilt::not_at_all : static_cast<Spoilt>(1 + random.below(5));
      spoil(packets[i], how);
      spoil(others[i], how);
    }
    for (const AeadBackEnd back_end : {AeadBackEnd::ipsec_mb, AeadBackEnd::libsodium}) {
      auto& side = back_end == AeadBackEnd::ipsec_mb ? packets : others;
      jobs.clear();
      for (Packet& packet : side) jobs.push_back(packet.job());
      for (AeadJob& job : jobs) job.opened = true;  // what was there before means nothing
      aead_open_with(back_end, key, jobs);
      for (std::size_t i = 0; i < count; i++) {
        ASSERT_EQ(jobs[i].opened, side[i].genuine()) << count << ", job " << i;
        if (side[i].genuine()) {
          ASSERT_TRUE(equal(jobs[i].text.first(side[i].plain.size()), side[i].plain)) << count << ", job " << i;
        }
      }
    }
  }
}

class BackEnds : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(start());
    if (!aead_back_end_available(AeadBackEnd::ipsec_mb)) {
      GTEST_SKIP() << "intel-ipsec-mb is not in this build, or this CPU has no AVX2";
    }
  }
};

TEST_F(BackEnds, agree_on_every_length_without_touching_what_lies_beyond) {
  agree_on_every_length(1);
}

TEST_F(BackEnds, agree_on_every_batch_with_forgeries_mixed_in) {
  agree_on_every_batch(2);
}

TEST_F(BackEnds, agree_without_avx512_too_and_on_two_threads_at_once) {
  std::thread narrow([] {
    ipsec_mb::limit_this_thread_to_avx2();
    agree_on_every_length(3);
    agree_on_every_batch(4);
  });
  std::thread wide([] { agree_on_every_batch(5); });
  narrow.join();
  wide.join();
}

TEST_F(BackEnds, take_a_batch_larger_than_the_librarys_ring) {
  SeededRandom random(6);
  const AeadKey key(Secret<32>(random.array<32>()));
  std::vector<Buffer> texts(1000);
  std::vector<AeadJob> jobs;
  for (Buffer& text : texts) {
    text = random_bytes(random, 100 + aead_tag_bytes);
    jobs.push_back({.text = text, .nonce = random.array<12>(), .associated = {}});
  }
  aead_seal_with(AeadBackEnd::ipsec_mb, key, jobs);
  aead_open_with(AeadBackEnd::libsodium, key, jobs);
  EXPECT_TRUE(std::ranges::all_of(jobs, &AeadJob::opened));
}

}  // namespace
}  // namespace quoin::crypto

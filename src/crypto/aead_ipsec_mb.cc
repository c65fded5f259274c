#include "crypto/aead_ipsec_mb.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>

#include <intel-ipsec-mb.h>

#include "crypto/keys.h"

namespace quoin::crypto::ipsec_mb {
namespace {

constexpr std::size_t jobs_in_flight_max = 64;  // the library's ring holds 256
constexpr std::uint64_t features_needed = IMB_FEATURE_AVX2 | IMB_FEATURE_SELF_TEST | IMB_FEATURE_SELF_TEST_PASS;

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};

std::unique_ptr<IMB_MGR, FreeManager>& this_threads_manager() {
  thread_local std::unique_ptr<IMB_MGR, FreeManager> manager = [] {
    std::unique_ptr<IMB_MGR, FreeManager> made(alloc_mb_mgr(0));
    assert(made != nullptr);
    init_mb_mgr_auto(made.get(), nullptr);
    return made;
  }();
  return manager;
}

const std::uint8_t* in(Bytes bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}
std::uint8_t* out(MutableBytes bytes) {
  return reinterpret_cast<std::uint8_t*>(bytes.data());
}

// Hands one job to the library, which may be done with it, or with an earlier one, or with none yet. The nocheck form
// is safe because every field that ChaCha20-Poly1305 reads is set here and every pointer comes from a span.
IMB_JOB* submit(IMB_MGR* manager, IMB_CIPHER_DIRECTION direction, const AeadKey& key, const AeadJob& from,
                MutableBytes tag) {
  const MutableBytes text = from.text.first(from.text.size() - aead_tag_bytes);
  IMB_JOB* job = IMB_GET_NEXT_JOB(manager);
  job->cipher_direction = direction;
  job->chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
  job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
  job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
  job->enc_keys = key.bytes().data();
  job->dec_keys = key.bytes().data();
  job->key_len_in_bytes = key.bytes().size();
  job->iv = in(from.nonce);
  job->iv_len_in_bytes = from.nonce.size();
  job->u.CHACHA20_POLY1305.aad = from.associated.data();
  job->u.CHACHA20_POLY1305.aad_len_in_bytes = from.associated.size();
  job->src = in(text);
  job->dst = out(text);
  job->cipher_start_src_offset_in_bytes = 0;
  job->msg_len_to_cipher_in_bytes = text.size();
  job->hash_start_src_offset_in_bytes = 0;
  job->msg_len_to_hash_in_bytes = text.size();
  job->auth_tag_output = out(tag);
  job->auth_tag_output_len_in_bytes = tag.size();
  return IMB_SUBMIT_JOB_NOCHECK(manager);
}

class Completions {
 public:
  void count(const IMB_JOB* job) {
    if (job != nullptr && job->status == IMB_STATUS_COMPLETED) completed_++;
  }
  void flush(IMB_MGR* manager) {
    while (const IMB_JOB* job = IMB_FLUSH_JOB(manager)) count(job);
  }
  std::size_t completed() const { return completed_; }

 private:
  std::size_t completed_ = 0;
};

void seal_some(IMB_MGR* manager, const AeadKey& key, std::span<AeadJob> jobs) {
  Completions completions;
  for (AeadJob& job : jobs) {
    completions.count(submit(manager, IMB_DIR_ENCRYPT, key, job, job.text.last(aead_tag_bytes)));
  }
  completions.flush(manager);
  assert(completions.completed() == jobs.size());
}

void open_some(IMB_MGR* manager, const AeadKey& key, std::span<AeadJob> jobs) {
  std::array<std::array<std::byte, aead_tag_bytes>, jobs_in_flight_max> tags;
  Completions completions;
  std::size_t submitted = 0;
  for (std::size_t i = 0; i < jobs.size(); i++) {
    jobs[i].opened = false;
    if (jobs[i].text.size() < aead_tag_bytes) continue;
    completions.count(submit(manager, IMB_DIR_DECRYPT, key, jobs[i], tags[i]));
    submitted++;
  }
  completions.flush(manager);
  assert(completions.completed() == submitted);
  for (std::size_t i = 0; i < jobs.size(); i++) {
    if (jobs[i].text.size() < aead_tag_bytes) continue;
    jobs[i].opened = equal_in_constant_time(tags[i], jobs[i].text.last(aead_tag_bytes));
    // The library has already deciphered what turned out to be forged: nobody may see it.
    if (!jobs[i].opened) std::ranges::fill(jobs[i].text, std::byte{0});
  }
  wipe(std::as_writable_bytes(std::span(tags)));
}

template <class Some>
void in_batches(std::span<AeadJob> jobs, Some some) {
  IMB_MGR* const manager = this_threads_manager().get();
  while (!jobs.empty()) {
    const std::size_t count = std::min(jobs.size(), jobs_in_flight_max);
    some(manager, jobs.first(count));
    jobs = jobs.subspan(count);
  }
}

}  // namespace

bool available() {
  static const bool fit = (this_threads_manager()->features & features_needed) == features_needed &&
                          imb_get_errno(this_threads_manager().get()) == 0;
  return fit;
}

void seal(const AeadKey& key, std::span<AeadJob> jobs) {
  in_batches(jobs, [&key](IMB_MGR* manager, std::span<AeadJob> some) { seal_some(manager, key, some); });
}

void open(const AeadKey& key, std::span<AeadJob> jobs) {
  in_batches(jobs, [&key](IMB_MGR* manager, std::span<AeadJob> some) { open_some(manager, key, some); });
}

void limit_this_thread_to_avx2() {
  init_mb_mgr_avx2(this_threads_manager().get());
}

}  // namespace quoin::crypto::ipsec_mb

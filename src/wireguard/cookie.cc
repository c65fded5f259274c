#include "wireguard/cookie.h"

#include <algorithm>

namespace quoin::wireguard {
namespace {

Mac mac1(const crypto::Hash& key, Bytes message) {
  return crypto::blake2s_mac(key, {before_mac1(message)});
}

Mac mac2(const Secret<mac_bytes>& cookie, Bytes message) {
  return crypto::blake2s_mac(cookie.bytes(), {before_mac2(message)});
}

}  // namespace

crypto::Hash mac1_key(const crypto::NodePublicKey& receiver) {
  return crypto::blake2s({bytes_of("mac1----"), receiver.bytes()});
}

crypto::Hash cookie_key(const crypto::NodePublicKey& receiver) {
  return crypto::blake2s({bytes_of("cookie--"), receiver.bytes()});
}

CookieChecker::CookieChecker(const crypto::NodePublicKey& self, Random& random)
    : random_(random), mac1_key_(mac1_key(self)), cookie_key_(Secret<32>(cookie_key(self))) {}

bool CookieChecker::mac1_valid(Bytes message) const {
  return crypto::equal_in_constant_time(mac1(mac1_key_, message), mac1_of(message));
}

bool CookieChecker::mac2_valid(Bytes message, const Source& from, Instant now) {
  return crypto::equal_in_constant_time(mac2(cookie_for(from, now), message), mac2_of(message));
}

CookieReplyBytes CookieChecker::reply(Bytes message, SessionIndex sender, const Source& to, Instant now) {
  CookieReply reply;
  reply.receiver = sender;
  random_.fill(reply.nonce);
  const Secret<mac_bytes> cookie = cookie_for(to, now);
  std::copy(cookie.bytes().begin(), cookie.bytes().end(), reply.sealed_cookie.begin());
  crypto::xchacha_seal(cookie_key_, reply.nonce, mac1_of(message), reply.sealed_cookie);
  return reply.encode();
}

Secret<mac_bytes> CookieChecker::cookie_for(const Source& source, Instant now) {
  if (!secret_made_ || now - *secret_made_ >= cookie_secret_time) {
    random_.fill(secret_.writable());
    secret_made_ = now;
  }
  return Secret<mac_bytes>(crypto::blake2s_mac(secret_.bytes(), {source.bytes_for_cookie()}));
}

CookieHolder::CookieHolder(const crypto::NodePublicKey& peer)
    : mac1_key_(mac1_key(peer)), cookie_key_(Secret<32>(cookie_key(peer))) {}

void CookieHolder::add_macs(MutableBytes message, Instant now) {
  last_mac1_ = mac1(mac1_key_, message);
  std::copy(last_mac1_->begin(), last_mac1_->end(), message.last(2 * mac_bytes).begin());
  if (received_ && now - *received_ >= cookie_secret_time - cookie_latency) erase();
  if (!received_) return;
  const Mac second = mac2(cookie_, message);
  std::copy(second.begin(), second.end(), message.last(mac_bytes).begin());
}

bool CookieHolder::consume_reply(const CookieReply& reply, Instant now) {
  if (!last_mac1_) return false;
  Secret<2 * mac_bytes> text(reply.sealed_cookie);
  if (!crypto::xchacha_open(cookie_key_, reply.nonce, *last_mac1_, text.writable())) return false;
  std::copy_n(text.bytes().begin(), mac_bytes, cookie_.writable().begin());
  received_ = now;
  last_mac1_.reset();
  return true;
}

void CookieHolder::erase() {
  wipe(cookie_.writable());
  received_.reset();
}

}  // namespace quoin::wireguard

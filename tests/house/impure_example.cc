// Not pure: takes entropy and the time without saying so. Exists so that the purity test is shown to find it.
#include <chrono>

#include <sodium.h>

long long impure_example(unsigned char* public_key, unsigned char* private_key) {
  crypto_box_keypair(public_key, private_key);
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

// To be called once by each program before its first thread and before it gives up the right to open files.
//
// Not pure, and in an archive of its own (quoin_crypto_start): libsodium looks at the CPU to pick its fast code in the
// same call that readies its entropy source, and OpenSSL reads its configuration at its first use. Without it
// everything is computed correctly, by libsodium's portable code.
#pragma once

namespace quoin::crypto {

// False if libsodium cannot start, which means that the system gives no entropy: the program should stop.
[[nodiscard]] bool start();

}  // namespace quoin::crypto

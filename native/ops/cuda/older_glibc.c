// What a C++ library that was built for a newer glibc asks of it, for machines that have an older one
// (scripts/lib/portable.mjs links it into the library that is shipped).
#include <sys/random.h>

/// Of glibc 2.32: whether the process has one thread. It may have more at any time.
char __libc_single_threaded = 0;

/// Of glibc 2.36; std::random_device has it, which nothing here uses.
unsigned arc4random(void) {
  unsigned value = 0;
  while (getrandom(&value, sizeof value, 0) != (long)sizeof value) continue;
  return value;
}

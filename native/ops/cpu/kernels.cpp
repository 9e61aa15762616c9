#include "ops/cpu/kernels.h"

#ifdef PLUMB_X86
#include <cpuid.h>
#endif

#include <cstdint>
#include <cstdlib>
#include <string>

#include "tensor/error.h"

namespace plumb {
namespace generic_kernels {
extern const Kernels table;
}
#ifdef PLUMB_X86
namespace avx2_kernels {
extern const Kernels table;
}
namespace avx512_kernels {
extern const Kernels table;
}
#endif

namespace {

#ifdef PLUMB_X86
/// Highest level allowed: 0 generic, 1 avx2, 2 avx512 without bfloat16, 3 everything.
int allowed_level() {
  const char* cap = std::getenv("PLUMB_MAX_ISA");
  if (cap == nullptr || *cap == '\0') return 3;
  const std::string name = cap;
  if (name == "generic") return 0;
  if (name == "avx2") return 1;
  if (name == "avx512") return 2;
  fail("isa", "PLUMB_MAX_ISA is \"" + name + "\"; it may be generic, avx2 or avx512");
}

/// Registers that the system saves when it switches between threads: the bits of XCR0.
uint32_t saved_registers() {
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/// Asked of the processor itself: the runtime of some compilers answers every __builtin_cpu_supports with no.
CpuFeatures ask_processor() {
  const auto has = [](uint32_t word, int bit) { return (word >> bit & 1) != 0; };
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return {false, false, false};
  const bool fma = has(c, 12);
  const bool f16c = has(c, 29);
  const uint32_t saved = has(c, 27) ? saved_registers() : 0;
  constexpr uint32_t kYmm = 0x06, kZmm = 0xe6;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return {false, false, false};
  const bool avx2 = (saved & kYmm) == kYmm && has(b, 5) && fma && f16c;
  const bool avx512 =
      avx2 && (saved & kZmm) == kZmm && has(b, 16) && has(b, 17) && has(b, 30) && has(b, 31);  // f, dq, bw, vl
  const bool bf16 = avx512 && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && has(a, 5);
  return {avx2, avx512, bf16};
}
#endif

}  // namespace

CpuFeatures cpu_features() {
#ifdef PLUMB_X86
  static const CpuFeatures found = ask_processor();
  const int level = allowed_level();
  return {found.avx2 && level >= 1, found.avx512 && level >= 2, found.avx512_bf16 && level >= 3};
#else
  return {false, false, false};
#endif
}

const Kernels& kernels() {
#ifdef PLUMB_X86
  const CpuFeatures features = cpu_features();
  if (features.avx512) return avx512_kernels::table;
  if (features.avx2) return avx2_kernels::table;
#endif
  return generic_kernels::table;
}

}  // namespace plumb

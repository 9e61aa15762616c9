#include "ops/cpu/kernels.h"

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

}  // namespace

CpuFeatures cpu_features() {
#ifdef PLUMB_X86
  const int level = allowed_level();
  const bool avx2 = level >= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && level >= 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  const bool bf16 = avx512 && level >= 3 && __builtin_cpu_supports("avx512bf16");
  return {avx2, avx512, bf16};
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

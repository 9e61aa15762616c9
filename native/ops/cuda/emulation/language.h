#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "ops/cuda/emulation/threads.h"

/// The part of CUDA C++ that the kernels use.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  ::emulation::launch_kernel(#kernel, (grid), (block), (shared_bytes), (stream), (kernel), __VA_ARGS__)
#define SHARED(type, name, ...)         \
  using name##_type = type __VA_ARGS__; \
  static const char name##_key = 0;     \
  name##_type& name = *reinterpret_cast<name##_type*>(::emulation::shared_variable(&name##_key, sizeof(name##_type)))
#define DYNAMIC_SHARED(name) unsigned char* name = static_cast<unsigned char*>(::emulation::dynamic_shared())

using dim3 = emulation::Index3;
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

#define threadIdx (::emulation::current->index)
#define blockIdx (::emulation::block_index)
#define blockDim (::emulation::block_size)
#define gridDim (::emulation::grid_size)
#define __syncthreads() ::emulation::block_barrier(__FILE__, __LINE__)
#define __syncwarp() ::emulation::warp_barrier(0xFFFFFFFFu, __FILE__, __LINE__)
#define __shfl_sync(mask, value, lane) ::emulation::shuffle((mask), (value), (lane), __FILE__, __LINE__)
#define __shfl_xor_sync(mask, value, bits) \
  ::emulation::shuffle((mask), (value), ::emulation::current->lane ^ (bits), __FILE__, __LINE__)

namespace emulation {

template <typename T>
T shuffle(unsigned mask, T value, int source, const char* file, int line) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  exchange(mask, bits, source, file, line);
  std::memcpy(&value, &current->taken, sizeof value);
  return value;
}

/// Here and not in threads.cpp, so that the sanitizers see what is read and written.
inline void do_copies(int count) {
  Thread* t = current;
  for (int i = 0; i < count; ++i)
    if (t->copies[i].bytes > 0) {
      const auto* from = static_cast<const unsigned char*>(t->copies[i].from);
      auto* to = static_cast<unsigned char*>(t->copies[i].to);
      for (int b = 0; b < t->copies[i].bytes; ++b) to[b] = from[b];
    }
  for (int i = count; i < t->copy_count; ++i) t->copies[i - count] = t->copies[i];
  t->copy_count -= count;
}

inline void copy_later(void* to, const void* from, int bytes) {
  Thread* t = current;
  if (t->copy_count == kMostCopies) do_copies(1);
  t->copies[t->copy_count++] = {to, from, bytes};
}

inline void commit_copies() {
  copy_later(nullptr, nullptr, 0);
}

/// Does all but the last `pending` groups of this thread.
inline void finish_copies(int pending) {
  Thread* t = current;
  int groups = 0;
  for (int i = 0; i < t->copy_count; ++i) groups += t->copies[i].bytes == 0 ? 1 : 0;
  int done = 0;
  while (groups > pending) groups -= t->copies[done++].bytes == 0 ? 1 : 0;
  do_copies(done);
}

}  // namespace emulation

inline float __expf(float x) {
  return std::exp(x);
}
inline float __int_as_float(int bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

struct alignas(2) __nv_bfloat16 {
  uint16_t bits;
};
inline float __bfloat162float(__nv_bfloat16 value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}
inline __nv_bfloat16 __float2bfloat16(float value) {
  const unsigned bits = __float_as_uint(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return {0x7FFF};
  return {static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16)};
}

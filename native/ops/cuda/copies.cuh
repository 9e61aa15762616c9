#pragma once
#include <type_traits>

#include "ops/cuda/platform.h"

namespace plumb::cuda {

// ---- copies of 8 or 16 bytes into shared memory that go on behind the computation, where the device can (8.0)

template <int kBytes>
__device__ __forceinline__ void copy_later(void* to, const void* from) {
  static_assert(kBytes == 8 || kBytes == 16, "what the instructions have");
#if !defined(__CUDACC__)
  ::emulation::copy_later(to, from, kBytes);
#elif PLUMB_TENSOR_CORES
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  if constexpr (kBytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(address), "l"(from) : "memory");
#else
  using Bytes = std::conditional_t<kBytes == 16, uint4, uint2>;
  *static_cast<Bytes*>(to) = *static_cast<const Bytes*>(from);
#endif
}

/// Ends a group of copies.
__device__ __forceinline__ void commit_copies() {
#if !defined(__CUDACC__)
  ::emulation::commit_copies();
#elif PLUMB_TENSOR_CORES
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits until at most kPending of this thread's groups are under way. Other threads see them after a barrier.
template <int kPending>
__device__ __forceinline__ void wait_for_copies() {
#if !defined(__CUDACC__)
  ::emulation::finish_copies(kPending);
#elif PLUMB_TENSOR_CORES
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

}  // namespace plumb::cuda

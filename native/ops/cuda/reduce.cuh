#pragma once
#include "ops/cuda/platform.h"

/// Sums and maxima over a warp and over a block. The order is the same each time.
namespace plumb::cuda {

inline constexpr unsigned kAllLanes = 0xFFFFFFFFu;
inline constexpr float kLeast = -3.402823466e38f;

template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
  for (int bits = 16; bits > 0; bits >>= 1) value += __shfl_xor_sync(kAllLanes, value, bits);
  return value;
}

__device__ __forceinline__ float warp_max(float value) {
  for (int bits = 16; bits > 0; bits >>= 1) value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, bits));
  return value;
}

/// `parts` [32] in shared memory, free again for another use after the next barrier. All threads of the block call, in
/// whole warps, and all get the result.
template <typename T>
__device__ __forceinline__ T block_sum(T value, T* parts) {
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  const unsigned lane = threadIdx.x % 32;
  return warp_sum(lane < blockDim.x / 32 ? parts[lane] : T(0));
}

__device__ __forceinline__ float block_max(float value, float* parts) {
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  const unsigned lane = threadIdx.x % 32;
  return warp_max(lane < blockDim.x / 32 ? parts[lane] : kLeast);
}

}  // namespace plumb::cuda

#pragma once
#include "ops/cuda/queue.h"
#include "ops/cuda/register_matrix.cuh"

/// A grid for kernels that do the same to every value of a matrix: a block has up to kColumns columns of one row.
namespace plumb::cuda {

inline constexpr int64_t kColumns = 1024;
inline constexpr int64_t kRowThreads = 256;

inline dim3 row_grid(int64_t rows, int64_t cols) {
  return dim3(static_cast<unsigned>(rows), blocks_for(cols, kColumns));
}
inline unsigned row_threads(int64_t cols) {
  return threads_for(cols, kRowThreads);
}

__device__ __forceinline__ int64_t row_index() {
  return blockIdx.x;
}
__device__ __forceinline__ int64_t first_column() {
  return blockIdx.y * kColumns + threadIdx.x;
}
__device__ __forceinline__ int64_t end_column(int64_t cols) {
  const int64_t end = (blockIdx.y + 1) * kColumns;
  return end < cols ? end : cols;
}

/// Four values side by side: columns c on of a row, read and written at once where the row allows it. Those beyond
/// `cols` are 0, and are not written.
struct Four {
  float value[4];
};

__device__ __forceinline__ bool is_aligned(const void* data, uintptr_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % bytes == 0;
}

__device__ __forceinline__ Four load_four(const float* row, int64_t c, int64_t cols) {
  if (c + 4 <= cols && is_aligned(row + c, 16)) {
    const float4 all = *reinterpret_cast<const float4*>(row + c);
    return {{all.x, all.y, all.z, all.w}};
  }
  Four four{};
  for (int i = 0; i < 4; ++i)
    if (c + i < cols) four.value[i] = row[c + i];
  return four;
}

__device__ __forceinline__ void store_four(float* row, int64_t c, int64_t cols, const Four& four) {
  if (c + 4 <= cols && is_aligned(row + c, 16)) {
    *reinterpret_cast<float4*>(row + c) = {four.value[0], four.value[1], four.value[2], four.value[3]};
    return;
  }
  for (int i = 0; i < 4; ++i)
    if (c + i < cols) row[c + i] = four.value[i];
}

__device__ __forceinline__ void store_four(uint16_t* row, int64_t c, int64_t cols, const Four& four) {
  const uint32_t low = pack_bfloat16(four.value[0], four.value[1]);
  const uint32_t high = pack_bfloat16(four.value[2], four.value[3]);
  if (c + 4 <= cols && is_aligned(row + c, 8)) {
    *reinterpret_cast<uint2*>(row + c) = {low, high};
    return;
  }
  for (int i = 0; i < 4; ++i)
    if (c + i < cols) row[c + i] = static_cast<uint16_t>((i < 2 ? low : high) >> (16 * (i % 2)));
}

/// Column of the first of this thread's four values, where a block has kColumns of them.
__device__ __forceinline__ int64_t first_of_four() {
  return blockIdx.y * kColumns + 4 * threadIdx.x;
}
inline unsigned four_threads(int64_t cols) {
  return threads_for((cols + 3) / 4, kRowThreads);
}

}  // namespace plumb::cuda

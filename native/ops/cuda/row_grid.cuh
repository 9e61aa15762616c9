#pragma once
#include "ops/cuda/queue.h"

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

}  // namespace plumb::cuda

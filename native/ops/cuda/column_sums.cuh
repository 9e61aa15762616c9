#pragma once
#include <algorithm>

#include "ops/cuda/queue.h"

/// Sums over rows, in the same order each time: parts of the rows first, then the parts one after the other.
namespace plumb::cuda {

inline constexpr int kSumColumns = 32;
inline constexpr int kSumRows = 8;

// parts[blockIdx.y, c] = sum of value(r, c) over the rows of the part.
template <typename Function>
__global__ void column_parts_kernel(Function value, int64_t rows, int64_t cols, int64_t part_rows, float* parts) {
  SHARED(float, sums, [kSumRows][kSumColumns + 1]);
  const int64_t c = int64_t{blockIdx.x} * kSumColumns + threadIdx.x;
  const int64_t first = blockIdx.y * part_rows;
  const int64_t end = first + part_rows < rows ? first + part_rows : rows;
  float sum = 0.0f;
  if (c < cols)
    for (int64_t r = first + threadIdx.y; r < end; r += kSumRows) sum += value(r, c);
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || c >= cols) return;
  for (int i = 1; i < kSumRows; ++i) sum += sums[i][threadIdx.x];
  parts[blockIdx.y * cols + c] = sum;
}

// out[c] += sum of the parts.
template <int kUnused = 0>
__global__ void add_parts_kernel(const float* parts, int64_t count, int64_t cols, float* out) {
  const int64_t c = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (c >= cols) return;
  float sum = 0.0f;
  for (int64_t i = 0; i < count; ++i) sum += parts[i * cols + c];
  out[c] += sum;
}

/// out[c] += sum of value(r, c) over rows. Uses the queue's second scratch area.
template <typename Function>
void add_column_sums(Queue& queue, int64_t rows, int64_t cols, Function value, float* out, const char* what) {
  if (rows == 0 || cols == 0) return;
  const unsigned across = blocks_for(cols, kSumColumns);
  // Enough blocks to keep the memory busy, and at least 64 rows each. The number must not depend on anything but the
  // device and the shape: it is part of the order in which values are added.
  const int64_t wanted = std::max<int64_t>(1, int64_t{8} * queue.processors() / across);
  const int64_t part_rows = std::max<int64_t>(64, (rows + wanted - 1) / wanted);
  const int64_t parts = (rows + part_rows - 1) / part_rows;
  float* scratch = queue.scratch<float>(parts * cols, 1);
  LAUNCH(column_parts_kernel<Function>, dim3(across, static_cast<unsigned>(parts)), dim3(kSumColumns, kSumRows), 0,
         queue.stream(), value, rows, cols, part_rows, scratch);
  check(cudaGetLastError(), what);
  LAUNCH(add_parts_kernel<>, blocks_for(cols, 128), 128, 0, queue.stream(), static_cast<const float*>(scratch), parts,
         cols, out);
  check(cudaGetLastError(), what);
}

}  // namespace plumb::cuda

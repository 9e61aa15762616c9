#include "ops/cuda/column_sums.cuh"
#include "ops/cuda/kernels.h"
#include "ops/cuda/row_grid.cuh"

namespace plumb::cuda {
namespace {

// y[r, c] += x[r, c].
__global__ void add_kernel(ConstMatrix x, Matrix y) {
  const float* from = x.data + row_index() * x.stride;
  float* to = y.data + row_index() * y.stride;
  for (int64_t c = first_column(); c < end_column(y.cols); c += blockDim.x) to[c] += from[c];
}

// y[r, c] = bias[c] (+ y[r, c]).
__global__ void bias_kernel(const float* bias, Matrix y, bool add) {
  float* to = y.data + row_index() * y.stride;
  for (int64_t c = first_column(); c < end_column(y.cols); c += blockDim.x) to[c] = add ? to[c] + bias[c] : bias[c];
}

__global__ void gather_kernel(ConstMatrix from, const int32_t* rows, Matrix to) {
  const float* source = from.data + rows[row_index()] * from.stride;
  float* target = to.data + row_index() * to.stride;
  for (int64_t c = first_column(); c < end_column(to.cols); c += blockDim.x) target[c] = source[c];
}

// Each row of `to` looks for itself among the rows.
__global__ void spread_kernel(ConstMatrix from, const int32_t* rows, Matrix to) {
  const int64_t row = row_index();
  int64_t low = 0;
  int64_t high = from.rows;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (rows[middle] < row)
      low = middle + 1;
    else
      high = middle;
  }
  const bool found = low < from.rows && rows[low] == row;
  const float* source = from.data + low * from.stride;
  float* target = to.data + row * to.stride;
  for (int64_t c = first_column(); c < end_column(to.cols); c += blockDim.x) target[c] = found ? source[c] : 0.0f;
}

__global__ void add_rows_kernel(RowSums sums, const float* scale, ConstMatrix source, Matrix target) {
  const int64_t t = row_index();
  float* to = target.data + sums.targets[t] * target.stride;
  for (int64_t c = first_column(); c < end_column(target.cols); c += blockDim.x) {
    float sum = to[c];
    for (int32_t j = sums.starts[t]; j < sums.starts[t + 1]; ++j) {
      const float value = source.data[sums.sources[j] * source.stride + c];
      sum += scale == nullptr ? value : scale[sums.scales == nullptr ? j : sums.scales[j]] * value;
    }
    to[c] = sum;
  }
}

// mixed_bits() of ops/device.h.
__device__ uint64_t mixed(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

__global__ void dropout_kernel(ConstMatrix x, uint64_t seed, uint32_t threshold, float kept, bool add, Matrix out) {
  const float* from = x.data + row_index() * x.stride;
  float* to = out.data + row_index() * out.stride;
  for (int64_t c = first_column(); c < end_column(x.cols); c += blockDim.x) {
    const uint64_t i = static_cast<uint64_t>(row_index() * x.cols + c);
    const uint64_t bits = mixed(seed + i / 2);
    const uint32_t half = static_cast<uint32_t>(i % 2 == 0 ? bits : bits >> 32);
    const float value = half < threshold ? 0.0f : from[c] / kept;
    to[c] = add ? to[c] + value : value;
  }
}

__global__ void relu_kernel(Matrix x) {
  float* row = x.data + row_index() * x.stride;
  for (int64_t c = first_column(); c < end_column(x.cols); c += blockDim.x) row[c] = row[c] > 0.0f ? row[c] : 0.0f;
}

__global__ void relu_backward_kernel(ConstMatrix x, Matrix dx) {
  const float* from = x.data + row_index() * x.stride;
  float* to = dx.data + row_index() * dx.stride;
  for (int64_t c = first_column(); c < end_column(x.cols); c += blockDim.x)
    if (!(from[c] > 0.0f)) to[c] = 0.0f;
}

struct Value {
  ConstMatrix dy;
  __device__ float operator()(int64_t r, int64_t c) const { return dy.data[r * dy.stride + c]; }
};

size_t bytes(int64_t floats) {
  return static_cast<size_t>(floats) * sizeof(float);
}

}  // namespace

void copy(Queue& queue, ConstMatrix from, Matrix to) {
  if (to.rows == 0 || to.cols == 0) return;
  check(cudaMemcpy2DAsync(to.data, bytes(to.stride), from.data, bytes(from.stride), bytes(to.cols),
                          static_cast<size_t>(to.rows), cudaMemcpyDeviceToDevice, queue.stream()),
        "copy");
}

void zero(Queue& queue, Matrix m) {
  if (m.rows == 0 || m.cols == 0) return;
  check(cudaMemset2DAsync(m.data, bytes(m.stride), 0, bytes(m.cols), static_cast<size_t>(m.rows), queue.stream()),
        "zero");
}

void add(Queue& queue, ConstMatrix x, Matrix y) {
  if (y.rows == 0 || y.cols == 0) return;
  LAUNCH(add_kernel, row_grid(y.rows, y.cols), row_threads(y.cols), 0, queue.stream(), x, y);
  check(cudaGetLastError(), "add");
}

void bias_forward(Queue& queue, const float* bias, Matrix y, bool add) {
  if (y.rows == 0 || y.cols == 0) return;
  LAUNCH(bias_kernel, row_grid(y.rows, y.cols), row_threads(y.cols), 0, queue.stream(), bias, y, add);
  check(cudaGetLastError(), "bias_forward");
}

void bias_backward(Queue& queue, ConstMatrix dy, float* dbias) {
  add_column_sums(queue, dy.rows, dy.cols, Value{dy}, dbias, "bias_backward");
}

void gather_rows(Queue& queue, ConstMatrix from, const int32_t* rows, Matrix to) {
  if (to.rows == 0 || to.cols == 0) return;
  LAUNCH(gather_kernel, row_grid(to.rows, to.cols), row_threads(to.cols), 0, queue.stream(), from, rows, to);
  check(cudaGetLastError(), "gather_rows");
}

void spread_rows(Queue& queue, ConstMatrix from, const int32_t* rows, Matrix to) {
  if (to.rows == 0 || to.cols == 0) return;
  LAUNCH(spread_kernel, row_grid(to.rows, to.cols), row_threads(to.cols), 0, queue.stream(), from, rows, to);
  check(cudaGetLastError(), "spread_rows");
}

void add_rows(Queue& queue, const RowSums& sums, const float* scale, ConstMatrix source, Matrix target) {
  if (sums.count == 0 || target.cols == 0) return;
  LAUNCH(add_rows_kernel, row_grid(sums.count, target.cols), row_threads(target.cols), 0, queue.stream(), sums, scale,
         source, target);
  check(cudaGetLastError(), "add_rows");
}

void dropout(Queue& queue, ConstMatrix x, const Dropout& dropout, bool add, Matrix out) {
  if (x.rows == 0 || x.cols == 0) return;
  LAUNCH(dropout_kernel, row_grid(x.rows, x.cols), row_threads(x.cols), 0, queue.stream(), x, dropout.seed,
         static_cast<uint32_t>(dropout.share * 4294967296.0), static_cast<float>(1 - dropout.share), add, out);
  check(cudaGetLastError(), "dropout");
}

void relu(Queue& queue, Matrix x) {
  if (x.rows == 0 || x.cols == 0) return;
  LAUNCH(relu_kernel, row_grid(x.rows, x.cols), row_threads(x.cols), 0, queue.stream(), x);
  check(cudaGetLastError(), "relu");
}

void relu_backward(Queue& queue, ConstMatrix x, Matrix dx) {
  if (x.rows == 0 || x.cols == 0) return;
  LAUNCH(relu_backward_kernel, row_grid(x.rows, x.cols), row_threads(x.cols), 0, queue.stream(), x, dx);
  check(cudaGetLastError(), "relu_backward");
}

}  // namespace plumb::cuda

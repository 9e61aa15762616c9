#include "ops/cuda/column_sums.cuh"
#include "ops/cuda/kernels.h"
#include "ops/cuda/reduce.cuh"
#include "ops/cuda/row_grid.cuh"

namespace plumb::cuda {
namespace {

// ---- RMS norm: one block a row

__global__ void rms_norm_kernel(ConstMatrix x, const float* weight, float epsilon, Matrix out, float* rstd) {
  SHARED(float, parts, [32]);
  const float* from = x.data + int64_t{blockIdx.x} * x.stride;
  float* to = out.data + int64_t{blockIdx.x} * out.stride;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < x.cols; c += blockDim.x) sum += from[c] * from[c];
  sum = block_sum(sum, parts);
  const float factor = 1.0f / sqrtf(sum / static_cast<float>(x.cols) + epsilon);
  if (threadIdx.x == 0) rstd[blockIdx.x] = factor;
  for (int64_t c = threadIdx.x; c < x.cols; c += blockDim.x) to[c] = from[c] * factor * weight[c];
}

// dx += rstd weight dy - x rstd^3 mean(weight dy x).
__global__ void rms_norm_backward_kernel(ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy,
                                         Matrix dx) {
  SHARED(float, parts, [32]);
  const float* from = x.data + int64_t{blockIdx.x} * x.stride;
  const float* slope = dy.data + int64_t{blockIdx.x} * dy.stride;
  float* to = dx.data + int64_t{blockIdx.x} * dx.stride;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < x.cols; c += blockDim.x) sum += weight[c] * slope[c] * from[c];
  sum = block_sum(sum, parts);
  const float factor = rstd[blockIdx.x];
  const float pull = sum * factor * factor * factor / static_cast<float>(x.cols);
  for (int64_t c = threadIdx.x; c < x.cols; c += blockDim.x) to[c] += factor * weight[c] * slope[c] - pull * from[c];
}

struct NormWeightValue {
  ConstMatrix x, dy;
  const float* rstd;
  __device__ float operator()(int64_t r, int64_t c) const {
    return dy.data[r * dy.stride + c] * x.data[r * x.stride + c] * rstd[r];
  }
};

// ---- norms of heads: one warp a head

constexpr int kHeadWarps = 4;

__global__ void head_norms_kernel(AttentionShape shape, Matrix qkv, const float* query_weight, const float* key_weight,
                                  float epsilon, float* before, float* rstd) {
  const int64_t heads = shape.heads + shape.kv_heads;
  const int64_t i = int64_t{blockIdx.x} * kHeadWarps + threadIdx.x / 32;
  if (i >= qkv.rows * heads) return;
  const int64_t head = i % heads;
  const float* weight = head < shape.heads ? query_weight : key_weight;
  float* values = qkv.data + i / heads * qkv.stride + head * shape.head_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x % 32; c < shape.head_size; c += 32) sum += values[c] * values[c];
  const float factor = 1.0f / sqrtf(warp_sum(sum) / static_cast<float>(shape.head_size) + epsilon);
  if (threadIdx.x % 32 == 0) rstd[i] = factor;
  for (int64_t c = threadIdx.x % 32; c < shape.head_size; c += 32) {
    const float value = values[c];
    before[i * shape.head_size + c] = value;
    values[c] = value * factor * weight[c];
  }
}

__global__ void head_norms_backward_kernel(AttentionShape shape, const float* before, const float* rstd,
                                           const float* query_weight, const float* key_weight, Matrix dqkv) {
  const int64_t heads = shape.heads + shape.kv_heads;
  const int64_t i = int64_t{blockIdx.x} * kHeadWarps + threadIdx.x / 32;
  if (i >= dqkv.rows * heads) return;
  const int64_t head = i % heads;
  const float* weight = head < shape.heads ? query_weight : key_weight;
  const float* x = before + i * shape.head_size;
  float* slopes = dqkv.data + i / heads * dqkv.stride + head * shape.head_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x % 32; c < shape.head_size; c += 32) sum += weight[c] * slopes[c] * x[c];
  const float factor = rstd[i];
  const float pull = warp_sum(sum) * factor * factor * factor / static_cast<float>(shape.head_size);
  for (int64_t c = threadIdx.x % 32; c < shape.head_size; c += 32)
    slopes[c] = factor * weight[c] * slopes[c] - pull * x[c];
}

// Heads [first, first + count) of all rows, one after the other.
struct HeadWeightValue {
  ConstMatrix dqkv;
  const float* before;
  const float* rstd;
  int64_t heads, first, count, size;
  __device__ float operator()(int64_t r, int64_t c) const {
    const int64_t row = r / count;
    const int64_t head = first + r % count;
    const int64_t i = row * heads + head;
    return dqkv.data[row * dqkv.stride + head * size + c] * before[i * size + c] * rstd[i];
  }
};

// ---- positions

// Pair p of a row: head p / half, and the p % half-th of its halves.
__global__ void rotate_kernel(int64_t heads, int64_t half, Rotation rotation, float turn, Matrix qkv) {
  float* row = qkv.data + row_index() * qkv.stride;
  const int64_t position = rotation.positions[row_index()];
  for (int64_t p = first_column(); p < end_column(heads * half); p += blockDim.x) {
    const int64_t i = p % half;
    float* first = row + p / half * 2 * half + i;
    float* second = first + half;
    const float cosine = rotation.cosine[position * half + i];
    const float sine = rotation.sine[position * half + i] * turn;
    const float a = *first;
    const float b = *second;
    *first = a * cosine - b * sine;
    *second = b * cosine + a * sine;
  }
}

__global__ void cache_kernel(int64_t query_width, int64_t kv_width, ConstMatrix qkv, CacheRows cache) {
  const float* keys = qkv.data + row_index() * qkv.stride + query_width;
  const int64_t to = cache.rows[row_index()] * kv_width;
  for (int64_t c = first_column(); c < end_column(kv_width); c += blockDim.x) {
    cache.keys[to + c] = keys[c];
    cache.values[to + c] = keys[kv_width + c];
  }
}

void turn_rows(Queue& queue, const AttentionShape& shape, const Rotation& rotation, float turn, Matrix qkv) {
  const int64_t heads = shape.heads + shape.kv_heads;
  const int64_t half = shape.head_size / 2;
  if (qkv.rows == 0 || half == 0) return;
  LAUNCH(rotate_kernel, row_grid(qkv.rows, heads * half), row_threads(heads * half), 0, queue.stream(), heads, half,
         rotation, turn, qkv);
  check(cudaGetLastError(), "rotate");
}

// ---- gated MLP

__device__ __forceinline__ float sigmoid_of(float x) {
  return 1.0f / (1.0f + expf(-x));
}

__global__ void swiglu_kernel(ConstMatrix gate_up, Matrix hidden) {
  const float* gate = gate_up.data + row_index() * gate_up.stride;
  const float* up = gate + hidden.cols;
  float* to = hidden.data + row_index() * hidden.stride;
  for (int64_t c = first_column(); c < end_column(hidden.cols); c += blockDim.x)
    to[c] = gate[c] * sigmoid_of(gate[c]) * up[c];
}

__global__ void swiglu_backward_kernel(Matrix gate_up, ConstMatrix dhidden) {
  float* gate = gate_up.data + row_index() * gate_up.stride;
  float* up = gate + dhidden.cols;
  const float* from = dhidden.data + row_index() * dhidden.stride;
  for (int64_t c = first_column(); c < end_column(dhidden.cols); c += blockDim.x) {
    const float sigmoid = sigmoid_of(gate[c]);
    const float silu = gate[c] * sigmoid;
    const float d = from[c];
    gate[c] = d * up[c] * (sigmoid + silu * (1.0f - sigmoid));
    up[c] = d * silu;
  }
}

}  // namespace

void rms_norm(Queue& queue, ConstMatrix x, const float* weight, float epsilon, Matrix out, float* rstd) {
  if (x.rows == 0) return;
  LAUNCH(rms_norm_kernel, static_cast<unsigned>(x.rows), row_threads(x.cols), 0, queue.stream(), x, weight, epsilon,
         out, rstd);
  check(cudaGetLastError(), "rms_norm");
}

void rms_norm_backward(Queue& queue, ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy, Matrix dx) {
  if (x.rows == 0) return;
  LAUNCH(rms_norm_backward_kernel, static_cast<unsigned>(x.rows), row_threads(x.cols), 0, queue.stream(), x, weight,
         rstd, dy, dx);
  check(cudaGetLastError(), "rms_norm_backward");
}

void rms_norm_weight_backward(Queue& queue, ConstMatrix x, const float* rstd, ConstMatrix dy, float* dweight) {
  add_column_sums(queue, x.rows, x.cols, NormWeightValue{x, dy, rstd}, dweight, "rms_norm_weight_backward");
}

void head_norms(Queue& queue, const AttentionShape& shape, Matrix qkv, const float* query_weight,
                const float* key_weight, float epsilon, float* before, float* rstd) {
  if (qkv.rows == 0) return;
  const int64_t heads = qkv.rows * (shape.heads + shape.kv_heads);
  LAUNCH(head_norms_kernel, blocks_for(heads, kHeadWarps), kHeadWarps * 32, 0, queue.stream(), shape, qkv, query_weight,
         key_weight, epsilon, before, rstd);
  check(cudaGetLastError(), "head_norms");
}

void head_norms_backward(Queue& queue, const AttentionShape& shape, const float* before, const float* rstd,
                         const float* query_weight, const float* key_weight, Matrix dqkv, float* dquery_weight,
                         float* dkey_weight) {
  if (dqkv.rows == 0) return;
  const int64_t heads = shape.heads + shape.kv_heads;
  const char* what = "head_norms_backward";
  // The weights' gradients first: they read the slopes that are then replaced.
  const HeadWeightValue queries{dqkv, before, rstd, heads, 0, shape.heads, shape.head_size};
  const HeadWeightValue keys{dqkv, before, rstd, heads, shape.heads, shape.kv_heads, shape.head_size};
  if (dquery_weight != nullptr)
    add_column_sums(queue, dqkv.rows * shape.heads, shape.head_size, queries, dquery_weight, what);
  if (dkey_weight != nullptr)
    add_column_sums(queue, dqkv.rows * shape.kv_heads, shape.head_size, keys, dkey_weight, what);
  LAUNCH(head_norms_backward_kernel, blocks_for(dqkv.rows * heads, kHeadWarps), kHeadWarps * 32, 0, queue.stream(),
         shape, before, rstd, query_weight, key_weight, dqkv);
  check(cudaGetLastError(), what);
}

void rotate(Queue& queue, const AttentionShape& shape, const Rotation& rotation, Matrix qkv, const CacheRows& cache,
            ConstMatrix x, Matrix middle) {
  turn_rows(queue, shape, rotation, 1.0f, qkv);
  if (cache.rows != nullptr && qkv.rows > 0) {
    LAUNCH(cache_kernel, row_grid(qkv.rows, shape.kv_width()), row_threads(shape.kv_width()), 0, queue.stream(),
           shape.query_width(), shape.kv_width(), qkv, cache);
    check(cudaGetLastError(), "rotate");
  }
  if (middle.data != nullptr) copy(queue, x, middle);
}

void rotate_backward(Queue& queue, const AttentionShape& shape, const Rotation& rotation, Matrix dqkv) {
  turn_rows(queue, shape, rotation, -1.0f, dqkv);
}

void swiglu(Queue& queue, ConstMatrix gate_up, Matrix hidden, ConstMatrix middle, Matrix out) {
  if (out.data != nullptr) copy(queue, middle, out);
  if (hidden.rows == 0) return;
  LAUNCH(swiglu_kernel, row_grid(hidden.rows, hidden.cols), row_threads(hidden.cols), 0, queue.stream(), gate_up,
         hidden);
  check(cudaGetLastError(), "swiglu");
}

void swiglu_backward(Queue& queue, Matrix gate_up, ConstMatrix dhidden) {
  if (dhidden.rows == 0) return;
  LAUNCH(swiglu_backward_kernel, row_grid(dhidden.rows, dhidden.cols), row_threads(dhidden.cols), 0, queue.stream(),
         gate_up, dhidden);
  check(cudaGetLastError(), "swiglu_backward");
}

}  // namespace plumb::cuda

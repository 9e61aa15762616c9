#include <type_traits>

#include "ops/cuda/column_sums.cuh"
#include "ops/cuda/kernels.h"
#include "ops/cuda/reduce.cuh"
#include "ops/cuda/row_grid.cuh"

namespace plumb::cuda {
namespace {

// ---- RMS norm: one block a row

// Fours of a row that a thread keeps in registers: those of rows up to 4096 wide are read once.
constexpr int kKept = 4;

// body(c, kept) for the thread's columns; kept: where its own values stay, null where they do not.
template <typename Body>
__device__ __forceinline__ void each_kept(int64_t cols, Four (&kept)[kKept], Body&& body) {
  const int64_t step = 4 * int64_t{blockDim.x};
  int64_t c = 4 * int64_t{threadIdx.x};
#pragma unroll
  for (int n = 0; n < kKept; ++n, c += step)
    if (c < cols) body(c, &kept[n]);
  for (; c < cols; c += step) body(c, static_cast<Four*>(nullptr));
}

// `copy`, here and below: the result in bfloat16, without gaps; may be null.
__global__ void rms_norm_kernel(ConstMatrix x, const float* weight, float epsilon, Matrix out, uint16_t* copy,
                                float* rstd) {
  SHARED(float, parts, [32]);
  const int64_t row = blockIdx.x;
  const float* from = x.data + row * x.stride;
  Four kept[kKept];
  float sum = 0.0f;
  each_kept(x.cols, kept, [&](int64_t c, Four* keep) {
    const Four values = load_four(from, c, x.cols);
    if (keep != nullptr) *keep = values;
    for (const float value : values.value) sum += value * value;
  });
  sum = block_sum(sum, parts);
  const float factor = 1.0f / sqrtf(sum / static_cast<float>(x.cols) + epsilon);
  if (threadIdx.x == 0) rstd[row] = factor;
  each_kept(x.cols, kept, [&](int64_t c, const Four* keep) {
    Four values = keep != nullptr ? *keep : load_four(from, c, x.cols);
    const Four weights = load_four(weight, c, x.cols);
    for (int i = 0; i < 4; ++i) values.value[i] *= factor * weights.value[i];
    store_four(out.data + row * out.stride, c, x.cols, values);
    if (copy != nullptr) store_four(copy + row * x.cols, c, x.cols, values);
  });
}

// dx += rstd weight dy - x rstd^3 mean(weight dy x).
__global__ void rms_norm_backward_kernel(ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy,
                                         Matrix dx, uint16_t* copy) {
  SHARED(float, parts, [32]);
  const int64_t row = blockIdx.x;
  const float* from = x.data + row * x.stride;
  const float* slope = dy.data + row * dy.stride;
  float* to = dx.data + row * dx.stride;
  Four kept[kKept], pulled[kKept];  // x, and weight dy
  float sum = 0.0f;
  const auto weighted = [&](int64_t c) {
    Four slopes = load_four(slope, c, x.cols);
    const Four weights = load_four(weight, c, x.cols);
    for (int i = 0; i < 4; ++i) slopes.value[i] *= weights.value[i];
    return slopes;
  };
  each_kept(x.cols, kept, [&](int64_t c, Four* keep) {
    const Four values = load_four(from, c, x.cols);
    const Four slopes = weighted(c);
    if (keep != nullptr) {
      *keep = values;
      pulled[keep - kept] = slopes;
    }
    for (int i = 0; i < 4; ++i) sum += slopes.value[i] * values.value[i];
  });
  sum = block_sum(sum, parts);
  const float factor = rstd[row];
  const float pull = sum * factor * factor * factor / static_cast<float>(x.cols);
  each_kept(x.cols, kept, [&](int64_t c, const Four* keep) {
    const Four values = keep != nullptr ? *keep : load_four(from, c, x.cols);
    const Four slopes = keep != nullptr ? pulled[keep - kept] : weighted(c);
    Four result = load_four(to, c, x.cols);
    for (int i = 0; i < 4; ++i) result.value[i] += factor * slopes.value[i] - pull * values.value[i];
    store_four(to, c, x.cols, result);
    if (copy != nullptr) store_four(copy + row * x.cols, c, x.cols, result);
  });
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

constexpr int kTurnThreads = 256;
constexpr int kTurned = 4;  // heads at once

// A block has a row. A thread turns the same kStep pairs of halves in one head after the other. `copy` has all of the
// row, what is not turned too.
template <int kStep>
__global__ void rotate_kernel(int heads, int half, int width, Rotation rotation, float turn, Matrix qkv,
                              uint16_t* copy) {
  using Values = std::conditional_t<kStep == 2, float2, float>;
  using Brief = std::conditional_t<kStep == 2, uint32_t, uint16_t>;
  const int64_t row = blockIdx.x;
  float* values = qkv.data + row * qkv.stride;
  uint16_t* brief = copy == nullptr ? nullptr : copy + row * width;
  const int64_t turns = int64_t{rotation.positions[row]} * half;
  const int steps = half / kStep;
  const int thread = static_cast<int>(threadIdx.x);
  const int at_once = steps < kTurnThreads ? kTurnThreads / steps : 1;  // heads
  const int first_head = at_once > 1 ? thread / steps : 0;
  const auto put = [&](int place, const float* two) {
    if (brief == nullptr) return;
    if constexpr (kStep == 2)
      *reinterpret_cast<Brief*>(brief + place) = pack_bfloat16(two[0], two[1]);
    else
      brief[place] = to_bfloat16(two[0]);
  };
  for (int step = thread % (at_once > 1 ? steps : kTurnThreads); step < steps; step += kTurnThreads) {
    const int i = step * kStep;
    float cosine[kStep], sine[kStep];
#pragma unroll
    for (int j = 0; j < kStep; ++j) {
      cosine[j] = rotation.cosine[turns + i + j];
      sine[j] = rotation.sine[turns + i + j] * turn;
    }
    // Threads behind the last whole head have nothing to do. Several heads are read before the first is written.
    if (first_head >= at_once) break;
    for (int head = first_head; head < heads; head += kTurned * at_once) {
      Values low[kTurned], high[kTurned];
#pragma unroll
      for (int n = 0; n < kTurned; ++n)
        if (head + n * at_once < heads) {
          const float* from = values + (head + n * at_once) * 2 * half + i;
          low[n] = *reinterpret_cast<const Values*>(from);
          high[n] = *reinterpret_cast<const Values*>(from + half);
        }
#pragma unroll
      for (int n = 0; n < kTurned; ++n) {
        if (head + n * at_once >= heads) continue;
        const int first = (head + n * at_once) * 2 * half + i;
        float* a = reinterpret_cast<float*>(&low[n]);
        float* b = reinterpret_cast<float*>(&high[n]);
#pragma unroll
        for (int j = 0; j < kStep; ++j) {
          const float turned = a[j] * cosine[j] - b[j] * sine[j];
          b[j] = b[j] * cosine[j] + a[j] * sine[j];
          a[j] = turned;
        }
        *reinterpret_cast<Values*>(values + first) = low[n];
        *reinterpret_cast<Values*>(values + first + half) = high[n];
        put(first, a);
        put(first + half, b);
      }
    }
  }
  if (brief == nullptr) return;
  for (int c = heads * 2 * half + 4 * thread; c < width; c += 4 * kTurnThreads)
    store_four(brief, c, width, load_four(values, c, width));
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
  const auto heads = static_cast<int>(shape.heads + shape.kv_heads);
  const auto half = static_cast<int>(shape.head_size / 2);
  if (qkv.rows == 0 || half == 0) return;
  uint16_t* copy = queue.copy_room(qkv);
  const bool two = half % 2 == 0 && qkv.stride % 2 == 0 && reinterpret_cast<uintptr_t>(qkv.data) % 8 == 0;
  const auto kernel = two ? &rotate_kernel<2> : &rotate_kernel<1>;
  LAUNCH(kernel, static_cast<unsigned>(qkv.rows), kTurnThreads, 0, queue.stream(), heads, half,
         static_cast<int>(qkv.cols), rotation, turn, qkv, copy);
  check(cudaGetLastError(), "rotate");
}

// ---- gated MLP

__device__ __forceinline__ float sigmoid_of(float x) {
  return 1.0f / (1.0f + expf(-x));
}

__global__ void swiglu_kernel(ConstMatrix gate_up, Matrix hidden, uint16_t* copy) {
  const int64_t c = first_of_four();
  if (c >= hidden.cols) return;
  const int64_t row = row_index();
  const float* gates = gate_up.data + row * gate_up.stride;
  const Four gate = load_four(gates, c, hidden.cols);
  Four values = load_four(gates + hidden.cols, c, hidden.cols);
  for (int i = 0; i < 4; ++i) values.value[i] *= gate.value[i] * sigmoid_of(gate.value[i]);
  store_four(hidden.data + row * hidden.stride, c, hidden.cols, values);
  if (copy != nullptr) store_four(copy + row * hidden.cols, c, hidden.cols, values);
}

__global__ void swiglu_backward_kernel(Matrix gate_up, ConstMatrix dhidden, uint16_t* copy) {
  const int64_t cols = dhidden.cols;
  const int64_t c = first_of_four();
  if (c >= cols) return;
  const int64_t row = row_index();
  float* gates = gate_up.data + row * gate_up.stride;
  Four gate = load_four(gates, c, cols);
  Four up = load_four(gates + cols, c, cols);
  const Four slope = load_four(dhidden.data + row * dhidden.stride, c, cols);
  for (int i = 0; i < 4; ++i) {
    const float sigmoid = sigmoid_of(gate.value[i]);
    const float silu = gate.value[i] * sigmoid;
    const float d = slope.value[i];
    gate.value[i] = d * up.value[i] * (sigmoid + silu * (1.0f - sigmoid));
    up.value[i] = d * silu;
  }
  store_four(gates, c, cols, gate);
  store_four(gates + cols, c, cols, up);
  if (copy == nullptr) return;
  store_four(copy + row * 2 * cols, c, cols, gate);
  store_four(copy + row * 2 * cols + cols, c, cols, up);
}

}  // namespace

void rms_norm(Queue& queue, ConstMatrix x, const float* weight, float epsilon, Matrix out, float* rstd) {
  if (x.rows == 0) return;
  LAUNCH(rms_norm_kernel, static_cast<unsigned>(x.rows), four_threads(x.cols), 0, queue.stream(), x, weight, epsilon,
         out, queue.copy_room(out), rstd);
  check(cudaGetLastError(), "rms_norm");
}

void rms_norm_backward(Queue& queue, ConstMatrix x, const float* weight, const float* rstd, ConstMatrix dy, Matrix dx) {
  if (x.rows == 0) return;
  LAUNCH(rms_norm_backward_kernel, static_cast<unsigned>(x.rows), four_threads(x.cols), 0, queue.stream(), x, weight,
         rstd, dy, dx, queue.copy_room(dx));
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
  LAUNCH(swiglu_kernel, row_grid(hidden.rows, hidden.cols), four_threads(hidden.cols), 0, queue.stream(), gate_up,
         hidden, queue.copy_room(hidden));
  check(cudaGetLastError(), "swiglu");
}

void swiglu_backward(Queue& queue, Matrix gate_up, ConstMatrix dhidden) {
  if (dhidden.rows == 0) return;
  LAUNCH(swiglu_backward_kernel, row_grid(dhidden.rows, dhidden.cols), four_threads(dhidden.cols), 0, queue.stream(),
         gate_up, dhidden, queue.copy_room(gate_up));
  check(cudaGetLastError(), "swiglu_backward");
}

}  // namespace plumb::cuda

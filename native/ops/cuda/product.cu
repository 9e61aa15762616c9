#include <cstdint>

#include "ops/cuda/copies.cuh"
#include "ops/cuda/cublas.h"
#include "ops/cuda/kernels.h"
#include "ops/cuda/warp_matrix.cuh"

namespace plumb::cuda {
namespace {

/// Whether cuBLAS takes the product, which is then queued; else it is the kernel's below. It has kernels for few rows
/// and for many, so no shape is kept from it: where ours is faster, a measurement must show.
bool by_cublas(const Queue& queue, const Product& product) {
  return queue.cublas() != nullptr && queue.cublas()->multiply(product);
}

// ---- bfloat16: c[m, n] (+)= a[m, k] · b, b [n, k] (transposed) or [k, n]

constexpr int kTile = 128;     // rows and columns of c that a block makes
constexpr int kDepth = 32;     // of k at once
constexpr int kStages = 3;     // of which this many are under way or in use
constexpr int kThreads = 256;  // eight warps, two by four, of 64 x 32
constexpr int kWarpRows = 4;   // squares of 16 in a warp's part
constexpr int kWarpCols = 2;
// Eight more elements in each row: neighbouring rows lie in different banks.
constexpr int kNarrow = kDepth + 8;
constexpr int kWide = kTile + 8;
constexpr int kLeftStage = kTile * kNarrow;

template <bool kTransposed>
constexpr int kRightStage = kTransposed ? kTile * kNarrow : kDepth * kWide;
template <bool kTransposed>
constexpr int kProductBytes = kStages * (kLeftStage + kRightStage<kTransposed>)*2;

// Rows [first_row, first_row + kRows) and columns [first_col, first_col + kCols) of a matrix, zeros beyond its end.
// kVector: rows begin at multiples of 16 bytes and have a multiple of eight columns.
template <int kRows, int kCols, bool kVector>
__device__ __forceinline__ void load_tile(const uint16_t* from, int64_t stride, int64_t rows, int64_t cols,
                                          int64_t first_row, int64_t first_col, uint16_t* to, int to_stride) {
  constexpr int kChunks = kCols / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kChunks; i += kThreads) {
    const int64_t r = first_row + i / kChunks;
    const int64_t c = first_col + i % kChunks * 8;
    uint16_t* place = to + i / kChunks * to_stride + i % kChunks * 8;
    if (kVector && r < rows && c < cols) {
      copy_later<16>(place, from + r * stride + c);
      continue;
    }
    for (int j = 0; j < 8; ++j)
      place[j] = r < rows && c + j < cols ? from[r * stride + c + j] : static_cast<uint16_t>(0);
  }
}

template <bool kTransposed, bool kVector>
__global__ __launch_bounds__(kThreads) void product_kernel(const uint16_t* a, int64_t a_stride, const uint16_t* b,
                                                           int64_t b_stride, int64_t m, int64_t n, int64_t k, float* c,
                                                           int64_t c_stride, bool add) {
  DYNAMIC_SHARED(shared);
  uint16_t* left = reinterpret_cast<uint16_t*>(shared);
  uint16_t* right = left + kStages * kLeftStage;
  const int64_t first_row = int64_t{blockIdx.x} * kTile;
  const int64_t first_col = int64_t{blockIdx.y} * kTile;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warp_row = warp / 4 * kWarpRows * 16;
  const int warp_col = warp % 4 * kWarpCols * 16;
  const int64_t steps = (k + kDepth - 1) / kDepth;

  const auto load = [&](int64_t step) {
    if (step < steps) {
      const int stage = static_cast<int>(step % kStages);
      load_tile<kTile, kDepth, kVector>(a, a_stride, m, k, first_row, step * kDepth, left + stage * kLeftStage,
                                        kNarrow);
      uint16_t* to = right + stage * kRightStage<kTransposed>;
      if constexpr (kTransposed)
        load_tile<kTile, kDepth, kVector>(b, b_stride, n, k, first_col, step * kDepth, to, kNarrow);
      else
        load_tile<kDepth, kTile, kVector>(b, b_stride, k, n, step * kDepth, first_col, to, kWide);
    }
    commit_copies();
  };

  Sums<uint16_t> sums[kWarpRows][kWarpCols];
#pragma unroll
  for (int i = 0; i < kWarpRows; ++i)
#pragma unroll
    for (int j = 0; j < kWarpCols; ++j) sums[i][j].clear();

  for (int64_t step = 0; step < kStages - 1; ++step) load(step);
  for (int64_t step = 0; step < steps; ++step) {
    wait_for_copies<kStages - 2>();
    // This stage has come for all threads, and all are done with the one before, which is filled next.
    __syncthreads();
    load(step + kStages - 1);
    const uint16_t* left_tile = left + step % kStages * kLeftStage;
    const uint16_t* right_tile = right + step % kStages * kRightStage<kTransposed>;
#pragma unroll
    for (int depth = 0; depth < kDepth; depth += 16) {
      RightFactor<uint16_t, kTransposed> factors[kWarpCols];
#pragma unroll
      for (int j = 0; j < kWarpCols; ++j) {
        const int col = warp_col + j * 16;
        if constexpr (kTransposed)
          factors[j].load(right_tile + col * kNarrow + depth, kNarrow);
        else
          factors[j].load(right_tile + depth * kWide + col, kWide);
      }
#pragma unroll
      for (int i = 0; i < kWarpRows; ++i) {
        LeftFactor<uint16_t, false> factor;
        factor.load(left_tile + (warp_row + i * 16) * kNarrow + depth, kNarrow);
#pragma unroll
        for (int j = 0; j < kWarpCols; ++j) sums[i][j].add_product(factor, factors[j]);
      }
    }
  }

  wait_for_copies<0>();
  // The tiles are done with: each warp puts its squares there, and writes them row by row.
  __syncthreads();
  float* square = reinterpret_cast<float*>(shared) + warp * 256;
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int i = 0; i < kWarpRows; ++i)
#pragma unroll
    for (int j = 0; j < kWarpCols; ++j) {
      sums[i][j].store(square, 16);
      __syncwarp();
      const int64_t col = first_col + warp_col + j * 16 + lane % 16;
      for (int r = lane / 16; r < 16; r += 2) {
        const int64_t row = first_row + warp_row + i * 16 + r;
        if (row >= m || col >= n) continue;
        float* place = c + row * c_stride + col;
        const float value = square[r * 16 + lane % 16];
        *place = add ? *place + value : value;
      }
      __syncwarp();  // before the next square
    }
}

template <bool kTransposed>
void bfloat_product(Queue& queue, const uint16_t* a, int64_t a_stride, const uint16_t* b, int64_t b_stride, int64_t m,
                    int64_t n, int64_t k, float* c, int64_t c_stride, bool add) {
  if (m == 0 || n == 0) return;
  if (by_cublas(queue, {m,
                        n,
                        k,
                        1.0f,
                        {a, a_stride, false},
                        {b, b_stride, kTransposed},
                        Precision::bfloat16,
                        add ? 1.0f : 0.0f,
                        c,
                        c_stride}))
    return;
  const auto aligned = [](const void* data, int64_t stride) {
    return reinterpret_cast<uintptr_t>(data) % 16 == 0 && stride % 8 == 0;
  };
  const bool vector = aligned(a, a_stride) && aligned(b, b_stride) && k % 8 == 0 && (kTransposed || n % 8 == 0);
  const auto kernel = vector ? &product_kernel<kTransposed, true> : &product_kernel<kTransposed, false>;
  constexpr int kBytes = kProductBytes<kTransposed>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes), "product");
  LAUNCH(kernel, dim3(blocks_for(m, kTile), blocks_for(n, kTile)), kThreads, kBytes, queue.stream(), a, a_stride, b,
         b_stride, m, n, k, c, c_stride, add);
  check(cudaGetLastError(), "product");
}

// ---- float32: a block makes 64 x 64, a thread 4 x 4

constexpr int kFloatTile = 64;
constexpr int kFloatDepth = 16;

// kFirst x kFloatDepth values at index (i, k) of op(matrix), as to[k][i].
template <bool kTransposed>
__device__ __forceinline__ void load_floats(ConstMatrix from, int64_t size, int64_t depth, int64_t first,
                                            int64_t first_k, float (&to)[kFloatDepth][kFloatTile + 4]) {
  for (int t = static_cast<int>(threadIdx.x); t < kFloatTile * kFloatDepth; t += kThreads) {
    const int i = kTransposed ? t % kFloatTile : t / kFloatDepth;
    const int k = kTransposed ? t / kFloatTile : t % kFloatDepth;
    const int64_t place =
        kTransposed ? (first_k + k) * from.stride + first + i : (first + i) * from.stride + first_k + k;
    to[k][i] = first + i < size && first_k + k < depth ? from.data[place] : 0.0f;
  }
}

// c = alpha op(a) op(b) + beta c, with op(a) [c.rows, depth] and op(b) [depth, c.cols].
template <bool kTransposeA, bool kTransposeB>
__global__ __launch_bounds__(kThreads) void multiply_kernel(float alpha, ConstMatrix a, ConstMatrix b, int64_t depth,
                                                            float beta, Matrix c) {
  SHARED(float, left, [kFloatDepth][kFloatTile + 4]);
  SHARED(float, right, [kFloatDepth][kFloatTile + 4]);
  const int64_t first_row = int64_t{blockIdx.x} * kFloatTile;
  const int64_t first_col = int64_t{blockIdx.y} * kFloatTile;
  const int row = static_cast<int>(threadIdx.x) / 16 * 4;
  const int col = static_cast<int>(threadIdx.x) % 16 * 4;
  float sums[4][4] = {};
  for (int64_t k = 0; k < depth; k += kFloatDepth) {
    load_floats<kTransposeA>(a, c.rows, depth, first_row, k, left);
    load_floats<!kTransposeB>(b, c.cols, depth, first_col, k, right);
    __syncthreads();
    for (int d = 0; d < kFloatDepth; ++d)
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] += left[d][row + i] * right[d][col + j];
    __syncthreads();  // before the next part of k takes its place
  }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      const int64_t r = first_row + row + i;
      const int64_t s = first_col + col + j;
      if (r >= c.rows || s >= c.cols) continue;
      float* place = c.data + r * c.stride + s;
      *place = alpha * sums[i][j] + (beta == 0.0f ? 0.0f : beta * *place);
    }
}

}  // namespace

void multiply(Queue& queue, bool transpose_a, bool transpose_b, float alpha, ConstMatrix a, ConstMatrix b, float beta,
              Matrix c) {
  if (c.rows == 0 || c.cols == 0) return;
  const int64_t depth = transpose_a ? a.rows : a.cols;
  if (by_cublas(queue, {c.rows,
                        c.cols,
                        depth,
                        alpha,
                        {a.data, a.stride, transpose_a},
                        {b.data, b.stride, transpose_b},
                        Precision::float32,
                        beta,
                        c.data,
                        c.stride}))
    return;
  const auto kernel = transpose_a ? (transpose_b ? &multiply_kernel<true, true> : &multiply_kernel<true, false>)
                                  : (transpose_b ? &multiply_kernel<false, true> : &multiply_kernel<false, false>);
  LAUNCH(kernel, dim3(blocks_for(c.rows, kFloatTile), blocks_for(c.cols, kFloatTile)), kThreads, 0, queue.stream(),
         alpha, a, b, depth, beta, c);
  check(cudaGetLastError(), "multiply");
}

void product_forward(Queue& queue, Precision precision, ConstMatrix x, const Weights& w, Matrix y, bool add) {
  if (x.rows == 0) return;
  if (precision == Precision::float32) {
    for (const WeightPart& part : w.parts)
      multiply(queue, false, true, 1.0f, x, {static_cast<const float*>(part.data), part.rows, w.in, w.in},
               add ? 1.0f : 0.0f, {y.data + part.column, x.rows, part.rows, y.stride});
    return;
  }
  const Copy rounded = rounded_rows(queue, x);
  for (const WeightPart& part : w.parts)
    bfloat_product<true>(queue, rounded.data, rounded.stride, static_cast<const uint16_t*>(part.data), w.in, x.rows,
                         part.rows, w.in, y.data + part.column, y.stride, add);
}

void product_from(Queue& queue, Precision precision, ConstMatrix x, const Weights& w, ConstMatrix residual,
                  const float* bias, Matrix y) {
  if (x.rows == 0) return;
  const bool begun = residual.data != nullptr || bias != nullptr;
  if (precision == Precision::bfloat16 && begun && queue.cublas() != nullptr && queue.cublas()->begins_sums()) {
    const Copy rounded = rounded_rows(queue, x);
    bool all = true;
    for (const WeightPart& part : w.parts) {
      const Product product{x.rows,
                            part.rows,
                            w.in,
                            1.0f,
                            {rounded.data, rounded.stride, false},
                            {part.data, w.in, true},
                            precision,
                            0.0f,
                            y.data + part.column,
                            y.stride,
                            residual.data == nullptr ? nullptr : residual.data + part.column,
                            residual.stride,
                            bias == nullptr ? nullptr : bias + part.column};
      all = all && queue.cublas()->multiply(product);
    }
    if (all) return;
  }
  if (residual.data != nullptr) copy(queue, residual, y);
  if (bias != nullptr) bias_forward(queue, bias, y, residual.data != nullptr);
  product_forward(queue, precision, x, w, y, begun);
}

void product_backward(Queue& queue, Precision precision, ConstMatrix dy, const Weights& w, Matrix dx, bool add) {
  if (dy.rows == 0) return;
  const Copy rounded = precision == Precision::bfloat16 ? rounded_rows(queue, dy) : Copy{};
  for (const WeightPart& part : w.parts) {
    if (precision == Precision::float32)
      multiply(queue, false, false, 1.0f, {dy.data + part.column, dy.rows, part.rows, dy.stride},
               {static_cast<const float*>(part.data), part.rows, w.in, w.in}, add ? 1.0f : 0.0f,
               {dx.data, dy.rows, w.in, dx.stride});
    else
      bfloat_product<false>(queue, rounded.data + part.column, rounded.stride, static_cast<const uint16_t*>(part.data),
                            w.in, dy.rows, w.in, part.rows, dx.data, dx.stride, add);
    add = true;
  }
}

void product_gradient(Queue& queue, Precision precision, ConstMatrix dy, ConstMatrix x, Matrix dw) {
  if (dy.rows == 0) return;
  if (precision == Precision::bfloat16 && queue.cublas() != nullptr) {
    const Copy left = rounded_rows(queue, dy);
    const Copy right = rounded_rows(queue, x);
    if (by_cublas(queue, {dw.rows,
                          dw.cols,
                          dy.rows,
                          1.0f,
                          {left.data, left.stride, true},
                          {right.data, right.stride, false},
                          precision,
                          1.0f,
                          dw.data,
                          dw.stride}))
      return;
  }
  multiply(queue, true, false, 1.0f, dy, x, 1.0f, dw);
}

}  // namespace plumb::cuda

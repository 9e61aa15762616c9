#pragma once
#include "ops/cuda/element.cuh"
#include "ops/cuda/warp_matrix.cuh"
#include "tensor/buffer.h"

/// Tiles of attention in shared memory: matrices of factors [rows, padded] and of sums, in whole sixteens.
namespace plumb::cuda {

inline constexpr int kTileThreads = 256;
inline constexpr int kTileWarps = kTileThreads / 32;
inline constexpr int kMostTile = 64;
inline constexpr int kMostHead = 128;

__host__ __device__ inline int in_sixteens(int count) {
  return (count + 15) / 16 * 16;
}
/// Elements from one row to the next, so that neighbouring rows lie in different banks.
__host__ __device__ inline int factor_stride(int cols) {
  return cols + 8;
}
__host__ __device__ inline int sum_stride(int cols) {
  return cols + 4;
}

/// to[r] = head `head` of row row_of(r), for r < count; zeros up to `rows` and `padded`.
template <typename Rows>
__device__ __forceinline__ void load_head(ConstMatrix from, Rows&& row_of, int head, int64_t size, int count, int rows,
                                          int padded, float* to) {
  for (int i = static_cast<int>(threadIdx.x); i < rows * padded; i += kTileThreads) {
    const int r = i / padded;
    const int c = i % padded;
    const bool there = r < count && c < size;
    to[r * factor_stride(padded) + c] = there ? from.data[row_of(r) * from.stride + head * size + c] : 0.0f;
  }
}

/// The same with the heads of a group one after the other: to[r] = head first_head + r / queries of row row_of(r).
template <typename Rows>
__device__ __forceinline__ void load_heads(ConstMatrix from, Rows&& row_of, int queries, int first_head, int64_t size,
                                           int count, int rows, int padded, float* to) {
  for (int i = static_cast<int>(threadIdx.x); i < rows * padded; i += kTileThreads) {
    const int r = i / padded;
    const int c = i % padded;
    const bool there = r < count && c < size;
    const int64_t column = (first_head + r / queries) * size + c;
    to[r * factor_stride(padded) + c] = there ? from.data[row_of(r) * from.stride + column] : 0.0f;
  }
}

/// out[r, n] = a[r] · b[n].
__device__ __forceinline__ void score_tile(const float* a, const float* b, int rows, int keys, int padded, float* out) {
  const int across = keys / 16;
  for (int tile = static_cast<int>(threadIdx.x) / 32; tile < rows / 16 * across; tile += kTileWarps) {
    const int r = tile / across * 16;
    const int n = tile % across * 16;
    Sums<float> sums;
    sums.clear();
    for (int c = 0; c < padded; c += 16) {
      LeftFactor<float, false> left;
      RightFactor<float, true> right;
      left.load(a + r * factor_stride(padded) + c, factor_stride(padded));
      right.load(b + n * factor_stride(padded) + c, factor_stride(padded));
      sums.add_product(left, right);
    }
    sums.store(out + r * sum_stride(keys) + n, sum_stride(keys));
  }
}

/// out[r] (+)= sum over n of weight[r, n] value[n]; overwritten where `first`.
__device__ __forceinline__ void weighted_tile(const float* weight, const float* value, int rows, int keys, int padded,
                                              bool first, float* out) {
  const int across = padded / 16;
  for (int tile = static_cast<int>(threadIdx.x) / 32; tile < rows / 16 * across; tile += kTileWarps) {
    const int r = tile / across * 16;
    const int c = tile % across * 16;
    float* place = out + r * sum_stride(padded) + c;
    Sums<float> sums;
    if (first)
      sums.clear();
    else
      sums.load(place, sum_stride(padded));
    for (int n = 0; n < keys; n += 16) {
      LeftFactor<float, false> left;
      RightFactor<float, false> right;
      left.load(weight + r * factor_stride(keys) + n, factor_stride(keys));
      right.load(value + n * factor_stride(padded) + c, factor_stride(padded));
      sums.add_product(left, right);
    }
    sums.store(place, sum_stride(padded));
  }
}

/// Sums [tile, padded] that stay in registers from one product to the next.
class TileSums {
 public:
  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < kEach; ++i) sums_[i].clear();
  }
  /// += op(a) [tile, depth] · b [depth, padded]; op turns a around where kTransposed.
  template <bool kTransposed>
  __device__ __forceinline__ void add(const float* a, const float* b, int tile, int depth, int padded) {
    const int stride = factor_stride(kTransposed ? tile : depth);
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int square = first() + i * kTileWarps;
      if (square >= tile / 16 * (padded / 16)) break;
      const int r = square / (padded / 16) * 16;
      const int c = square % (padded / 16) * 16;
      for (int k = 0; k < depth; k += 16) {
        LeftFactor<float, kTransposed> left;
        RightFactor<float, false> right;
        left.load(kTransposed ? a + k * stride + r : a + r * stride + k, stride);
        right.load(b + k * factor_stride(padded) + c, factor_stride(padded));
        sums_[i].add_product(left, right);
      }
    }
  }
  __device__ __forceinline__ void store(float* to, int tile, int padded) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int square = first() + i * kTileWarps;
      if (square >= tile / 16 * (padded / 16)) break;
      sums_[i].store(to + square / (padded / 16) * 16 * sum_stride(padded) + square % (padded / 16) * 16,
                     sum_stride(padded));
    }
  }

 private:
  static constexpr int kEach = kMostTile / 16 * (kMostHead / 16) / kTileWarps;
  static __device__ __forceinline__ int first() { return static_cast<int>(threadIdx.x) / 32; }
  Sums<float> sums_[kEach];
};

}  // namespace plumb::cuda

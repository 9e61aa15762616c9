#pragma once
#include "ops/cuda/platform.h"

#ifdef __CUDACC__
#include <mma.h>
#endif

/// Products of 16 x 16 matrices by one warp. bfloat16 goes to the tensor cores of compute capability 8.0 and newer.
/// float32, older devices and the emulation have a twin in plain C++, in which a lane keeps eight sums.
///
/// What a factor was loaded from must stand until add_product() is done: the twin reads it only then.
namespace plumb::cuda {

__device__ __forceinline__ float factor_value(float x) {
  return x;
}
__device__ __forceinline__ float factor_value(uint16_t x) {
  return __uint_as_float(static_cast<uint32_t>(x) << 16);
}

/// Left factor, element (row, k) at data[row * stride + k], or data[k * stride + row] where kTransposed.
template <typename T, bool kTransposed>
struct LeftFactor {
  const T* data;
  int stride;
  __device__ __forceinline__ void load(const T* from, int from_stride) {
    data = from;
    stride = from_stride;
  }
};

/// Right factor, element (k, column) at data[k * stride + column], or data[column * stride + k] where kTransposed.
template <typename T, bool kTransposed>
struct RightFactor {
  const T* data;
  int stride;
  __device__ __forceinline__ void load(const T* from, int from_stride) {
    data = from;
    stride = from_stride;
  }
};

/// Sums of the lane: row lane / 2, columns 8 * (lane % 2) on.
template <typename T>
struct Sums {
  float value[8];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < 8; ++i) value[i] = 0.0f;
  }
  /// From and to rows of `stride` floats.
  __device__ __forceinline__ void load(const float* from, int stride) {
#pragma unroll
    for (int i = 0; i < 8; ++i) value[i] = from[row() * stride + column() + i];
  }
  __device__ __forceinline__ void store(float* to, int stride) const {
#pragma unroll
    for (int i = 0; i < 8; ++i) to[row() * stride + column() + i] = value[i];
  }
  template <bool kLeft, bool kRight>
  __device__ __forceinline__ void add_product(const LeftFactor<T, kLeft>& a, const RightFactor<T, kRight>& b) {
    for (int k = 0; k < 16; ++k) {
      const float x = factor_value(kLeft ? a.data[k * a.stride + row()] : a.data[row() * a.stride + k]);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        value[i] +=
            x * factor_value(kRight ? b.data[(column() + i) * b.stride + k] : b.data[k * b.stride + column() + i]);
    }
  }

 private:
  static __device__ __forceinline__ int row() { return static_cast<int>(threadIdx.x % 32) / 2; }
  static __device__ __forceinline__ int column() { return static_cast<int>(threadIdx.x % 2) * 8; }
};

#if PLUMB_TENSOR_CORES
template <bool kTransposed>
using FactorLayout = std::conditional_t<kTransposed, nvcuda::wmma::col_major, nvcuda::wmma::row_major>;

template <bool kTransposed>
struct LeftFactor<uint16_t, kTransposed> {
  nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, __nv_bfloat16, FactorLayout<kTransposed>> fragment;
  __device__ __forceinline__ void load(const uint16_t* from, int stride) {
    nvcuda::wmma::load_matrix_sync(fragment, reinterpret_cast<const __nv_bfloat16*>(from), stride);
  }
};

template <bool kTransposed>
struct RightFactor<uint16_t, kTransposed> {
  nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, 16, __nv_bfloat16, FactorLayout<kTransposed>> fragment;
  __device__ __forceinline__ void load(const uint16_t* from, int stride) {
    nvcuda::wmma::load_matrix_sync(fragment, reinterpret_cast<const __nv_bfloat16*>(from), stride);
  }
};

template <>
struct Sums<uint16_t> {
  nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> fragment;
  __device__ __forceinline__ void clear() { nvcuda::wmma::fill_fragment(fragment, 0.0f); }
  __device__ __forceinline__ void load(const float* from, int stride) {
    nvcuda::wmma::load_matrix_sync(fragment, from, stride, nvcuda::wmma::mem_row_major);
  }
  __device__ __forceinline__ void store(float* to, int stride) const {
    nvcuda::wmma::store_matrix_sync(to, fragment, stride, nvcuda::wmma::mem_row_major);
  }
  template <bool kLeft, bool kRight>
  __device__ __forceinline__ void add_product(const LeftFactor<uint16_t, kLeft>& a,
                                              const RightFactor<uint16_t, kRight>& b) {
    nvcuda::wmma::mma_sync(fragment, a.fragment, b.fragment, fragment);
  }
};
#endif

}  // namespace plumb::cuda

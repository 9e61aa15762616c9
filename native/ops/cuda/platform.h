#pragma once

/// CUDA C++ for kernels: nvcc's own, or, for any other compiler, the emulation's. Kernels are written once for both.
///
///   LAUNCH(kernel, grid, block, shared bytes, stream, arguments...)
///   SHARED(type, name, [8][33]);    an array in shared memory
///   DYNAMIC_SHARED(name);           unsigned char*, aligned to 128: the shared bytes of the launch
#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  kernel<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)
#define SHARED(type, name, ...) __shared__ type name __VA_ARGS__
#define DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]
#else
#include "ops/cuda/emulation/language.h"
#include "ops/cuda/emulation/runtime.h"
#endif

/// Whether matrices are multiplied, and copied into shared memory, by the instructions that came with 8.0.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define PLUMB_TENSOR_CORES 1
#else
#define PLUMB_TENSOR_CORES 0
#endif

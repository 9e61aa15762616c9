#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ops/cuda/cuda_device.h"
#include "train/session.h"

namespace plumb {

/// Where a model computes: on the processor, or on a GPU by its number.
struct Place {
  bool gpu = false;
  int32_t index = 0;
};

/// "cpu", "cuda" (the first GPU) or "cuda:N". Throws "argument".
Place to_place(const std::string& device);

/// All GPUs that can compute here. Throws, with a sentence that says why there are none, "cuda-not-built" or
/// "cuda-unavailable".
std::vector<CudaDeviceInfo> gpus();

/// Tensor cores take bfloat16 from compute capability 8.0 on; before, float32 is faster.
Precision best_precision(const CudaDeviceInfo& gpu);

/// What would multiply on a GPU. It is opened for that: where this fails, `missing` says why.
GpuProducts products_of(int32_t index, const CudaDeviceInfo& gpu);

/// Where cuBLAS is looked for from now on, besides the usual places.
void look_for_cublas_in(const std::string& folder);

/// A GPU to compute on; `precision` null: its best one. Throws what gpus() throws, and "device" where there is none of
/// that number.
std::unique_ptr<Device> open_gpu(int32_t index, const Precision* precision);

}  // namespace plumb

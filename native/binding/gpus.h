#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ops/cuda/cuda_device.h"
#include "train/data_parallel.h"

namespace plumb {

/// Where a model computes: on GPUs by their numbers, or, without any, on the processor.
struct Place {
  std::vector<int32_t> gpus;
};

/// "cpu", "cuda" (the first GPU), "cuda:N" or "cuda:N,M". Throws "argument".
Place to_place(const std::string& device);

/// All GPUs that can compute here. Throws, with a sentence that says why there are none, "cuda-not-built" or
/// "cuda-unavailable".
std::vector<CudaDeviceInfo> gpus();

/// Tensor cores take bfloat16 from compute capability 8.0 on; before, float32 is faster.
Precision best_precision(const CudaDeviceInfo& gpu);

/// What several GPUs would add up with. Throws what gpus() throws.
GpuNccl nccl_here();

/// What would multiply on a GPU. It is opened for that: where this fails, `missing` says why.
GpuProducts products_of(int32_t index, const CudaDeviceInfo& gpu);

/// Where cuBLAS is looked for from now on, besides the usual places.
void look_for_cublas_in(const std::string& folder);

/// A model on GPUs, a copy on each; `precision` null: their best one. Throws what gpus() throws, "device" where there
/// is none of a number or they are of different kinds, and "nccl" where several cannot work as one.
std::shared_ptr<ModelReplicas> open_on_gpus(const ModelTable& table, const std::vector<int32_t>& indices,
                                            const Precision* precision, const ModelOptions& options);

}  // namespace plumb

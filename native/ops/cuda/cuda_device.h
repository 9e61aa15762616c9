#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ops/cuda/library.h"
#include "ops/device.h"

namespace plumb {

/// What multiplies matrices on a GPU.
struct GpuProducts {
  std::string cublas;   ///< version of cuBLAS, "13.0.2"; empty: our own kernel
  std::string file;     ///< of cuBLAS
  std::string missing;  ///< why it is our own kernel, and what to do; empty where it is cuBLAS
};

/// What several GPUs add up with.
struct GpuNccl {
  std::string version;  ///< "2.32.3"; empty: there is none
  std::string file;
  std::string missing;  ///< why there is none, and what to do; empty where there is one
};

/// A GPU for the engine, which also says what multiplies on it.
class GpuDevice : public Device {
 public:
  virtual GpuProducts products() const = 0;
};

/// The library for NVIDIA GPUs, opened from its file. It stays in memory to the end: what it started may outlive its
/// owner.
class CudaRuntime {
 public:
  /// Throws "cuda-not-built" where there is no such file, "cuda-unavailable" where it cannot be used: what() says why.
  explicit CudaRuntime(const std::string& path);

  std::vector<CudaDeviceInfo> devices() const;
  /// `cublas_folder`: where cuBLAS is looked for besides the usual places; may be empty.
  std::unique_ptr<GpuDevice> open(int32_t index, Precision precision, const std::string& cublas_folder = "") const;

  GpuNccl nccl() const;
  /// What the GPUs of these numbers add up with; `all_reduce()` wants a device of this library for each, in this order.
  /// Throws "nccl".
  std::shared_ptr<Team> team(const std::vector<int32_t>& indices) const;

 private:
  const CudaLibrary* library_;
};

}  // namespace plumb

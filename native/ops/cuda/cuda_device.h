#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ops/cuda/library.h"
#include "ops/device.h"

namespace plumb {

/// The library for NVIDIA GPUs, opened from its file. It stays in memory to the end: what it started may outlive its
/// owner.
class CudaRuntime {
 public:
  /// Throws "cuda-not-built" where there is no such file, "cuda-unavailable" where it cannot be used: what() says why.
  explicit CudaRuntime(const std::string& path);

  std::vector<CudaDeviceInfo> devices() const;
  std::unique_ptr<Device> open(int32_t index, Precision precision) const;

 private:
  const CudaLibrary* library_;
};

}  // namespace plumb

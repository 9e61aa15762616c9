#pragma once
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "ops/cuda/emulation/threads.h"

/// The part of the CUDA runtime that the library uses. What is put on a stream is done when somebody waits for it, and
/// streams take turns at random: whoever forgets to wait sees it. Threads may call it at the same time; they take
/// turns.
namespace emulation {

/// One piece of work; `after`, where set, must hold true before it begins.
struct Work {
  std::function<void()> run;
  std::shared_ptr<bool> after;
};

struct Stream {
  std::deque<Work> waiting;
  int device = 0;
  /// For other libraries, such as the stand-in for cuBLAS. Put work on this stream; let it wait until something is
  /// true; tell the device whose memory a pointer is in, -1: none's.
  void (*put)(Stream* stream, std::function<void()> work);
  void (*hold)(Stream* stream, std::shared_ptr<bool> until);
  int (*device_of)(const void* data);
};

struct Event;
}  // namespace emulation

using cudaStream_t = emulation::Stream*;
using cudaEvent_t = emulation::Event*;
enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorNotReady = 600,
  cudaErrorLaunchFailure = 719,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
};
inline constexpr unsigned cudaStreamNonBlocking = 1;
inline constexpr unsigned cudaEventDisableTiming = 2;
struct cudaDeviceProp {
  char name[256];
  int major;
  int minor;
  size_t totalGlobalMem;
};
#define CUDART_VERSION 13000

cudaError_t cudaMalloc(void** data, size_t bytes);  ///< filled with NaN
cudaError_t cudaFree(void* data);
cudaError_t cudaMallocHost(void** data, size_t bytes);
cudaError_t cudaFreeHost(void* data);
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaMemset2DAsync(void* data, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaDeviceSynchronize();

cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
template <typename Kernel>
cudaError_t cudaFuncSetAttribute(Kernel, cudaFuncAttribute, int bytes) {
  return static_cast<size_t>(bytes) > emulation::options().shared_limit ? cudaErrorInvalidValue : cudaSuccess;
}

namespace emulation {

/// Puts work on a stream; null: one that is always there.
void enqueue(cudaStream_t stream, std::function<void()> work);
void refuse(cudaError_t error);
/// False where the device fails at this kernel; from there on it does nothing, and all that is asked of it says so.
bool survives(const char* kernel);

/// Bytes that all cudaMalloc() of a device may hold together, and how many they do.
struct DeviceMemory {
  size_t limit = size_t{1} << 32;
  size_t used = 0;
};
/// Of this thread's device.
DeviceMemory& device_memory();
/// Whether kernels may be put on this stream: it is of this thread's device.
bool usable(cudaStream_t stream);
/// Whether other programs left this thread's device not a byte; then kernels have no room for their own variables.
bool is_full();

template <typename... Parameters, typename... Arguments>
void launch_kernel(const char* name, Index3 grid, Index3 block, size_t shared_bytes, cudaStream_t stream,
                   void (*kernel)(Parameters...), Arguments... arguments) {
  if (!launchable(grid, block, shared_bytes)) {
    refuse(cudaErrorInvalidConfiguration);
    return;
  }
  if (!usable(stream)) {
    refuse(cudaErrorInvalidResourceHandle);
    return;
  }
  if (is_full()) {
    refuse(cudaErrorMemoryAllocation);
    return;
  }
  enqueue(stream, [=] {
    if (survives(name)) launch(name, grid, block, shared_bytes, [&] { kernel(arguments...); });
  });
}

}  // namespace emulation

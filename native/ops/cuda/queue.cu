#include "ops/cuda/queue.h"

#include <string>
#include <utility>

#include "ops/cuda/cublas.h"
#include "tensor/error.h"

namespace plumb::cuda {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  fail(error == cudaErrorMemoryAllocation ? "out-of-memory" : "device",
       std::string("GPU: ") + what + ": " + cudaGetErrorString(error));
}

Queue::Queue(int device) {
  check(cudaSetDevice(device), "choosing the device");
  const auto ask = [device](cudaDeviceAttr attribute) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, attribute, device), "asking for the device's limits");
    return value;
  };
  processors_ = ask(cudaDevAttrMultiProcessorCount);
  capability_ = 10 * ask(cudaDevAttrComputeCapabilityMajor) + ask(cudaDevAttrComputeCapabilityMinor);
  shared_limit_ = ask(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
}

Queue::~Queue() {
  // A device that is gone takes its memory with it.
  cudaStreamSynchronize(stream_);
  cublas_.reset();
  for (void* area : scratch_) cudaFree(area);
  cudaStreamDestroy(stream_);
}

void Queue::wait() {
  check(cudaStreamSynchronize(stream_), "waiting for the kernels");
}

void Queue::use(std::unique_ptr<Cublas> cublas) {
  wait();
  cublas_ = std::move(cublas);
}

void* Queue::scratch_bytes(int64_t bytes, int area) {
  if (bytes <= scratch_size_[area]) return scratch_[area];
  wait();
  check(cudaFree(scratch_[area]), "releasing scratch memory");
  scratch_[area] = nullptr;
  scratch_size_[area] = 0;
  check(cudaMalloc(&scratch_[area], static_cast<size_t>(bytes)), "reserving scratch memory");
  scratch_size_[area] = bytes;
  return scratch_[area];
}

}  // namespace plumb::cuda

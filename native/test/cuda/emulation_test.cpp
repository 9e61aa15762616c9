// What the emulation must notice, since a GPU would not say.
#include <doctest/doctest.h>

#include <vector>

#include "ops/cuda/platform.h"

namespace {

__global__ void divergent_kernel(float* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
    out[threadIdx.x] = 1;
  } else {
    __syncthreads();
    out[threadIdx.x] = 1;
  }
}

__global__ void early_end_kernel(float* out, unsigned count) {
  if (threadIdx.x >= count) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}

__global__ void half_a_warp_kernel(float* out, int count) {
  float value = 1;
  if (static_cast<int>(threadIdx.x) < count) value += __shfl_xor_sync(0xFFFFFFFFu, value, 1);
  out[threadIdx.x] = value;
}

__global__ void neighbour_kernel(float* out, bool barrier) {
  SHARED(float, values, [64]);
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (barrier) __syncthreads();
  out[threadIdx.x] = values[63 - threadIdx.x];
}

__global__ void fill_kernel(float* out, float value) {
  out[threadIdx.x] = value;
}

std::vector<float> read(const float* data, size_t count) {
  std::vector<float> values(count);
  cudaMemcpyAsync(values.data(), data, count * sizeof(float), cudaMemcpyDeviceToHost, nullptr);
  cudaDeviceSynchronize();
  return values;
}

struct Memory {
  Memory() {
    void* place = nullptr;
    cudaMalloc(&place, 64 * sizeof(float));
    data = static_cast<float*>(place);
  }
  ~Memory() { cudaFree(data); }
  float* data = nullptr;
};

size_t errors_of_last_launch() {
  cudaDeviceSynchronize();
  return emulation::take_errors().size();
}

}  // namespace

TEST_CASE("the emulation notices barriers that not all threads reach, and shuffles with lanes that are not there") {
  Memory memory;
  LAUNCH(divergent_kernel, 1, 64, 0, nullptr, memory.data);
  CHECK(errors_of_last_launch() > 0);
  LAUNCH(early_end_kernel, 1, 64, 0, nullptr, memory.data, 50u);
  CHECK(errors_of_last_launch() > 0);
  LAUNCH(half_a_warp_kernel, 1, 32, 0, nullptr, memory.data, 19);
  CHECK(std::isnan(read(memory.data, 32)[18]));
  emulation::take_errors();
  LAUNCH(neighbour_kernel, 1, 64, 0, nullptr, memory.data, true);
  CHECK(errors_of_last_launch() == 0);
  CHECK(read(memory.data, 64)[10] == 53.0f);
}

#ifndef __SANITIZE_THREAD__
TEST_CASE("the emulation gives NaN for shared memory that nobody has written yet") {
  Memory memory;
  emulation::options().order = emulation::Order::warp_ahead;
  LAUNCH(neighbour_kernel, 1, 64, 0, nullptr, memory.data, false);
  const std::vector<float> values = read(memory.data, 64);
  emulation::options().order = emulation::Order::ascending;
  CHECK(std::isnan(values[0] + values[40]));
}
#endif

TEST_CASE("the emulation refuses launches that a GPU refuses") {
  Memory memory;
  LAUNCH(fill_kernel, 1, 2048, 0, nullptr, memory.data, 1.0f);
  CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
  LAUNCH(fill_kernel, 0, 32, 0, nullptr, memory.data, 1.0f);
  CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
  LAUNCH(fill_kernel, 1, 32, 1 << 20, nullptr, memory.data, 1.0f);
  CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("emulated work is done when somebody waits for it, and streams wait for events") {
  Memory memory;
  cudaStream_t first = nullptr;
  cudaStream_t second = nullptr;
  cudaEvent_t event = nullptr;
  cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  float found = 0;
  for (int i = 0; i < 8; ++i) {
    LAUNCH(fill_kernel, 1, 32, 0, first, memory.data, static_cast<float>(i));
    CHECK(memory.data[0] != static_cast<float>(i));  // not done yet
    cudaEventRecord(event, first);
    cudaStreamWaitEvent(second, event, 0);
    cudaMemcpyAsync(&found, memory.data, sizeof found, cudaMemcpyDeviceToHost, second);
    cudaStreamSynchronize(second);
    CHECK(found == static_cast<float>(i));
  }
  cudaEventDestroy(event);
  cudaStreamDestroy(second);
  cudaStreamDestroy(first);
}

TEST_CASE("the emulated device has no more memory than it is given") {
  void* data = nullptr;
  const size_t limit = emulation::device_memory().limit;
  emulation::device_memory().limit = emulation::device_memory().used + 1000;
  CHECK(cudaMalloc(&data, 2000) == cudaErrorMemoryAllocation);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);  // kept until somebody asks
  CHECK(cudaMalloc(&data, 500) == cudaSuccess);
  CHECK(cudaFree(data) == cudaSuccess);
  emulation::device_memory().limit = limit;
}

#include "ops/cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace plumb::cuda {

Staging::~Staging() {
  if (memory_ == nullptr) return;
  cudaStreamSynchronize(queue_.stream());
  for (cudaEvent_t event : fetched_) cudaEventDestroy(event);
  cudaFreeHost(memory_);
}

void Staging::open() {
  void* memory = nullptr;
  check(cudaMallocHost(&memory, 2 * kHalf), "reserving memory for uploads");
  memory_ = static_cast<unsigned char*>(memory);
  for (cudaEvent_t& event : fetched_)
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
}

void Staging::turn() {
  check(cudaEventRecord(fetched_[half_], queue_.stream()), "upload");
  half_ = 1 - half_;
  used_ = 0;
  check(cudaEventSynchronize(fetched_[half_]), "upload");
}

void Staging::upload(const void* host, void* device, int64_t bytes) {
  if (memory_ == nullptr) open();
  const auto* from = static_cast<const unsigned char*>(host);
  auto* to = static_cast<unsigned char*>(device);
  while (bytes > 0) {
    if (used_ == kHalf) turn();
    const int64_t count = std::min(bytes, kHalf - used_);
    unsigned char* place = memory_ + half_ * kHalf + used_;
    std::memcpy(place, from, static_cast<size_t>(count));
    check(cudaMemcpyAsync(to, place, static_cast<size_t>(count), cudaMemcpyHostToDevice, queue_.stream()), "upload");
    used_ += count;
    from += count;
    to += count;
    bytes -= count;
  }
}

}  // namespace plumb::cuda

#pragma once
#include "ops/cuda/queue.h"

namespace plumb::cuda {

/// Memory of the processor that the device fetches by itself, in two halves: one is filled while the other is fetched.
class Staging {
 public:
  explicit Staging(Queue& queue) : queue_(queue) {}
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// `host` is free for other use once this returns.
  void upload(const void* host, void* device, int64_t bytes);

 private:
  static constexpr int64_t kHalf = int64_t{4} << 20;
  void open();
  void turn();

  Queue& queue_;
  unsigned char* memory_ = nullptr;
  cudaEvent_t fetched_[2] = {};
  int half_ = 0;
  int64_t used_ = 0;  ///< of the half that is being filled
};

}  // namespace plumb::cuda

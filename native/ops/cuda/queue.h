#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>

#include "ops/cuda/platform.h"

namespace plumb::cuda {

class Cublas;

/// Throws "out-of-memory" or "device", with what was tried, where the runtime said no.
void check(cudaError_t error, const char* what);

/// Where kernels are queued, on a device that its callers keep the current one: one stream, and scratch memory that
/// each operation may use anew, since one begins where the one before has ended.
class Queue {
 public:
  explicit Queue(int device = 0);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  cudaStream_t stream() const { return stream_; }
  int processors() const { return processors_; }
  /// Compute capability, 10 * major + minor.
  int capability() const { return capability_; }
  /// Bytes of shared memory that one block may have.
  int64_t shared_limit() const { return shared_limit_; }

  /// Holds until the next call. Waits for the device where it has to grow. Two areas, for operations made of others.
  template <typename T>
  T* scratch(int64_t count, int area = 0) {
    return static_cast<T*>(scratch_bytes(count * static_cast<int64_t>(sizeof(T)), area));
  }
  void wait();

  /// What products go to first; null where they are all our own kernel's.
  const Cublas* cublas() const { return cublas_.get(); }
  void use(std::unique_ptr<Cublas> cublas);

 private:
  void* scratch_bytes(int64_t bytes, int area);

  cudaStream_t stream_ = nullptr;
  int processors_ = 0;
  int capability_ = 0;
  int64_t shared_limit_ = 0;
  void* scratch_[2] = {};
  int64_t scratch_size_[2] = {};
  std::unique_ptr<Cublas> cublas_;
};

inline unsigned blocks_for(int64_t count, int64_t each) {
  return static_cast<unsigned>((count + each - 1) / each);
}

/// Whole warps, at most `most`, for so many elements.
inline unsigned threads_for(int64_t count, int64_t most) {
  return static_cast<unsigned>(std::min(most, std::max<int64_t>(1, (count + 31) / 32) * 32));
}

}  // namespace plumb::cuda

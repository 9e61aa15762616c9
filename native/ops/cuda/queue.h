#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "ops/cuda/platform.h"
#include "tensor/buffer.h"

namespace plumb::cuda {

class Cublas;

/// Throws "out-of-memory" or "device", with what was tried, where the runtime said no.
void check(cudaError_t error, const char* what);

/// A matrix in bfloat16.
struct Copy {
  const uint16_t* data = nullptr;
  int64_t stride = 0;
};

/// Memory of the device, lent for a while.
struct Loan {
  void* data = nullptr;
  int64_t bytes = 0;
};

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

  /// Holds until the next call. Waits for the device where it has to grow. Two areas, for operations made of others;
  /// others are for copies.
  template <typename T>
  T* scratch(int64_t count, int area = 0) {
    return static_cast<T*>(scratch_bytes(count * static_cast<int64_t>(sizeof(T)), area));
  }
  void wait();

  /// At least so many bytes, for what is uploaded for a while. Neither call waits: what is returned may be lent again
  /// while work that reads it is still queued, since it is written behind that work.
  Loan lend(int64_t bytes);
  void take_back(Loan loan) noexcept;

  /// Where products take bfloat16: kernels whose results a product or attention takes next write these in bfloat16
  /// besides, so that they need not be read again to be rounded. Off: nothing of that.
  void keep_copies() { keeps_copies_ = true; }
  /// Room for the copy of `x` [rows, cols], without gaps, which the caller writes; null where none are kept. There are
  /// two rooms: a copy is gone when both were given since it was made or asked for, and where forget() says so.
  uint16_t* copy_room(ConstMatrix x) { return keeps_copies_ ? round_room(x) : nullptr; }
  /// The same for the caller's own use, whether copies are kept or not.
  uint16_t* round_room(ConstMatrix x);
  /// Where the copy of `x` begins, a part of a matrix that there is a copy of, with its stride; null where there is
  /// none. The next room is the other one.
  Copy copy_of(ConstMatrix x);
  void forget() {
    for (ConstMatrix& copied : copied_) copied = {};
  }
  /// Forgets what stands where `y` is written.
  void forget(ConstMatrix y);

  /// What products go to first; null where they are all our own kernel's.
  const Cublas* cublas() const { return cublas_.get(); }
  void use(std::unique_ptr<Cublas> cublas);

 private:
  void* scratch_bytes(int64_t bytes, int area);

  cudaStream_t stream_ = nullptr;
  int processors_ = 0;
  int capability_ = 0;
  int64_t shared_limit_ = 0;
  static constexpr int kCopies = 2;  ///< areas 2 and 3
  void* scratch_[2 + kCopies] = {};
  int64_t scratch_size_[2 + kCopies] = {};
  bool keeps_copies_ = false;
  ConstMatrix copied_[kCopies];  ///< what they have copies of
  int last_copy_ = 0;            ///< made or asked for
  std::vector<Loan> idle_;       ///< lent before, smallest first
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

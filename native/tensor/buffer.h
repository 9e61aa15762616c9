#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>

#include "tensor/error.h"

namespace plumb {

/// Throws "out-of-memory" for a number that no machine has room for.
template <typename T>
int64_t bytes_of(int64_t size) {
  constexpr int64_t kLimit = std::numeric_limits<int64_t>::max() / static_cast<int64_t>(2 * sizeof(T));
  if (size > kLimit) fail("out-of-memory", "a buffer of " + std::to_string(size) + " elements is beyond any machine");
  return size * static_cast<int64_t>(sizeof(T));
}

/// Memory of the processor, aligned to a cache line; null where the system has none left.
inline void* allocate_aligned(int64_t bytes) {
  constexpr size_t kLine = 64;
  const size_t whole = (static_cast<size_t>(bytes) + kLine - 1) / kLine * kLine;
  return ::operator new(whole, std::align_val_t{kLine}, std::nothrow);
}
inline void free_aligned(void* data) noexcept {
  ::operator delete(data, std::align_val_t{64});
}

/// Memory of the processor, of one owner, aligned to a cache line. Contents are undefined after resize().
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t size) { resize(size); }

  /// Grows or keeps; never shrinks. Throws "out-of-memory".
  void resize(int64_t size) {
    if (size <= capacity_) {
      size_ = size;
      return;
    }
    const int64_t bytes = bytes_of<T>(size);
    data_.reset();
    capacity_ = size_ = 0;
    data_.reset(static_cast<T*>(allocate_aligned(bytes)));
    if (data_ == nullptr)
      fail("out-of-memory", "the system has no " + std::to_string(bytes >> 20) + " MiB left for the engine");
    capacity_ = size_ = size;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](int64_t i) { return data_.get()[i]; }
  const T& operator[](int64_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* pointer) const { free_aligned(pointer); }
  };
  std::unique_ptr<T[], Free> data_;
  int64_t size_ = 0;
  int64_t capacity_ = 0;
};

/// A row-major view: `stride` elements from one row to the next. Owns nothing.
template <typename T>
struct MatrixView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  T* row(int64_t r) const { return data + r * stride; }
  /// Columns [first, first + count) of the same rows.
  MatrixView columns(int64_t first, int64_t count) const { return {data + first, rows, count, stride}; }
  operator MatrixView<const T>() const { return {data, rows, cols, stride}; }
};
using Matrix = MatrixView<float>;
using ConstMatrix = MatrixView<const float>;

template <typename T>
MatrixView<T> matrix(Buffer<T>& buffer, int64_t rows, int64_t cols) {
  return {buffer.data(), rows, cols, cols};
}

}  // namespace plumb

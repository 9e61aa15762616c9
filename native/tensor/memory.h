#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/buffer.h"

namespace plumb {

/// Memory that a device computes in: the processor's own, or a GPU's, which nothing but the device reads. What is asked
/// of it happens in the order of the calls, and after all work that was given to the device before.
class Memory {
 public:
  virtual ~Memory() = default;

  /// Aligned to 64 bytes at least; contents are undefined. Throws "out-of-memory".
  virtual void* allocate(int64_t bytes) = 0;
  /// Work that was given to the device before may still read or write it.
  virtual void release(void* data) noexcept = 0;
  /// `host` is free for other use once this returns; the device need not have what it held by then.
  virtual void upload(const void* host, void* device, int64_t bytes) = 0;
  /// Waits until everything before it is done and the values have arrived.
  virtual void download(const void* device, void* host, int64_t bytes) = 0;
  virtual void clear(void* device, int64_t bytes) = 0;
  /// Whether the processor's pointers are the device's: nothing need be copied to be read by it.
  virtual bool shared() const = 0;
};

/// An array in a device's memory, of one owner. Contents are undefined after resize().
template <typename T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(Memory& memory) : memory_(&memory) {}
  DeviceBuffer(Memory& memory, int64_t size) : memory_(&memory) { resize(size); }
  ~DeviceBuffer() { reset(); }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : memory_(other.memory_),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }

  /// Grows or keeps; never shrinks. Throws "out-of-memory".
  void resize(int64_t size) {
    if (size > capacity_) {
      reset();
      data_ = static_cast<T*>(memory_->allocate(bytes_of<T>(size)));
      capacity_ = size;
    }
    size_ = size;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { memory_->clear(data_, size_ * static_cast<int64_t>(sizeof(T))); }
  /// Sets elements [first, first + count).
  void write(const T* host, int64_t count, int64_t first = 0) {
    memory_->upload(host, data_ + first, count * static_cast<int64_t>(sizeof(T)));
  }
  void read(T* host, int64_t count, int64_t first = 0) const {
    memory_->download(data_ + first, host, count * static_cast<int64_t>(sizeof(T)));
  }
  std::vector<T> read() const {
    std::vector<T> values(static_cast<size_t>(size_));
    read(values.data(), size_);
    return values;
  }

 private:
  void reset() {
    if (data_ != nullptr) memory_->release(data_);
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

  Memory* memory_;
  T* data_ = nullptr;
  int64_t size_ = 0;
  int64_t capacity_ = 0;
};

template <typename T>
MatrixView<T> matrix(DeviceBuffer<T>& buffer, int64_t rows, int64_t cols) {
  return {buffer.data(), rows, cols, cols};
}
template <typename T>
MatrixView<const T> matrix(const DeviceBuffer<T>& buffer, int64_t rows, int64_t cols) {
  return {buffer.data(), rows, cols, cols};
}

}  // namespace plumb

#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "ops/cuda/queue.h"
#include "test/random.h"

namespace plumb::test {

inline size_t at(int64_t i) {
  return static_cast<size_t>(i);
}

/// Values in the device's memory. What is read was computed by all that was queued before.
template <typename T>
class OnDevice {
 public:
  OnDevice(cuda::Queue& queue, int64_t count) : queue_(queue), count_(count) {
    void* data = nullptr;
    cuda::check(cudaMalloc(&data, size()), "test");
    data_ = static_cast<T*>(data);
  }
  OnDevice(cuda::Queue& queue, const std::vector<T>& values) : OnDevice(queue, static_cast<int64_t>(values.size())) {
    cuda::check(cudaMemcpyAsync(data_, values.data(), size(), cudaMemcpyHostToDevice, queue_.stream()), "test");
    queue_.wait();
  }
  ~OnDevice() { cudaFree(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  T* data() { return data_; }
  std::vector<T> read() {
    std::vector<T> values(static_cast<size_t>(count_));
    cuda::check(cudaMemcpyAsync(values.data(), data_, size(), cudaMemcpyDeviceToHost, queue_.stream()), "test");
    queue_.wait();
    return values;
  }

 private:
  size_t size() const { return static_cast<size_t>(count_) * sizeof(T); }

  cuda::Queue& queue_;
  T* data_ = nullptr;
  int64_t count_;
};

/// A matrix in the device's memory, with a gap behind each row that must stay as it was.
class DeviceMatrix {
 public:
  DeviceMatrix(cuda::Queue& queue, int64_t rows, int64_t cols, const std::vector<float>& values, int64_t gap = 3)
      : rows_(rows), cols_(cols), stride_(cols + gap), data_(queue, spread(values)) {}

  Matrix view() { return {data_.data(), rows_, cols_, stride_}; }
  std::vector<float> read() {
    const std::vector<float> all = data_.read();
    std::vector<float> values;
    for (size_t i = 0; i < all.size(); ++i) {
      if (static_cast<int64_t>(i) % stride_ < cols_)
        values.push_back(all[i]);
      else
        CHECK(all[i] == kGap);
    }
    return values;
  }

 private:
  static constexpr float kGap = 12345.0f;
  std::vector<float> spread(const std::vector<float>& values) const {
    REQUIRE(static_cast<int64_t>(values.size()) == rows_ * cols_);
    std::vector<float> all(static_cast<size_t>(rows_ * stride_), kGap);
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t c = 0; c < cols_; ++c)
        all[static_cast<size_t>(r * stride_ + c)] = values[static_cast<size_t>(r * cols_ + c)];
    return all;
  }

  int64_t rows_, cols_, stride_;
  OnDevice<float> data_;
};

/// Runs the body in each order of threads that the emulation knows; once on a GPU. Nothing may go wrong in it.
template <typename Body>
void in_each_order(Body&& body) {
#ifdef __CUDACC__
  body();
#else
  using emulation::Order;
  for (const Order order : {Order::ascending, Order::descending, Order::shuffled, Order::warp_ahead, Order::random}) {
    emulation::options().order = order;
    emulation::options().seed = static_cast<unsigned>(order) + 1;
    CAPTURE(static_cast<int>(order));
    body();
    const std::vector<std::string> errors = emulation::take_errors();
    CHECK_MESSAGE(errors.empty(), (errors.empty() ? "" : errors.front()));
  }
  emulation::options().order = Order::ascending;
#endif
}

/// `bound` is relative to the largest expected value, and absolute below 1. NaN is never near.
inline void check_near(const std::vector<float>& found, const std::vector<float>& expected, double bound) {
  REQUIRE(found.size() == expected.size());
  double largest = 1;
  for (const float value : expected) largest = std::fmax(largest, std::abs(static_cast<double>(value)));
  size_t worst = 0;
  double distance = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double d = std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
    if (d <= distance) continue;
    worst = i;
    distance = d;
    if (std::isnan(d)) break;
  }
  if (!(distance <= bound * largest)) CAPTURE(worst);
  CHECK(distance <= bound * largest);
}

/// Sizes around which kernels change their ways: none, one, odd, a warp, a block, what one block has of a row.
inline const std::vector<int64_t>& widths() {
  static const std::vector<int64_t> all = {1, 7, 31, 32, 33, 100, 255, 256, 257, 1024, 1030};
  return all;
}

}  // namespace plumb::test

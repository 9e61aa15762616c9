#include "ops/cuda/queue.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ops/cuda/cublas.h"
#include "tensor/error.h"

namespace plumb::cuda {
namespace {

constexpr size_t kIdle = 4;
constexpr int64_t kLeastLoan = int64_t{64} << 10;

}  // namespace

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // The runtime keeps it, and would tell it once more, of the next kernel.
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
  for (const Loan& loan : idle_) cudaFree(loan.data);
  cudaStreamDestroy(stream_);
}

void Queue::wait() {
  check(cudaStreamSynchronize(stream_), "waiting for the kernels");
}

Loan Queue::lend(int64_t bytes) {
  const auto fits = std::find_if(idle_.begin(), idle_.end(), [&](const Loan& loan) { return loan.bytes >= bytes; });
  if (fits != idle_.end()) {
    const Loan loan = *fits;
    idle_.erase(fits);
    return loan;
  }
  idle_.reserve(kIdle + 1);
  // Sizes differ a little from pass to pass: powers of two fit again.
  Loan loan{nullptr, kLeastLoan};
  while (loan.bytes < bytes) loan.bytes *= 2;
  check(cudaMalloc(&loan.data, static_cast<size_t>(loan.bytes)), "reserving memory for lists");
  return loan;
}

void Queue::take_back(Loan loan) noexcept {
  if (loan.data == nullptr) return;
  const auto larger =
      std::find_if(idle_.begin(), idle_.end(), [&](const Loan& other) { return other.bytes >= loan.bytes; });
  idle_.insert(larger, loan);
  if (idle_.size() <= kIdle) return;
  // The smallest one is given up; cudaFree waits for what uses it.
  cudaFree(idle_.front().data);
  idle_.erase(idle_.begin());
}

void Queue::use(std::unique_ptr<Cublas> cublas) {
  wait();
  cublas_ = std::move(cublas);
}

uint16_t* Queue::round_room(ConstMatrix x) {
  last_copy_ = (last_copy_ + 1) % kCopies;
  copied_[last_copy_] = {};
  uint16_t* room = scratch<uint16_t>(x.rows * x.cols, 2 + last_copy_);
  if (keeps_copies_) copied_[last_copy_] = x;
  return room;
}

Copy Queue::copy_of(ConstMatrix x) {
  for (int i = 0; i < kCopies; ++i) {
    const ConstMatrix& whole = copied_[i];
    if (whole.data == nullptr || whole.stride != x.stride || whole.rows < x.rows || x.data < whole.data) continue;
    const int64_t column = x.data - whole.data;
    if (column + x.cols > whole.cols) continue;
    last_copy_ = i;
    return {static_cast<const uint16_t*>(scratch_[2 + i]) + column, whole.cols};
  }
  return {};
}

void Queue::forget(ConstMatrix y) {
  const auto end = [](ConstMatrix m) { return m.data + m.rows * m.stride; };
  for (ConstMatrix& copied : copied_)
    if (copied.data != nullptr && y.data < end(copied) && copied.data < end(y)) copied = {};
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

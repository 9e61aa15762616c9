// A stand-in for NCCL on emulated GPUs: the functions that are used, with the rules of its documentation.
// PLUMB_EMULATED_NCCL is the version that it says it has; or "refuses": then it cannot be started; or "hangs": then a
// sum never ends, and only its communicators say so.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/cuda/emulation/runtime.h"

namespace {

enum Result { kSuccess = 0, kUnhandledCudaError = 1, kInvalidArgument = 4, kInvalidUsage = 5, kRemoteError = 6 };
constexpr int kFloat32 = 7;
constexpr int kSum = 0;

/// Values that one rank of a ring adds before it hands them on; the next begin at the next rank, as in a ring.
constexpr size_t kChunk = 64;

struct Clique {
  size_t size = 0;
  int error = kSuccess;
  std::vector<std::shared_ptr<bool>> ends;  ///< of its sums
};

struct Communicator {
  std::shared_ptr<Clique> clique;
  size_t rank = 0;
  int device = 0;
};

struct Call {
  const float* from;
  float* to;
  size_t count;
  Communicator* communicator;
  cudaStream_t stream;
};

/// A sum that begins once all ranks have come.
struct Sum {
  std::vector<Call> calls;
  size_t arrived = 0;
  std::shared_ptr<bool> end = std::make_shared<bool>(false);
};

thread_local int depth = 0;
thread_local std::vector<Call> calls;
int64_t sums = 0;

std::string wish() {
  const char* value = std::getenv("PLUMB_EMULATED_NCCL");
  return value == nullptr ? "" : value;
}

void add_up(const std::vector<Call>& ranks) {
  const size_t count = ranks[0].count;
  for (size_t i = 0; i < count; ++i) {
    const size_t first = i / kChunk % ranks.size();
    float sum = ranks[first].from[i];
    for (size_t r = 1; r < ranks.size(); ++r) sum += ranks[(first + r) % ranks.size()].from[i];
    for (const Call& rank : ranks) rank.to[i] = sum;
  }
}

/// Real ones would wait for ever where a rank is missing, twice there, or has other arguments.
int start(std::vector<Call> ranks) {
  Clique& clique = *ranks[0].communicator->clique;
  if (ranks.size() != clique.size) return kInvalidUsage;
  std::sort(ranks.begin(), ranks.end(),
            [](const Call& a, const Call& b) { return a.communicator->rank < b.communicator->rank; });
  for (size_t r = 0; r < ranks.size(); ++r) {
    const Call& call = ranks[r];
    if (call.communicator->clique.get() != &clique || call.communicator->rank != r || call.count != ranks[0].count)
      return kInvalidUsage;
    // A device reads its own memory alone, on a stream of its own.
    const int device = call.communicator->device;
    if (call.stream == nullptr || call.stream->device != device) return kInvalidArgument;
    for (const void* data : {static_cast<const void*>(call.from), static_cast<const void*>(call.to)})
      if (call.count > 0 && call.stream->device_of(data) != device) return kInvalidArgument;
  }
  const auto sum = std::make_shared<Sum>();
  sum->calls = ranks;
  clique.ends.push_back(sum->end);
  const bool hangs = wish() == "hangs";
  if (hangs) clique.error = kRemoteError;
  for (const Call& call : ranks) {
    call.stream->put(call.stream, [sum, hangs] {
      if (++sum->arrived < sum->calls.size() || hangs) return;
      add_up(sum->calls);
      *sum->end = true;
      ++sums;
    });
    call.stream->hold(call.stream, sum->end);
  }
  return kSuccess;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int ncclGetVersion(int* version) {
  const int number = std::atoi(wish().c_str());
  *version = number == 0 ? 23203 : number;
  return kSuccess;
}

EXPORT int ncclCommInitAll(Communicator** communicators, int count, const int* devices) {
  if (wish() == "refuses") return kUnhandledCudaError;
  for (int i = 0; i < count; ++i)
    if (std::count(devices, devices + count, devices[i]) > 1) return kInvalidUsage;
  const auto clique = std::make_shared<Clique>();
  clique->size = static_cast<size_t>(count);
  for (int i = 0; i < count; ++i) communicators[i] = new Communicator{clique, static_cast<size_t>(i), devices[i]};
  return kSuccess;
}

EXPORT int ncclCommDestroy(Communicator* communicator) {
  delete communicator;
  return kSuccess;
}

EXPORT int ncclCommAbort(Communicator* communicator) {
  for (const std::shared_ptr<bool>& end : communicator->clique->ends) *end = true;
  delete communicator;
  return kSuccess;
}

EXPORT int ncclCommGetAsyncError(Communicator* communicator, int* error) {
  *error = communicator->clique->error;
  return kSuccess;
}

EXPORT int ncclGroupStart() {
  ++depth;
  return kSuccess;
}

EXPORT int ncclGroupEnd() {
  if (depth == 0) return kInvalidUsage;
  if (--depth > 0 || calls.empty()) return kSuccess;
  return start(std::exchange(calls, {}));
}

/// Outside of a group, one thread with several devices would wait for itself.
EXPORT int ncclAllReduce(const void* from, void* to, size_t count, int type, int operation, Communicator* communicator,
                         cudaStream_t stream) {
  if (depth == 0) return kInvalidUsage;
  if (communicator == nullptr || type != kFloat32 || operation != kSum) return kInvalidArgument;
  calls.push_back({static_cast<const float*>(from), static_cast<float*>(to), count, communicator, stream});
  return kSuccess;
}

EXPORT const char* ncclGetErrorString(int result) {
  switch (result) {
    case kSuccess:
      return "no error";
    case kUnhandledCudaError:
      return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case kInvalidArgument:
      return "invalid argument";
    case kRemoteError:
      return "remote process exited or there was a network error";
    default:
      return "invalid usage";
  }
}

EXPORT const char* ncclGetLastError(Communicator*) {
  return "";
}

/// For tests: how many sums were computed here.
EXPORT int64_t emulated_nccl_sums() {
  return sums;
}

#include "ops/cuda/nccl.h"

#include <chrono>
#include <thread>
#include <utility>

#include "ops/cuda/foreign.h"
#include "tensor/error.h"

namespace plumb::cuda {
namespace {

// nccl.h; the same numbers in all versions 2.
constexpr int kFloat32 = 7;
constexpr int kSum = 0;
constexpr int kInProgress = 7;
constexpr int kMajor = 2;

const Foreign& foreign() {
  static const Foreign wanted{
      "nccl", "NCCL", "PLUMB_NCCL", "libnccl.so." + std::to_string(kMajor), {"nvidia/nccl/lib"}};
  return wanted;
}

}  // namespace

NcclLibrary::NcclLibrary(const std::string& name) : path(name) {
  void* file = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) fail(foreign().code, "NCCL cannot be opened: " + std::string(dlerror()));
  take(file, foreign(), path, "ncclGetVersion", get_version);
  take(file, foreign(), path, "ncclCommInitAll", init_all);
  take(file, foreign(), path, "ncclCommDestroy", destroy);
  take(file, foreign(), path, "ncclCommAbort", abort);
  take(file, foreign(), path, "ncclCommGetAsyncError", async_error);
  take(file, foreign(), path, "ncclAllReduce", all_reduce);
  take(file, foreign(), path, "ncclGroupStart", group_start);
  take(file, foreign(), path, "ncclGroupEnd", group_end);
  take(file, foreign(), path, "ncclGetErrorString", error_string);
  take(file, foreign(), path, "ncclGetLastError", last_error);  // since 2.13
  path = path_of(reinterpret_cast<const void*>(init_all), path);

  int number = 0;
  if (const int result = get_version(&number); result != 0)
    fail(foreign().code, path + " does not tell its version: " + error_string(result));
  version =
      std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
  if (number / 10000 != kMajor)
    fail(foreign().code, path + " is NCCL " + version + ", and version " + std::to_string(kMajor) + " is needed");
}

NcclLibrary find_nccl() {
  return open_first<NcclLibrary>(foreign(), "");
}

std::string without_nccl() {
  return "It is what several GPUs add up their gradients with. To have it: pip install nvidia-nccl-cu" +
         std::to_string(cuda_major()) + ", and PLUMB_NCCL=FILE where it is not found";
}

Clique::Clique(NcclLibrary library, std::vector<int> devices)
    : library_(std::move(library)), devices_(std::move(devices)) {
  communicators_.resize(devices_.size());
  const int result = library_.init_all(communicators_.data(), static_cast<int>(devices_.size()), devices_.data());
  if (result == 0) return;
  communicators_.clear();
  fail(foreign().code, "NCCL " + library_.version + " (" + library_.path + ") fails at its start: " + reason(result));
}

Clique::~Clique() {
  for (void* communicator : communicators_) library_.destroy(communicator);
}

std::string Clique::reason(int result) const {
  const char* detail = library_.last_error(nullptr);
  const std::string why = library_.error_string(result);
  return detail == nullptr || *detail == 0 ? why : why + " (" + detail + ")";
}

void Clique::call_off(const std::string& why) {
  for (void* communicator : communicators_) library_.abort(communicator);
  communicators_.clear();
  fail("device", "GPU: adding up the gradients: " + why);
}

void Clique::all_reduce(const std::vector<Queue*>& queues, float* const* values, int64_t count) {
  if (communicators_.empty()) call_off("the GPUs have been separated by an error before");
  // All in one group: on one thread, the first would wait for the others for ever.
  int result = library_.group_start();
  for (size_t i = 0; i < queues.size() && result == 0; ++i)
    result = library_.all_reduce(values[i], values[i], static_cast<size_t>(count), kFloat32, kSum, communicators_[i],
                                 queues[i]->stream());
  const int ended = library_.group_end();
  if (result != 0 || ended != 0) call_off("NCCL says: " + reason(result != 0 ? result : ended));

  // A device that fails lets the others wait for ever: all are looked at, again and again.
  for (;;) {
    bool done = true;
    for (size_t i = 0; i < queues.size(); ++i) {
      const std::string where = "cuda:" + std::to_string(devices_[i]) + ": ";
      cudaError_t state = cudaSetDevice(devices_[i]);
      if (state == cudaSuccess) state = cudaStreamQuery(queues[i]->stream());
      if (state != cudaSuccess && state != cudaErrorNotReady) call_off(where + cudaGetErrorString(state));
      int error = 0;
      result = library_.async_error(communicators_[i], &error);
      if (result != 0 || (error != 0 && error != kInProgress))
        call_off(where + "NCCL says: " + reason(result != 0 ? result : error));
      done = done && state == cudaSuccess;
    }
    if (done) return;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

}  // namespace plumb::cuda

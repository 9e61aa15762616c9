#include "binding/gpus.h"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>

#include "tensor/error.h"

namespace plumb {
namespace {

/// The library beside the addon, or the one that PLUMB_CUDA_LIBRARY names.
std::string library_path() {
  if (const char* named = std::getenv("PLUMB_CUDA_LIBRARY")) return named;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&library_path), &info) == 0 || info.dli_fname == nullptr)
    fail("cuda-not-built", "the engine does not find the folder that it lies in");
  const std::string addon = info.dli_fname;
  return addon.substr(0, addon.find_last_of('/') + 1) + "libplumb_cuda.so";
}

/// Opened when it is first asked for; where that fails, the next call tries again.
const CudaRuntime& runtime() {
  static std::mutex mutex;
  static std::unique_ptr<CudaRuntime> opened;
  const std::lock_guard<std::mutex> hold(mutex);
  if (!opened) opened = std::make_unique<CudaRuntime>(library_path());
  return *opened;
}

/// Guarded by its mutex: a folder is set on JavaScript's thread and read on the engine's.
struct CublasFolder {
  std::mutex mutex;
  std::string path;
};
CublasFolder& cublas_folder() {
  static CublasFolder folder;
  return folder;
}

std::unique_ptr<GpuDevice> open_device(int32_t index, Precision precision) {
  std::string folder;
  {
    const std::lock_guard<std::mutex> hold(cublas_folder().mutex);
    folder = cublas_folder().path;
  }
  return runtime().open(index, precision, folder);
}

}  // namespace

Place to_place(const std::string& device) {
  if (device == "cpu") return {};
  if (device == "cuda") return {true, 0};
  const std::string number = device.rfind("cuda:", 0) == 0 ? device.substr(5) : "";
  if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") != std::string::npos)
    fail("argument", "options.device is \"" + device + R"(", expected "cpu", "cuda" or "cuda:N")");
  return {true, std::stoi(number)};
}

std::vector<CudaDeviceInfo> gpus() {
  return runtime().devices();
}

Precision best_precision(const CudaDeviceInfo& gpu) {
  return gpu.capability >= 80 ? Precision::bfloat16 : Precision::float32;
}

GpuProducts products_of(int32_t index, const CudaDeviceInfo& gpu) {
  try {
    return open_device(index, best_precision(gpu))->products();
  } catch (const EngineError& error) {
    return {"", "", error.what()};
  }
}

void look_for_cublas_in(const std::string& folder) {
  const std::lock_guard<std::mutex> hold(cublas_folder().mutex);
  cublas_folder().path = folder;
}

std::unique_ptr<Device> open_gpu(int32_t index, const Precision* precision) {
  const std::vector<CudaDeviceInfo> all = gpus();
  if (index >= static_cast<int32_t>(all.size()))
    fail("device", "there is no GPU cuda:" + std::to_string(index) + "; this machine has " +
                       std::to_string(all.size()) + ", counted from cuda:0 on (plumb devices lists them)");
  return open_device(index, precision == nullptr ? best_precision(all[static_cast<size_t>(index)]) : *precision);
}

}  // namespace plumb

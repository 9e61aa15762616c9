#include "binding/gpus.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>

#include "tensor/error.h"
#include "tensor/shared_library.h"

namespace plumb {
namespace {

/// The library beside the addon, or the one that PLUMB_CUDA_LIBRARY names.
std::string library_path() {
  if (const char* named = std::getenv("PLUMB_CUDA_LIBRARY"); named != nullptr && *named != 0) return named;
  std::string path = library_beside(reinterpret_cast<const void*>(&library_path), "plumb_cuda");
  if (path.empty()) fail("cuda-not-built", "the engine does not find the folder that it lies in");
  return path;
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

/// Models that are open at the same time share it: to begin takes a second, and it holds memory on each GPU.
std::shared_ptr<Team> team_of(const std::vector<int32_t>& indices) {
  static std::mutex mutex;
  static std::map<std::vector<int32_t>, std::weak_ptr<Team>> teams;
  const std::lock_guard<std::mutex> hold(mutex);
  std::shared_ptr<Team> team = teams[indices].lock();
  if (team == nullptr) teams[indices] = team = runtime().team(indices);
  return team;
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
  if (device == "cuda") return {{0}};
  Place place;
  std::string rest = device.rfind("cuda:", 0) == 0 ? device.substr(5) + "," : ",";
  for (size_t comma = rest.find(','); comma != std::string::npos; comma = rest.find(',')) {
    const std::string number = rest.substr(0, comma);
    rest = rest.substr(comma + 1);
    if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") != std::string::npos)
      fail("argument", "options.device is \"" + device + R"(", expected "cpu", "cuda", "cuda:N" or "cuda:N,M")");
    const int32_t index = std::stoi(number);
    if (std::count(place.gpus.begin(), place.gpus.end(), index) > 0)
      fail("argument", "options.device is \"" + device + "\", which names a GPU twice");
    place.gpus.push_back(index);
  }
  return place;
}

GpuNccl nccl_here() {
  return runtime().nccl();
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

std::shared_ptr<ModelReplicas> open_on_gpus(const ModelTable& table, const std::vector<int32_t>& indices,
                                            const Precision* precision, const ModelOptions& options) {
  const std::vector<CudaDeviceInfo> all = gpus();
  std::vector<std::string> names;
  for (const int32_t index : indices) {
    names.push_back("cuda:" + std::to_string(index));
    if (index >= static_cast<int32_t>(all.size()))
      fail("device", "there is no GPU " + names.back() + "; this machine has " + std::to_string(all.size()) +
                         ", counted from cuda:0 on (plumb devices lists them)");
  }
  const auto info = [&](size_t i) -> const CudaDeviceInfo& { return all[static_cast<size_t>(indices[i])]; };
  for (size_t i = 1; i < indices.size(); ++i)
    if (info(i).capability != info(0).capability)
      fail("device", names[0] + " (" + info(0).name + ") and " + names[i] + " (" + info(i).name +
                         ") are of different kinds, and several GPUs at once must be of one");
  // It wants memory, too: what is left tells then how a model fits.
  std::shared_ptr<Team> team = indices.size() > 1 ? team_of(indices) : nullptr;
  std::vector<std::shared_ptr<Model>> models;
  for (const int32_t index : indices)
    models.push_back(std::make_shared<Model>(
        table, open_device(index, precision == nullptr ? best_precision(info(0)) : *precision), options));
  return std::make_shared<ModelReplicas>(std::move(models), std::move(names), std::move(team));
}

}  // namespace plumb

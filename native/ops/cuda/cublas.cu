#include "ops/cuda/cublas.h"

#include <dlfcn.h>
#include <glob.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "ops/cuda/queue.h"
#include "tensor/error.h"

namespace plumb::cuda {
namespace {

// cublas_api.h and library_types.h; the same numbers from CUDA 11 to 13.
constexpr int kNotTransposed = 0;
constexpr int kTransposed = 1;
constexpr int kFloat32 = 0;
constexpr int kBfloat16 = 14;
constexpr int kCompute32 = 68;
constexpr int kCompute32Pedantic = 69;  // float32 throughout, whatever the environment allows: no TF32
constexpr int kDisallowReducedPrecisionReduction = 16;
constexpr int kDefaultAlgorithm = -1;
constexpr int kAllocationFailed = 3;

constexpr int kMajor = CUDART_VERSION / 1000;

std::string file_name(const char* library) {
  return std::string(library) + ".so." + std::to_string(kMajor);
}

[[noreturn]] void refuse(const std::string& why) {
  fail("cublas", why);
}

template <typename Function>
void take(void* file, const std::string& path, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(file, name));
  if (function == nullptr) refuse(path + " is no cuBLAS that can be used: it has no " + name);
}

/// Files that match a pattern, the last first: newer versions have higher numbers.
void add_matches(const std::string& pattern, std::vector<std::string>& files) {
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (size_t i = found.gl_pathc; i-- > 0;) files.emplace_back(found.gl_pathv[i]);
  globfree(&found);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Where toolkits and the wheels that PyTorch brings keep it.
std::vector<std::string> usual_places() {
  const std::string name = file_name("libcublas");
  const std::string major = std::to_string(kMajor);
  std::vector<std::string> files;
  for (const char* toolkit : {"CUDA_PATH", "CUDA_HOME"})
    if (const std::string folder = environment(toolkit); !folder.empty()) add_matches(folder + "/lib64/" + name, files);
  for (const std::string& folder :
       {"/usr/local/cuda-" + major + "*", std::string("/usr/local/cuda"), std::string("/opt/cuda")})
    add_matches(folder + "/lib64/" + name, files);

  std::vector<std::string> packages;
  for (const char* prefix : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const std::string folder = environment(prefix); !folder.empty())
      packages.push_back(folder + "/lib/python3*/site-packages");
  if (const std::string home = environment("HOME"); !home.empty())
    packages.push_back(home + "/.local/lib/python3*/site-packages");
  packages.insert(packages.end(), {"/usr/local/lib/python3*/dist-packages", "/usr/local/lib/python3*/site-packages",
                                   "/usr/lib/python3*/site-packages"});
  for (const std::string& folder : packages)
    for (const std::string& inside : {"/nvidia/cu" + major + "/lib/", std::string("/nvidia/cublas/lib/")})
      add_matches(folder + inside + name, files);
  return files;
}

/// The file in a folder, or in its lib or lib64; the path itself where it is no folder.
std::string file_at(const std::string& path) {
  const std::string name = file_name("libcublas");
  for (const char* inside : {"/", "/lib/", "/lib64/"})
    if (access((path + inside + name).c_str(), F_OK) == 0) return path + inside + name;
  return access((path + "/.").c_str(), F_OK) == 0 ? path + "/" + name : path;
}

bool is_size(int64_t value) {
  return value > 0 && value <= std::numeric_limits<int>::max();
}

}  // namespace

CublasLibrary::CublasLibrary(const std::string& name) : path(name) {
  // The larger half of cuBLAS lies beside it, where the loader need not look for it. If this fails, the next call says
  // so.
  if (const size_t end = name.find_last_of('/'); end != std::string::npos)
    dlopen((name.substr(0, end + 1) + file_name("libcublasLt")).c_str(), RTLD_NOW | RTLD_LOCAL);
  void* file = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) refuse("cuBLAS cannot be opened: " + std::string(dlerror()));
  take(file, path, "cublasCreate_v2", create);
  take(file, path, "cublasDestroy_v2", destroy);
  take(file, path, "cublasSetStream_v2", set_stream);
  take(file, path, "cublasSetWorkspace_v2", set_workspace);
  take(file, path, "cublasSetMathMode", set_math_mode);
  take(file, path, "cublasGetVersion_v2", get_version);
  take(file, path, "cublasGetStatusString", status_string);
  take(file, path, "cublasGemmEx", gemm);
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(create), &info) != 0 && info.dli_fname != nullptr) path = info.dli_fname;

  int number = 0;
  if (const int status = get_version(nullptr, &number); status != 0)
    refuse(path + " does not tell its version: " + status_string(status));
  version =
      std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
  if (number / 10000 != kMajor)
    refuse(path + " is cuBLAS " + version + ", and version " + std::to_string(kMajor) + " is needed");
}

CublasLibrary find_cublas(const std::string& folder) {
  if (const std::string named = environment("PLUMB_CUBLAS"); !named.empty()) {
    if (named == "none") refuse("PLUMB_CUBLAS=none leaves cuBLAS out");
    return CublasLibrary(file_at(named));
  }
  std::vector<std::string> names;
  if (const std::string file = file_at(folder); !folder.empty() && access(file.c_str(), F_OK) == 0)
    names.push_back(file);
  const std::string by_loader = file_name("libcublas");
  names.push_back(by_loader);
  for (std::string& file : usual_places()) names.push_back(std::move(file));

  std::string trouble;
  for (const std::string& name : names) {
    try {
      return CublasLibrary(name);
    } catch (const EngineError& error) {
      // What the loader does not find is no trouble, but a file that is there is.
      const bool missing = name == by_loader && std::string(error.what()).find("No such file") != std::string::npos;
      if (trouble.empty() && !missing) trouble = error.what();
    }
  }
  refuse(trouble.empty() ? "cuBLAS (" + by_loader + ") was not found" : trouble);
}

std::string without_cublas() {
  // NVIDIA's wheels lost the version in their name with CUDA 13.
  const std::string wheel = kMajor >= 13 ? "nvidia-cublas" : "nvidia-cublas-cu" + std::to_string(kMajor);
  const std::string range = "\"" + wheel + ">=" + std::to_string(kMajor) + ",<" + std::to_string(kMajor + 1) + "\"";
  return "Plumb's own kernel does the products, at an expected 50 to 60 % of cuBLAS's speed on Hopper. To have it: " +
         std::string(kMajor == 13 ? "plumb devices get-cublas, or " : "") + "pip install " + range +
         ", and PLUMB_CUBLAS=FILE where it is not found";
}

Cublas::Cublas(CublasLibrary library, cudaStream_t stream, int capability) : library_(std::move(library)) {
  const auto ask = [&](int status, const char* what) {
    if (status == 0) return;
    const std::string why = library_.status_string(status);
    release();
    refuse("cuBLAS " + library_.version + " (" + library_.path + ") fails at " + what + ": " + why);
  };
  ask(library_.create(&handle_), "its start");
  ask(library_.set_stream(handle_, stream), "taking a stream");
  ask(library_.set_math_mode(handle_, kDisallowReducedPrecisionReduction), "choosing its arithmetic");
  // What its documentation recommends. To choose a stream takes a workspace away, so this comes after it.
  const size_t bytes = capability >= 90 ? size_t{32} << 20 : size_t{4} << 20;
  if (const cudaError_t error = cudaMalloc(&workspace_, bytes); error != cudaSuccess) {
    release();
    check(error, "reserving memory for cuBLAS");
  }
  ask(library_.set_workspace(handle_, workspace_, bytes), "taking its memory");
}

Cublas::~Cublas() {
  release();
}

void Cublas::release() noexcept {
  if (handle_ != nullptr) library_.destroy(handle_);
  handle_ = nullptr;
  cudaFree(workspace_);
  workspace_ = nullptr;
}

bool Cublas::multiply(const Product& p) const {
  // A leading dimension is no less than the rows that lie side by side with it; strides of single rows may be.
  const bool fits = is_size(p.m) && is_size(p.n) && is_size(p.k) && is_size(p.a.stride) && is_size(p.b.stride) &&
                    is_size(p.c_stride) && p.a.stride >= (p.a.transposed ? p.m : p.k) &&
                    p.b.stride >= (p.b.transposed ? p.k : p.n) && p.c_stride >= p.n;
  if (!fits) return false;
  const auto size = [](int64_t value) { return static_cast<int>(value); };
  const auto operation = [](const Factor& factor) { return factor.transposed ? kTransposed : kNotTransposed; };
  const bool brief = p.precision == Precision::bfloat16;
  const int type = brief ? kBfloat16 : kFloat32;
  // cuBLAS goes down columns: it sees each matrix transposed, and cᵀ = op(b)ᵀ op(a)ᵀ.
  const int status =
      library_.gemm(handle_, operation(p.b), operation(p.a), size(p.n), size(p.m), size(p.k), &p.alpha, p.b.data, type,
                    size(p.b.stride), p.a.data, type, size(p.a.stride), &p.beta, p.c, kFloat32, size(p.c_stride),
                    brief ? kCompute32 : kCompute32Pedantic, kDefaultAlgorithm);
  if (status != 0)
    fail(status == kAllocationFailed ? "out-of-memory" : "device",
         std::string("GPU: product: cuBLAS says: ") + library_.status_string(status));
  return true;
}

}  // namespace plumb::cuda

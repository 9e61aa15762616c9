#include "ops/cuda/cublas.h"

#include <limits>
#include <utility>

#include "ops/cuda/foreign.h"
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

std::string file_name(const char* library) {
  return std::string(library) + ".so." + std::to_string(cuda_major());
}

const Foreign& foreign() {
  static const Foreign wanted{"cublas",
                              "cuBLAS",
                              "PLUMB_CUBLAS",
                              file_name("libcublas"),
                              {"nvidia/cu" + std::to_string(cuda_major()) + "/lib", "nvidia/cublas/lib"}};
  return wanted;
}

[[noreturn]] void refuse(const std::string& why) {
  fail(foreign().code, why);
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
  take(file, foreign(), path, "cublasCreate_v2", create);
  take(file, foreign(), path, "cublasDestroy_v2", destroy);
  take(file, foreign(), path, "cublasSetStream_v2", set_stream);
  take(file, foreign(), path, "cublasSetWorkspace_v2", set_workspace);
  take(file, foreign(), path, "cublasSetMathMode", set_math_mode);
  take(file, foreign(), path, "cublasGetVersion_v2", get_version);
  take(file, foreign(), path, "cublasGetStatusString", status_string);
  take(file, foreign(), path, "cublasGemmEx", gemm);
  lt = CublasLtLibrary::of(file);
  path = path_of(reinterpret_cast<const void*>(create), path);

  int number = 0;
  if (const int status = get_version(nullptr, &number); status != 0)
    refuse(path + " does not tell its version: " + status_string(status));
  version =
      std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
  if (number / 10000 != cuda_major())
    refuse(path + " is cuBLAS " + version + ", and version " + std::to_string(cuda_major()) + " is needed");
}

CublasLibrary find_cublas(const std::string& folder) {
  return open_first<CublasLibrary>(foreign(), folder);
}

std::string without_cublas() {
  // NVIDIA's wheels lost the version in their name with CUDA 13.
  const int major = cuda_major();
  const std::string wheel = major >= 13 ? "nvidia-cublas" : "nvidia-cublas-cu" + std::to_string(major);
  const std::string range = "\"" + wheel + ">=" + std::to_string(major) + ",<" + std::to_string(major + 1) + "\"";
  return "Plumb's own kernel does the products, at an expected 50 to 60 % of cuBLAS's speed on Hopper. To have it: " +
         std::string(major == 13 ? "plumb devices get-cublas, or " : "") + "pip install " + range +
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
  if (library_.lt) lt_ = std::make_unique<CublasLt>(*library_.lt, handle_, stream, workspace_, bytes);
}

Cublas::~Cublas() {
  release();
}

void Cublas::release() noexcept {
  lt_.reset();
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
  if (p.residual != nullptr || p.bias != nullptr) return lt_ != nullptr && lt_->multiply(p, library_.status_string);
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

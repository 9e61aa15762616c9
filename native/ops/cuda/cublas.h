#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "ops/cuda/cublas_lt.h"
#include "ops/cuda/platform.h"
#include "ops/device.h"

namespace plumb::cuda {

/// The functions of cuBLAS that are used, with the types that its documentation gives ("cuBLAS API Reference"): handles
/// are pointers, statuses and enumerations are int, sizes of matrices are int. No header of it is needed to build.
struct CublasLibrary {
  std::string path;
  std::string version;  ///< "13.0.2"

  int (*create)(void** handle);
  int (*destroy)(void* handle);
  int (*set_stream)(void* handle, cudaStream_t stream);
  int (*set_workspace)(void* handle, void* workspace, size_t bytes);
  int (*set_math_mode)(void* handle, int mode);
  int (*get_version)(void* handle, int* version);
  const char* (*status_string)(int status);
  int (*gemm)(void* handle, int operation_a, int operation_b, int m, int n, int k, const void* alpha, const void* a,
              int a_type, int a_stride, const void* b, int b_type, int b_stride, const void* beta, void* c, int c_type,
              int c_stride, int compute_type, int algorithm);
  std::shared_ptr<const CublasLtLibrary> lt;  ///< null where it has none

  /// Opens a file, or what the loader finds by that name. It stays in memory to the end. Throws "cublas", with what was
  /// found, where it is none that this build can use.
  explicit CublasLibrary(const std::string& name);
};

/// The library of this build's own major version of CUDA: the one that PLUMB_CUBLAS names (a file or a folder; no other
/// then), else the first that can be used of those in `folder` (empty: none), where the loader looks, in a toolkit and
/// in Python's packages. Throws "cublas" with what was found.
CublasLibrary find_cublas(const std::string& folder);

/// What does the work where cuBLAS does not, and how to get it; a sentence that follows on what find_cublas() threw.
std::string without_cublas();

/// One factor of a product: op(x) is x, or x transposed, in rows of `stride` elements.
struct Factor {
  const void* data;
  int64_t stride;
  bool transposed;
};

/// c[m, n] = alpha op(a)[m, k] op(b)[k, n] + beta c. Factors are bfloat16 or float32, sums and c float32. Where there
/// is a residual or a bias, c begins with them instead (CublasLt).
struct Product {
  int64_t m, n, k;
  float alpha;
  Factor a, b;
  Precision precision;
  float beta;
  float* c;
  int64_t c_stride;
  const float* residual = nullptr;  ///< [m, n], or null
  int64_t residual_stride = 0;
  const float* bias = nullptr;  ///< [n], added to each row, or null
};

/// cuBLAS on one stream of the current device, with memory of its own that never grows.
///
/// Same inputs, same bits: the documentation promises that for one version of the library on GPUs of one architecture
/// and number of processors, while one stream is in use or each has a workspace of its own ("cuBLAS, Results
/// Reproducibility").
class Cublas {
 public:
  /// Throws "cublas", "out-of-memory" or "device".
  Cublas(CublasLibrary library, cudaStream_t stream, int capability);
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  const CublasLibrary& library() const { return library_; }
  /// Queues the product; false where it is one that cuBLAS does not take, and nothing was queued.
  bool multiply(const Product& product) const;
  /// Whether it takes products with a residual or a bias.
  bool begins_sums() const { return lt_ != nullptr; }

 private:
  void release() noexcept;

  CublasLibrary library_;
  void* handle_ = nullptr;
  void* workspace_ = nullptr;
  std::unique_ptr<CublasLt> lt_;
};

}  // namespace plumb::cuda

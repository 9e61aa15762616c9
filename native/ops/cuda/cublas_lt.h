#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "ops/cuda/platform.h"

namespace plumb::cuda {

struct Product;

/// The functions of cuBLASLt that are used ("cuBLAS, Using the cuBLASLt API"): descriptions are opaque pointers,
/// enumerations and statuses are int. They lie in the file that cuBLAS needs, so they are found through cuBLAS's own.
struct CublasLtLibrary {
  int (*describe)(void** product, int compute_type, int scale_type);
  int (*describe_more)(void* product, int attribute, const void* value, size_t bytes);
  int (*forget)(void* product);
  int (*describe_matrix)(void** matrix, int type, uint64_t rows, uint64_t columns, int64_t stride);
  int (*forget_matrix)(void* matrix);
  int (*prefer)(void** preference);
  int (*prefer_more)(void* preference, int attribute, const void* value, size_t bytes);
  int (*forget_preference)(void* preference);
  int (*choose)(void* handle, void* product, void* a, void* b, void* c, void* d, void* preference, int wanted,
                void* results, int* found);
  int (*multiply)(void* handle, void* product, const void* alpha, const void* a, void* a_matrix, const void* b,
                  void* b_matrix, const void* beta, const void* c, void* c_matrix, void* d, void* d_matrix,
                  const void* algorithm, void* workspace, size_t workspace_bytes, cudaStream_t stream);

  /// `file`: what dlopen() gave for cuBLAS. Null where one of them is missing.
  static std::unique_ptr<const CublasLtLibrary> of(void* file);
};

/// Products of bfloat16 whose sums begin with a residual, a bias or both, which are so not written, read and written
/// again: d = op(a) op(b) + residual + bias. Keeps what the library chose for a shape, which takes it longer than to
/// queue a product.
///
/// Same inputs, same bits: the library chooses by shapes and alignments alone, and parts of a sum are added in order
/// (no scheme that adds in place).
class CublasLt {
 public:
  /// `handle` is cuBLAS's, which serves here too. The workspace and stream are its user's.
  CublasLt(const CublasLtLibrary& library, void* handle, cudaStream_t stream, void* workspace, size_t bytes);
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  /// Queues the product, whose c begins with `product.residual` and `product.bias`; false where the library has no
  /// kernel for it, and nothing was queued. Sizes are positive and fit int. Throws "device", "out-of-memory".
  bool multiply(const Product& product, const char* (*status_string)(int));

 private:
  struct Plan;
  /// Sizes, strides, what is transposed, what the sums begin with, alignments.
  using Key = std::array<int64_t, 15>;

  std::unique_ptr<Plan> plan_of(const Product& product, const Key& key) const;

  const CublasLtLibrary& library_;
  void* handle_;
  cudaStream_t stream_;
  void* workspace_;
  size_t workspace_bytes_;
  std::map<Key, std::unique_ptr<Plan>> plans_;
};

}  // namespace plumb::cuda

// A stand-in for cuBLAS on the emulated GPU: the functions that are used, with the rules of its documentation, by their
// definition. PLUMB_EMULATED_CUBLAS is the version that it says it has, or "refuses": then it cannot be started.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "ops/cuda/emulation/runtime.h"

namespace {

enum Status { kSuccess = 0, kNotInitialised = 1, kInvalidValue = 7, kNotSupported = 15 };
enum Type { kFloat32 = 0, kBfloat16 = 14 };
enum Compute { kCompute32 = 68, kCompute32Pedantic = 69 };

struct Handle {
  cudaStream_t stream = nullptr;
  void* workspace = nullptr;
};

int64_t products = 0;

std::string wish() {
  const char* value = std::getenv("PLUMB_EMULATED_CUBLAS");
  return value == nullptr ? "130002" : value;
}

float value_at(const void* data, int type, int64_t i) {
  if (type == kFloat32) return static_cast<const float*>(data)[i];
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(data)[i]) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Column-major, element (row, column) of op(x).
struct Matrix {
  const void* data;
  int type, stride;
  bool transposed;
  float at(int64_t row, int64_t column) const {
    return value_at(data, type, transposed ? row * stride + column : column * stride + row);
  }
};

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int cublasCreate_v2(Handle** handle) {
  if (wish() == "refuses") return kNotInitialised;
  *handle = new Handle();
  return kSuccess;
}

EXPORT int cublasDestroy_v2(Handle* handle) {
  delete handle;
  return kSuccess;
}

/// Takes the workspace away, as cuBLAS does.
EXPORT int cublasSetStream_v2(Handle* handle, cudaStream_t stream) {
  *handle = {stream, nullptr};
  return kSuccess;
}

EXPORT int cublasSetWorkspace_v2(Handle* handle, void* workspace, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(workspace) % 256 != 0 || bytes == 0) return kInvalidValue;
  handle->workspace = workspace;
  return kSuccess;
}

EXPORT int cublasSetMathMode(Handle*, int mode) {
  return mode == 0 || mode == 16 ? kSuccess : kNotSupported;
}

EXPORT int cublasGetVersion_v2(Handle*, int* version) {
  *version = std::max(std::atoi(wish().c_str()), wish() == "refuses" ? 130002 : 0);
  return kSuccess;
}

EXPORT const char* cublasGetStatusString(int status) {
  switch (status) {
    case kSuccess:
      return "success";
    case kNotInitialised:
      return "the library was not initialized";
    case kInvalidValue:
      return "an unsupported value or parameter was passed to the function";
    default:
      return "the requested functionality is not supported";
  }
}

EXPORT int cublasGemmEx(Handle* handle, int operation_a, int operation_b, int m, int n, int k, const void* alpha,
                        const void* a, int a_type, int a_stride, const void* b, int b_type, int b_stride,
                        const void* beta, void* c, int c_type, int c_stride, int compute, int algorithm) {
  if (handle == nullptr) return kNotInitialised;
  const auto is_operation = [](int operation) { return operation == 0 || operation == 1; };
  if (m < 0 || n < 0 || k < 0 || !is_operation(operation_a) || !is_operation(operation_b) ||
      a_stride < std::max(1, operation_a == 0 ? m : k) || b_stride < std::max(1, operation_b == 0 ? k : n) ||
      c_stride < std::max(1, m))
    return kInvalidValue;
  // Without a workspace and a stream of its own nothing promises the same bits; without the pedantic type, float32
  // may be computed in less.
  const bool types =
      a_type == b_type && c_type == kFloat32 &&
      ((a_type == kBfloat16 && compute == kCompute32) || (a_type == kFloat32 && compute == kCompute32Pedantic));
  if (!types || algorithm != -1 || handle->stream == nullptr || handle->workspace == nullptr) return kNotSupported;
  ++products;
  const Matrix left{a, a_type, a_stride, operation_a == 1}, right{b, b_type, b_stride, operation_b == 1};
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  handle->stream->put(handle->stream, [=] {
    const auto rows = static_cast<size_t>(m);
    std::vector<float> factors(rows * static_cast<size_t>(k)), sums(rows);
    for (int64_t i = 0; i < k; ++i)
      for (int64_t row = 0; row < m; ++row) factors[static_cast<size_t>(i * m + row)] = left.at(row, i);
    for (int64_t column = 0; column < n; ++column) {
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (int64_t i = 0; i < k; ++i) {
        const float factor = right.at(i, column);
        const float* from = factors.data() + i * m;
        for (size_t row = 0; row < rows; ++row) sums[row] += from[row] * factor;
      }
      for (size_t row = 0; row < rows; ++row) {
        float& place = static_cast<float*>(c)[column * c_stride + static_cast<int64_t>(row)];
        place = scale * sums[row] + (keep == 0.0f ? 0.0f : keep * place);
      }
    }
  });
  return kSuccess;
}

/// For tests: how many products were computed here.
EXPORT int64_t emulated_cublas_products() {
  return products;
}

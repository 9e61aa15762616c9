// A stand-in for cuBLAS and cuBLASLt on the emulated GPU: the functions that are used, with the rules of its
// documentation, by their definition. PLUMB_EMULATED_CUBLAS is the version that it says it has, or "refuses": then it
// cannot be started.
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
int64_t begun = 0;  // of these, whose sums began with a residual or a bias

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

/// d = scale a b + keep c + bias, queued on the stream.
void queue_product(cudaStream_t stream, int m, int n, int k, float scale, Matrix left, Matrix right, float keep,
                   const float* c, int64_t c_stride, const float* bias, float* d, int64_t d_stride) {
  ++products;
  stream->put(stream, [=] {
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
        const auto place = static_cast<int64_t>(row);
        d[column * d_stride + place] = scale * sums[row] + (keep == 0.0f ? 0.0f : keep * c[column * c_stride + place]) +
                                       (bias == nullptr ? 0.0f : bias[row]);
      }
    }
  });
}

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
  queue_product(handle->stream, m, n, k, *static_cast<const float*>(alpha), {a, a_type, a_stride, operation_a == 1},
                {b, b_type, b_stride, operation_b == 1}, *static_cast<const float*>(beta), static_cast<const float*>(c),
                c_stride, nullptr, static_cast<float*>(c), c_stride);
  return kSuccess;
}

// ---- cuBLASLt: bfloat16 factors, float32 sums

namespace {

struct LtProduct {
  int transposed[2] = {0, 0};
  int epilogue = 1;
  const float* bias = nullptr;
};
struct LtMatrix {
  int type;
  int64_t rows, columns, stride;
};
struct LtPreference {
  uint64_t workspace = 0;
  uint32_t schemes = 7;
  uint32_t alignments[4] = {256, 256, 256, 256};
};
/// What an algorithm was chosen for; it must be used for nothing else.
struct LtAlgorithm {
  uint64_t workspace;
  uint64_t alignments;
  uint64_t bias_alignment;
  uint64_t mark;
  uint64_t unused[4];
};
struct LtChoice {
  LtAlgorithm algorithm;
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
};
constexpr uint64_t kMark = 0x504c554d42;

bool aligned(const void* data, uint64_t to) {
  return reinterpret_cast<uintptr_t>(data) % to == 0;
}

template <typename T>
int put(const void* value, size_t bytes, T& to) {
  if (value == nullptr || bytes != sizeof(T)) return kInvalidValue;
  std::memcpy(&to, value, sizeof(T));
  return kSuccess;
}

/// Whether sizes and types go together: d [m, n] = op(a) [m, k] op(b) [k, n] + c.
bool go_together(const LtProduct& p, const LtMatrix& a, const LtMatrix& b, const LtMatrix& c, const LtMatrix& d) {
  const int64_t m = p.transposed[0] == 1 ? a.columns : a.rows, k = p.transposed[0] == 1 ? a.rows : a.columns;
  const int64_t n = p.transposed[1] == 1 ? b.rows : b.columns, other = p.transposed[1] == 1 ? b.columns : b.rows;
  for (const LtMatrix* x : {&a, &b, &c, &d})
    if (x->rows <= 0 || x->columns <= 0 || x->stride < x->rows) return false;
  return k == other && c.rows == m && d.rows == m && c.columns == n && d.columns == n && a.type == kBfloat16 &&
         b.type == kBfloat16 && c.type == kFloat32 && d.type == kFloat32;
}

}  // namespace

EXPORT int cublasLtMatmulDescCreate(LtProduct** product, int compute, int scale) {
  if (compute != kCompute32 || scale != kFloat32) return kNotSupported;
  *product = new LtProduct();
  return kSuccess;
}

EXPORT int cublasLtMatmulDescSetAttribute(LtProduct* product, int attribute, const void* value, size_t bytes) {
  switch (attribute) {
    case 3:
    case 4:
      return put(value, bytes, product->transposed[attribute - 3]);
    case 7:
      return put(value, bytes, product->epilogue);
    case 8:
      return put(value, bytes, product->bias);
    default:
      return kInvalidValue;
  }
}

EXPORT int cublasLtMatmulDescDestroy(LtProduct* product) {
  delete product;
  return kSuccess;
}

EXPORT int cublasLtMatrixLayoutCreate(LtMatrix** matrix, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  *matrix = new LtMatrix{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), stride};
  return kSuccess;
}

EXPORT int cublasLtMatrixLayoutDestroy(LtMatrix* matrix) {
  delete matrix;
  return kSuccess;
}

EXPORT int cublasLtMatmulPreferenceCreate(LtPreference** preference) {
  *preference = new LtPreference();
  return kSuccess;
}

EXPORT int cublasLtMatmulPreferenceSetAttribute(LtPreference* preference, int attribute, const void* value,
                                                size_t bytes) {
  if (attribute == 1) return put(value, bytes, preference->workspace);
  if (attribute == 3) return put(value, bytes, preference->schemes);
  return attribute >= 5 && attribute <= 8 ? put(value, bytes, preference->alignments[attribute - 5]) : kInvalidValue;
}

EXPORT int cublasLtMatmulPreferenceDestroy(LtPreference* preference) {
  delete preference;
  return kSuccess;
}

/// Has nothing for an odd number of columns, as the library has nothing for some shapes.
EXPORT int cublasLtMatmulAlgoGetHeuristic(Handle* handle, const LtProduct* product, const LtMatrix* a,
                                          const LtMatrix* b, const LtMatrix* c, const LtMatrix* d,
                                          const LtPreference* preference, int wanted, LtChoice* choices, int* found) {
  *found = 0;
  if (handle == nullptr) return kNotInitialised;
  if (wanted < 1 || !go_together(*product, *a, *b, *c, *d)) return kInvalidValue;
  // Sums that are added in place have no order that anything promises.
  if ((preference->schemes & 1) != 0 || d->rows % 2 == 1) return kNotSupported;
  const bool biased = product->epilogue == 4;
  if (biased && product->bias == nullptr) return kInvalidValue;
  *choices = {};
  choices->workspace = choices->algorithm.workspace = preference->workspace;
  for (int i = 0; i < 4; ++i)
    choices->algorithm.alignments |= uint64_t{preference->alignments[i] - 1} << (8 * i);  // 256 at most
  const auto address = reinterpret_cast<uintptr_t>(product->bias);
  choices->algorithm.bias_alignment = biased ? std::min<uint64_t>(256, address & (~address + 1)) : 1;
  choices->algorithm.mark = kMark + static_cast<uint64_t>(d->rows * 31 + d->columns);
  *found = 1;
  return kSuccess;
}

EXPORT int cublasLtMatmul(Handle* handle, const LtProduct* product, const void* alpha, const void* a,
                          const LtMatrix* a_matrix, const void* b, const LtMatrix* b_matrix, const void* beta,
                          const void* c, const LtMatrix* c_matrix, void* d, const LtMatrix* d_matrix,
                          const LtAlgorithm* algorithm, void* workspace, size_t workspace_bytes, cudaStream_t stream) {
  if (handle == nullptr || stream == nullptr) return kNotInitialised;
  if (!go_together(*product, *a_matrix, *b_matrix, *c_matrix, *d_matrix) || algorithm == nullptr ||
      algorithm->mark != kMark + static_cast<uint64_t>(d_matrix->rows * 31 + d_matrix->columns) ||
      workspace_bytes < algorithm->workspace || !aligned(workspace, 256))
    return kInvalidValue;
  const void* places[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    if (!aligned(places[i], (algorithm->alignments >> (8 * i) & 255) + 1)) return kInvalidValue;
  const bool biased = product->epilogue == 4;
  if (biased && (product->bias == nullptr || !aligned(product->bias, algorithm->bias_alignment))) return kInvalidValue;
  ++begun;
  const bool across = product->transposed[0] == 1;
  queue_product(stream, static_cast<int>(d_matrix->rows), static_cast<int>(d_matrix->columns),
                static_cast<int>(across ? a_matrix->rows : a_matrix->columns), *static_cast<const float*>(alpha),
                {a, kBfloat16, static_cast<int>(a_matrix->stride), across},
                {b, kBfloat16, static_cast<int>(b_matrix->stride), product->transposed[1] == 1},
                *static_cast<const float*>(beta), static_cast<const float*>(c), c_matrix->stride,
                biased ? product->bias : nullptr, static_cast<float*>(d), d_matrix->stride);
  return kSuccess;
}

/// For tests: how many products were computed here.
EXPORT int64_t emulated_cublas_products() {
  return products;
}

EXPORT int64_t emulated_cublas_begun() {
  return begun;
}

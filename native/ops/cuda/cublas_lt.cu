#include "ops/cuda/cublas_lt.h"

#include <dlfcn.h>

#include <algorithm>

#include "ops/cuda/cublas.h"
#include "tensor/error.h"

namespace plumb::cuda {
namespace {

// cublasLt.h and library_types.h; the same numbers from CUDA 11 to 13.
constexpr int kFloat32 = 0;
constexpr int kBfloat16 = 14;
constexpr int kCompute32 = 68;
constexpr int kTransposeA = 3;
constexpr int kTransposeB = 4;
constexpr int kEpilogue = 7;
constexpr int kBiasPointer = 8;
constexpr int kEpilogueOfBias = 4;
constexpr int kWorkspaceBytes = 1;
constexpr int kReductionSchemes = 3;
constexpr uint32_t kReductionInWorkspace = 2;
constexpr int kAlignmentOfA = 5;  // of b, c and d behind it
constexpr int kAllocationFailed = 3;
constexpr size_t kMostPlans = 256;

/// cublasLtMatmulHeuristicResult_t.
struct Choice {
  uint64_t algorithm[8];
  size_t workspace_bytes;
  int status;
  float waves;
  int reserved[4];
};

/// The largest that the library asks of any pointer is 256 bytes.
int64_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  return static_cast<int64_t>(std::min<uintptr_t>(256, address & (~address + 1)));
}

template <typename Function>
bool take(void* file, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(file, name));
  return function != nullptr;
}

}  // namespace

std::unique_ptr<const CublasLtLibrary> CublasLtLibrary::of(void* file) {
  auto library = std::make_unique<CublasLtLibrary>();
  const bool all = take(file, "cublasLtMatmulDescCreate", library->describe) &&
                   take(file, "cublasLtMatmulDescSetAttribute", library->describe_more) &&
                   take(file, "cublasLtMatmulDescDestroy", library->forget) &&
                   take(file, "cublasLtMatrixLayoutCreate", library->describe_matrix) &&
                   take(file, "cublasLtMatrixLayoutDestroy", library->forget_matrix) &&
                   take(file, "cublasLtMatmulPreferenceCreate", library->prefer) &&
                   take(file, "cublasLtMatmulPreferenceSetAttribute", library->prefer_more) &&
                   take(file, "cublasLtMatmulPreferenceDestroy", library->forget_preference) &&
                   take(file, "cublasLtMatmulAlgoGetHeuristic", library->choose) &&
                   take(file, "cublasLtMatmul", library->multiply);
  return all ? std::move(library) : nullptr;
}

/// How the library computes one shape; `usable` false: not at all.
struct CublasLt::Plan {
  explicit Plan(const CublasLtLibrary& library_in) : library(library_in) {}
  ~Plan() {
    for (void* matrix : {a, b, c, d})
      if (matrix != nullptr) library.forget_matrix(matrix);
    if (product != nullptr) library.forget(product);
    if (preference != nullptr) library.forget_preference(preference);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const CublasLtLibrary& library;
  void* product = nullptr;
  void* a = nullptr;
  void* b = nullptr;
  void* c = nullptr;
  void* d = nullptr;
  void* preference = nullptr;
  Choice choice{};
  bool usable = false;
};

CublasLt::CublasLt(const CublasLtLibrary& library, void* handle, cudaStream_t stream, void* workspace, size_t bytes)
    : library_(library), handle_(handle), stream_(stream), workspace_(workspace), workspace_bytes_(bytes) {}

CublasLt::~CublasLt() = default;

std::unique_ptr<CublasLt::Plan> CublasLt::plan_of(const Product& p, const Key& key) const {
  auto plan = std::make_unique<Plan>(library_);
  // It goes down columns: it sees each matrix transposed, and cᵀ = op(b)ᵀ op(a)ᵀ.
  const auto matrix = [&](void** to, int type, int64_t rows, int64_t columns, int64_t stride) {
    return library_.describe_matrix(to, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), stride) == 0;
  };
  const auto factor = [&](void** to, const Factor& f, int64_t rows, int64_t columns) {
    return matrix(to, kBfloat16, f.transposed ? columns : rows, f.transposed ? rows : columns, f.stride);
  };
  const auto say = [&](int attribute, auto value) {
    return library_.describe_more(plan->product, attribute, &value, sizeof value) == 0;
  };
  const auto prefer = [&](int attribute, auto value) {
    return library_.prefer_more(plan->preference, attribute, &value, sizeof value) == 0;
  };
  const int64_t c_stride = p.residual == nullptr ? p.c_stride : p.residual_stride;
  bool described = library_.describe(&plan->product, kCompute32, kFloat32) == 0 &&
                   library_.prefer(&plan->preference) == 0 && factor(&plan->a, p.b, p.n, p.k) &&
                   factor(&plan->b, p.a, p.k, p.m) && matrix(&plan->c, kFloat32, p.n, p.m, c_stride) &&
                   matrix(&plan->d, kFloat32, p.n, p.m, p.c_stride) && say(kTransposeA, int32_t{p.b.transposed}) &&
                   say(kTransposeB, int32_t{p.a.transposed}) && prefer(kWorkspaceBytes, uint64_t{workspace_bytes_}) &&
                   prefer(kReductionSchemes, kReductionInWorkspace);
  if (described && p.bias != nullptr)
    described = say(kEpilogue, int32_t{kEpilogueOfBias}) && say(kBiasPointer, static_cast<const void*>(p.bias));
  for (int i = 0; i < 4 && described; ++i)
    described = prefer(kAlignmentOfA + i, static_cast<uint32_t>(key[key.size() - 5 + static_cast<size_t>(i)]));
  int found = 0;
  plan->usable = described &&
                 library_.choose(handle_, plan->product, plan->a, plan->b, plan->c, plan->d, plan->preference, 1,
                                 &plan->choice, &found) == 0 &&
                 found == 1 && plan->choice.status == 0;
  return plan;
}

bool CublasLt::multiply(const Product& p, const char* (*status_string)(int)) {
  // Where there is no residual, the sums begin at zero and `c` is not read.
  const float* c = p.residual == nullptr ? p.c : p.residual;
  const Key key = {p.m,
                   p.n,
                   p.k,
                   p.a.stride,
                   p.b.stride,
                   p.c_stride,
                   p.residual == nullptr ? 0 : p.residual_stride,
                   int64_t{p.a.transposed},
                   int64_t{p.b.transposed},
                   int64_t{p.bias != nullptr},
                   alignment_of(p.b.data),
                   alignment_of(p.a.data),
                   alignment_of(c),
                   alignment_of(p.c),
                   p.bias == nullptr ? 0 : alignment_of(p.bias)};
  auto place = plans_.find(key);
  if (place == plans_.end()) {
    if (plans_.size() >= kMostPlans) plans_.clear();
    place = plans_.emplace(key, plan_of(p, key)).first;
  }
  const Plan& plan = *place->second;
  if (!plan.usable) return false;
  if (p.bias != nullptr &&
      library_.describe_more(plan.product, kBiasPointer, static_cast<const void*>(&p.bias), sizeof p.bias) != 0)
    return false;
  const float beta = p.residual == nullptr ? 0.0f : 1.0f;
  const int status =
      library_.multiply(handle_, plan.product, &p.alpha, p.b.data, plan.a, p.a.data, plan.b, &beta, c, plan.c, p.c,
                        plan.d, plan.choice.algorithm, workspace_, workspace_bytes_, stream_);
  if (status != 0)
    fail(status == kAllocationFailed ? "out-of-memory" : "device",
         std::string("GPU: product: cuBLAS says: ") + status_string(status));
  return true;
}

}  // namespace plumb::cuda

#pragma once
#include <cstdint>
#include <memory>

#include "ops/weights.h"
#include "tensor/buffer.h"

namespace plumb {

/// Matrix products of linear maps, in float32 or with both factors rounded to bfloat16 and sums in float32.
/// One object a thread of control; products run on `threads` threads of that thread's OpenMP team.
class Products {
 public:
  Products(Precision precision, int threads);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  Precision precision() const { return precision_; }

  /// Results are written in whole groups of Device::kRowStep rows where factors are bfloat16.
  /// y[m, out] = x[m, in] · Wᵀ, added to y where `add`.
  void forward(ConstMatrix x, const Weights& w, Matrix y, bool add);
  /// dx[m, in] = dy[m, out] · W, added to dx where `add`.
  void backward(ConstMatrix dy, const Weights& w, Matrix dx, bool add);
  /// dw[out, in] += dyᵀ · x of dy [m, out] and x [m, in], with factors in bfloat16.
  void gradient(ConstMatrix dy, ConstMatrix x, Matrix dw);

 private:
  struct BfloatProducts;
  Precision precision_;
  int threads_;
  std::unique_ptr<BfloatProducts> bfloat_;
};

/// The float32 product of small blocks inside a parallel region: c = alpha * op(a) · op(b) + beta * c, row-major,
/// op(a) is [m, k] and op(b) is [k, n].
void block_product(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                   int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);

/// Holds the library of products to what PLUMB_MAX_ISA allows. Has an effect before the first product only.
void limit_products_isa();

}  // namespace plumb

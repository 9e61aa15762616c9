#pragma once
#include <cstdint>

#include "ops/adam.h"
#include "tensor/element_type.h"

/// Row kernels: plain loops, compiled once for each instruction set and chosen at run time. One thread, no allocation.
/// The body stands in kernels_body.h; what runs in parallel over rows stands in the ops beside it.
namespace plumb {

struct Kernels {
  const char* name;

  /// dst[i] = value of element i. `count` is a multiple of the type's block; src need not be aligned.
  void (*dequantize)(ElementType type, const uint8_t* src, float* dst, int64_t count);
  /// Round to nearest even.
  void (*to_bf16)(const float* src, uint16_t* dst, int64_t count);

  /// out = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + epsilon). Returns rstd.
  float (*rms_norm)(const float* x, const float* weight, float epsilon, float* out, int64_t n);
  /// Adds the gradient of x to dx.
  void (*rms_norm_backward)(const float* x, const float* weight, float rstd, const float* dy, float* dx, int64_t n);

  /// Turns each head's halves (x1, x2) into (x1 cos - x2 sin, x2 cos + x1 sin); `turn` -1 turns back.
  void (*rotate)(float* row, int64_t heads, int64_t head_size, const float* cosine, const float* sine, float turn);

  /// out = silu(gate) * up.
  void (*swiglu)(const float* gate, const float* up, float* out, int64_t n);
  /// gate and up become their own gradients.
  void (*swiglu_backward)(float* gate, float* up, const float* dout, int64_t n);

  /// s[0, visible) becomes its softmax, the rest up to `total` 0. Returns log(sum(exp(s))).
  float (*softmax)(float* s, int64_t visible, int64_t total);
  /// s[0, visible) becomes exp(s - logsum), the rest 0.
  void (*probabilities)(float* s, int64_t visible, int64_t total, float logsum);
  /// ds (holding dP) becomes P * (dP - sum(P * dP)).
  void (*softmax_backward)(const float* p, float* ds, int64_t n);

  float (*dot)(const float* a, const float* b, int64_t n);
  /// Sum of x[i]^2, in double precision.
  double (*squares)(const float* x, int64_t n);
  /// y += a * x.
  void (*axpy)(float a, const float* x, float* y, int64_t n);
  /// out[c] += sum over rows of y[r, c].
  void (*column_sum)(const float* y, int64_t rows, int64_t stride, int64_t cols, float* out);
  void (*adam)(const AdamConstants& c, const float* gradient, float* m, float* v, float* parameter, int64_t n);
};

/// What this processor can run; environment variable PLUMB_MAX_ISA=generic|avx2|avx512 caps it (tests).
const Kernels& kernels();

struct CpuFeatures {
  bool avx2;
  bool avx512;
  bool avx512_bf16;
};
CpuFeatures cpu_features();

}  // namespace plumb

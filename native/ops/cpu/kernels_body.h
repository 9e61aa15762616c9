// Compiled once for each instruction set: the including file defines PLUMB_ISA (a namespace) and sets the flags.
// Only plain C and static functions here: an inline library function compiled with these flags could be picked by the
// linker for code that must run everywhere.
#ifdef __F16C__
#include <immintrin.h>  // its functions are always inlined, and so never meet the linker
#endif

#include <cstring>

#include "ops/cpu/kernels.h"

namespace plumb {
namespace PLUMB_ISA {
namespace {

inline float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint32_t to_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// exp in float32 to about 1 ulp: range reduction by ln 2 in two parts, polynomial of degree 6 (coefficients of Cephes
// expf, S. Moshier). Underflows to 0 below -87.3.
inline float exponential(float x) {
  const float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  float clamped = x < -87.33654f ? -87.33654f : x;
  clamped = clamped > 88.37f ? 88.37f : clamped;
  const float shifted = clamped * 1.44269504f + kMagic;
  const float n = shifted - kMagic;
  float r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const uint32_t exponent = (to_bits(shifted) - 0x4B400000u + 127u) << 23;
  const float result = p * from_bits(exponent);
  return x < -87.33654f ? 0.0f : result;
}

inline float from_half(uint16_t h) {
#ifdef __F16C__
  return _cvtsh_ss(h);
#else
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t rest = h & 0x7FFFu;
  // Shift exponent and mantissa into place and correct the exponent's bias by a product, which handles subnormals.
  float value = from_bits(rest << 13) * from_bits(0x77800000u);  // 2^112
  const uint32_t special = rest >= 0x7C00u ? 0x7F800000u | (rest << 13) : 0u;
  return from_bits(sign | (special != 0u ? special : to_bits(value)));
#endif
}

inline uint16_t load16(const uint8_t* p) {
  uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline uint32_t load32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

void halves(const uint8_t* src, float* dst, int64_t count) {
  int64_t i = 0;
#ifdef __F16C__
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src + 2 * i))));
#endif
  for (; i < count; ++i) dst[i] = from_half(load16(src + 2 * i));
}

// One block of each type into dst, as GGUF lays it out (ggml-common.h, gguf.quants): d and m are half precision; all
// products are exact in float32, so what is rounded is the one sum with the minimum, fused or not.

inline void block_q8_0(const uint8_t* src, float* dst) {
  const float d = from_half(load16(src));
  const int8_t* q = reinterpret_cast<const int8_t*>(src + 2);
#pragma omp simd
  for (int i = 0; i < 32; ++i) dst[i] = d * static_cast<float>(q[i]);
}

inline void block_q4_0(const uint8_t* src, float* dst) {
  const float d = from_half(load16(src));
  const uint8_t* q = src + 2;
#pragma omp simd
  for (int i = 0; i < 16; ++i) {
    dst[i] = d * static_cast<float>((q[i] & 15) - 8);
    dst[i + 16] = d * static_cast<float>((q[i] >> 4) - 8);
  }
}

inline void block_q4_1(const uint8_t* src, float* dst) {
  const float d = from_half(load16(src));
  const float m = from_half(load16(src + 2));
  const uint8_t* q = src + 4;
#pragma omp simd
  for (int i = 0; i < 16; ++i) {
    dst[i] = d * static_cast<float>(q[i] & 15) + m;
    dst[i + 16] = d * static_cast<float>(q[i] >> 4) + m;
  }
}

// The fifth bits of all 32 elements stand in one word.
inline int fifth(uint32_t bits, int i) {
  return static_cast<int>(bits >> i & 1u) << 4;
}

inline void block_q5_0(const uint8_t* src, float* dst) {
  const float d = from_half(load16(src));
  const uint32_t bits = load32(src + 2);
  const uint8_t* q = src + 6;
#pragma omp simd
  for (int i = 0; i < 16; ++i) {
    dst[i] = d * static_cast<float>(((q[i] & 15) | fifth(bits, i)) - 16);
    dst[i + 16] = d * static_cast<float>((q[i] >> 4 | fifth(bits, i + 16)) - 16);
  }
}

inline void block_q5_1(const uint8_t* src, float* dst) {
  const float d = from_half(load16(src));
  const float m = from_half(load16(src + 2));
  const uint32_t bits = load32(src + 4);
  const uint8_t* q = src + 8;
#pragma omp simd
  for (int i = 0; i < 16; ++i) {
    dst[i] = d * static_cast<float>((q[i] & 15) | fifth(bits, i)) + m;
    dst[i + 16] = d * static_cast<float>(q[i] >> 4 | fifth(bits, i + 16)) + m;
  }
}

inline void block_iq4_nl(const uint8_t* src, float* dst) {
  static const float kValues[16] = {-127.0f, -104.0f, -83.0f, -65.0f, -49.0f, -35.0f, -22.0f, -10.0f,
                                    1.0f,    13.0f,   25.0f,  38.0f,  53.0f,  69.0f,  89.0f,  113.0f};
  const float d = from_half(load16(src));
  const uint8_t* q = src + 2;
  for (int i = 0; i < 16; ++i) {
    dst[i] = d * kValues[q[i] & 15];
    dst[i + 16] = d * kValues[q[i] >> 4];
  }
}

// 16 groups of 16: scale and minimum are the halves of a byte.
inline void block_q2_k(const uint8_t* src, float* dst) {
  const uint8_t* q = src + 16;
  const float d = from_half(load16(src + 80));
  const float least = from_half(load16(src + 82));
  for (int group = 0; group < 16; ++group) {
    const float scale = d * static_cast<float>(src[group] & 15);
    const float m = least * static_cast<float>(src[group] >> 4);
    const uint8_t* part = q + 32 * (group / 8) + 16 * (group % 2);
    const int shift = 2 * (group / 2 % 4);
#pragma omp simd
    for (int i = 0; i < 16; ++i) dst[16 * group + i] = scale * static_cast<float>(part[i] >> shift & 3) - m;
  }
}

// 16 groups of 16: scales of 6 bits, four low bits in the first eight bytes, two high ones in the last four; the third
// bit of an element stands in a mask of its own, and is set where 4 is not to be taken off.
inline void block_q3_k(const uint8_t* src, float* dst) {
  const uint8_t* mask = src;
  const uint8_t* q = src + 32;
  const uint8_t* packed = src + 96;
  const float d = from_half(load16(src + 108));
  for (int group = 0; group < 16; ++group) {
    const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
    const int high = packed[8 + group % 4] >> (2 * (group / 4)) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    const int first = 16 * (group % 2);
    const uint8_t* part = q + 32 * (group / 8) + first;
    const int shift = 2 * (group / 2 % 4);
    const int bit = group / 2;
#pragma omp simd
    for (int i = 0; i < 16; ++i) {
      const int value = (part[i] >> shift & 3) - ((mask[first + i] >> bit & 1) != 0 ? 0 : 4);
      dst[16 * group + i] = scale * static_cast<float>(value);
    }
  }
}

struct ScaleAndMinimum {
  float scale, minimum;
};

// Eight scales and eight minima of 6 bits in twelve bytes (q4_k, q5_k).
inline ScaleAndMinimum packed_scale(const uint8_t* packed, int group) {
  if (group < 4) return {static_cast<float>(packed[group] & 63), static_cast<float>(packed[group + 4] & 63)};
  return {static_cast<float>((packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4),
          static_cast<float>(packed[group + 4] >> 4 | (packed[group] >> 6) << 4)};
}

// 8 groups of 32.
inline void block_q4_k(const uint8_t* src, float* dst) {
  const float d = from_half(load16(src));
  const float least = from_half(load16(src + 2));
  for (int group = 0; group < 8; ++group) {
    const ScaleAndMinimum packed = packed_scale(src + 4, group);
    const float scale = d * packed.scale;
    const float m = least * packed.minimum;
    const uint8_t* part = src + 16 + 32 * (group / 2);
    const int shift = 4 * (group % 2);
#pragma omp simd
    for (int i = 0; i < 32; ++i) dst[32 * group + i] = scale * static_cast<float>(part[i] >> shift & 15) - m;
  }
}

inline void block_q5_k(const uint8_t* src, float* dst) {
  const float d = from_half(load16(src));
  const float least = from_half(load16(src + 2));
  const uint8_t* high = src + 16;
  for (int group = 0; group < 8; ++group) {
    const ScaleAndMinimum packed = packed_scale(src + 4, group);
    const float scale = d * packed.scale;
    const float m = least * packed.minimum;
    const uint8_t* part = src + 48 + 32 * (group / 2);
    const int shift = 4 * (group % 2);
#pragma omp simd
    for (int i = 0; i < 32; ++i) {
      const int value = (part[i] >> shift & 15) | (high[i] >> group & 1) << 4;
      dst[32 * group + i] = scale * static_cast<float>(value) - m;
    }
  }
}

// 16 groups of 16: four low bits, two high bits, scales of a byte.
inline void block_q6_k(const uint8_t* src, float* dst) {
  const float d = from_half(load16(src + 208));
  const int8_t* scales = reinterpret_cast<const int8_t*>(src + 192);
  for (int group = 0; group < 16; ++group) {
    const float scale = d * static_cast<float>(scales[group]);
    const int quarter = group / 2 % 4;
    const int first = 16 * (group % 2);
    const uint8_t* low = src + 64 * (group / 8) + 32 * (quarter % 2) + first;
    const uint8_t* high = src + 128 + 32 * (group / 8) + first;
#pragma omp simd
    for (int i = 0; i < 16; ++i) {
      const int value = (low[i] >> (4 * (quarter / 2)) & 15) | (high[i] >> (2 * quarter) & 3) << 4;
      dst[16 * group + i] = scale * static_cast<float>(value - 32);
    }
  }
}

// The function is a parameter of the template, so that it stands inside the loop.
template <void (*block)(const uint8_t*, float*)>
inline void each_block(int64_t elements, int64_t bytes, const uint8_t* src, float* dst, int64_t count) {
  for (int64_t i = 0; i < count; i += elements, src += bytes) block(src, dst + i);
}

void dequantize(ElementType type, const uint8_t* src, float* dst, int64_t count) {
  switch (type) {
    case ElementType::f32:
      std::memcpy(dst, src, static_cast<size_t>(count) * sizeof(float));
      break;
    case ElementType::f16:
      return halves(src, dst, count);
    case ElementType::bf16:
      for (int64_t i = 0; i < count; ++i) dst[i] = from_bits(static_cast<uint32_t>(load16(src + 2 * i)) << 16);
      break;
    case ElementType::q8_0:
      return each_block<block_q8_0>(32, 34, src, dst, count);
    case ElementType::q4_0:
      return each_block<block_q4_0>(32, 18, src, dst, count);
    case ElementType::q4_1:
      return each_block<block_q4_1>(32, 20, src, dst, count);
    case ElementType::q5_0:
      return each_block<block_q5_0>(32, 22, src, dst, count);
    case ElementType::q5_1:
      return each_block<block_q5_1>(32, 24, src, dst, count);
    case ElementType::iq4_nl:
      return each_block<block_iq4_nl>(32, 18, src, dst, count);
    case ElementType::q2_k:
      return each_block<block_q2_k>(256, 84, src, dst, count);
    case ElementType::q3_k:
      return each_block<block_q3_k>(256, 110, src, dst, count);
    case ElementType::q4_k:
      return each_block<block_q4_k>(256, 144, src, dst, count);
    case ElementType::q5_k:
      return each_block<block_q5_k>(256, 176, src, dst, count);
    case ElementType::q6_k:
      return each_block<block_q6_k>(256, 210, src, dst, count);
  }
}

void to_bf16(const float* src, uint16_t* dst, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = to_bits(src[i]);
    const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    const uint32_t nan = (bits >> 16) | 0x40u;
    dst[i] = static_cast<uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? nan : rounded);
  }
}

float rms_norm(const float* x, const float* weight, float epsilon, float* out, int64_t n) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  const float rstd = 1.0f / __builtin_sqrtf(sum / static_cast<float>(n) + epsilon);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] * rstd * weight[i];
  return rstd;
}

void rms_norm_backward(const float* x, const float* weight, float rstd, const float* dy, float* dx, int64_t n) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += weight[i] * dy[i] * x[i];
  const float pull = sum * rstd * rstd * rstd / static_cast<float>(n);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] += rstd * weight[i] * dy[i] - pull * x[i];
}

void rotate(float* row, int64_t heads, int64_t head_size, const float* cosine, const float* sine, float turn) {
  const int64_t half = head_size / 2;
  for (int64_t h = 0; h < heads; ++h) {
    float* first = row + h * head_size;
    float* second = first + half;
#pragma omp simd
    for (int64_t i = 0; i < half; ++i) {
      const float a = first[i];
      const float b = second[i];
      const float s = sine[i] * turn;
      first[i] = a * cosine[i] - b * s;
      second[i] = b * cosine[i] + a * s;
    }
  }
}

void swiglu(const float* gate, const float* up, float* out, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0f + exponential(-gate[i])) * up[i];
}

void swiglu_backward(float* gate, float* up, const float* dout, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float g = gate[i];
    const float sigmoid = 1.0f / (1.0f + exponential(-g));
    const float silu = g * sigmoid;
    const float d = dout[i];
    gate[i] = d * up[i] * (sigmoid + silu * (1.0f - sigmoid));
    up[i] = d * silu;
  }
}

float softmax(float* s, int64_t visible, int64_t total) {
  float top = s[0];
#pragma omp simd reduction(max : top)
  for (int64_t i = 0; i < visible; ++i) top = s[i] > top ? s[i] : top;
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < visible; ++i) {
    const float e = exponential(s[i] - top);
    s[i] = e;
    sum += e;
  }
  const float inverse = 1.0f / sum;
#pragma omp simd
  for (int64_t i = 0; i < visible; ++i) s[i] *= inverse;
  for (int64_t i = visible; i < total; ++i) s[i] = 0.0f;
  return top + __builtin_logf(sum);
}

void probabilities(float* s, int64_t visible, int64_t total, float logsum) {
#pragma omp simd
  for (int64_t i = 0; i < visible; ++i) s[i] = exponential(s[i] - logsum);
  for (int64_t i = visible; i < total; ++i) s[i] = 0.0f;
}

void softmax_backward(const float* p, float* ds, int64_t n) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += p[i] * ds[i];
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) ds[i] = p[i] * (ds[i] - sum);
}

float dot(const float* a, const float* b, int64_t n) {
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

double squares(const float* x, int64_t n) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

void axpy(float a, const float* x, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}

void column_sum(const float* y, int64_t rows, int64_t stride, int64_t cols, float* out) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = y + r * stride;
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) out[c] += row[c];
  }
}

void adam(const AdamConstants& c, const float* gradient, float* m, float* v, float* parameter, int64_t n) {
  const float step = c.rate / c.correction1;
  const float root = 1.0f / __builtin_sqrtf(c.correction2);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * c.scale;
    m[i] = c.beta1 * m[i] + c.rest1 * g;
    v[i] = c.beta2 * v[i] + c.rest2 * g * g;
    parameter[i] = parameter[i] * c.decay - step * m[i] / (__builtin_sqrtf(v[i]) * root + c.epsilon);
  }
}

}  // namespace

extern const Kernels table;
const Kernels table = {
    PLUMB_ISA_NAME, dequantize,    to_bf16,          rms_norm, rms_norm_backward, rotate, swiglu,     swiglu_backward,
    softmax,        probabilities, softmax_backward, dot,      squares,           axpy,   column_sum, adam};

}  // namespace PLUMB_ISA
}  // namespace plumb

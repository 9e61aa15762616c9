#pragma once
#include <array>
#include <cstdint>

#include "ops/cpu/kernels.h"
#include "tensor/buffer.h"

namespace plumb {

/// 256 numbers in [-1, 1] or [0, 1], dense near 0: an exponent of as many bits as it needs, and a fraction of those
/// that are left (Dettmers and others, 8-bit optimizers via block-wise quantization, 2022).
class DynamicMap {
 public:
  explicit DynamicMap(bool has_sign);
  float value(uint8_t code) const { return values_[code]; }
  /// The code whose value is nearest to x, |x| <= 1.
  uint8_t nearest(float x) const;

 private:
  /// Numbers with the same sign, exponent and first bits of the fraction share a bucket; no two middles lie in one.
  static constexpr int kFractionBits = 8;
  static constexpr int kExponents = 24;  ///< below 2^-24 everything is nearest to 0
  static constexpr int32_t kBuckets = (kExponents << kFractionBits) + 1;

  std::array<float, 256> values_{};
  std::array<float, 256> middles_{};  ///< between a value and the next one
  std::array<uint8_t, 2 * kBuckets> lowest_{};
};

/// Both moments of Adam in a byte each, in blocks of 256 with a scale of their own.
class Moments8 {
 public:
  static constexpr int64_t kBlock = 256;

  /// Room for tensors of these sizes together; each begins with a block of its own.
  void resize(int64_t values);
  static int64_t blocks(int64_t size) { return (size + kBlock - 1) / kBlock; }

  /// One step over a tensor of `size` whose first block is `block`.
  void step(const Kernels& kernel, const AdamConstants& constants, const float* gradient, float* parameter,
            int64_t block, int64_t size, int threads);

  Buffer<uint8_t> first, second;
  Buffer<float> first_scale, second_scale;
};

}  // namespace plumb

#pragma once
#include <array>
#include <cstdint>

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

/// What the codes of Adam's moments mean, times their block's scale.
const DynamicMap& first_moment_map();
const DynamicMap& second_moment_map();

}  // namespace plumb

#pragma once
#include <array>
#include <cstdint>

namespace plumb {

/// The numbers that the 256 codes mean, ascending.
struct DynamicValues {
  float of[256] = {};
};

/// 256 numbers in [-1, 1] or [0, 1], dense near 0: an exponent of as many bits as it needs, and a fraction of those
/// that are left (Dettmers and others, 8-bit optimizers via block-wise quantization, 2022).
constexpr DynamicValues dynamic_values(bool has_sign) {
  DynamicValues values;
  // For each decade, the middles of equal parts of [0.1, 1]: twice as many as in the decade below. They ascend.
  constexpr double kDecades[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
  int above = has_sign ? 128 : 1;  // the first code above that of 0
  const int zero = above - 1;
  int parts = has_sign ? 1 : 2;
  for (const double decade : kDecades) {
    for (int part = 0; part < parts; ++part) {
      const double middle = (0.1 + 0.9 * (part + 0.5) / parts) * decade;
      if (has_sign) values.of[2 * zero - above] = static_cast<float>(-middle);
      values.of[above++] = static_cast<float>(middle);
    }
    parts *= 2;
  }
  values.of[above] = 1;
  return values;
}

/// dynamic_values(), and the way back.
class DynamicMap {
 public:
  explicit DynamicMap(bool has_sign);
  float value(uint8_t code) const { return values_.of[code]; }
  /// The code whose value is nearest to x, |x| <= 1.
  uint8_t nearest(float x) const;

 private:
  /// Numbers with the same sign, exponent and first bits of the fraction share a bucket; no two middles lie in one.
  static constexpr int kFractionBits = 8;
  static constexpr int kExponents = 24;  ///< below 2^-24 everything is nearest to 0
  static constexpr int32_t kBuckets = (kExponents << kFractionBits) + 1;

  DynamicValues values_;
  std::array<float, 256> middles_{};  ///< between a value and the next one
  std::array<uint8_t, 2 * kBuckets> lowest_{};
};

/// What the codes of Adam's moments mean, times their block's scale.
const DynamicMap& first_moment_map();
const DynamicMap& second_moment_map();

}  // namespace plumb

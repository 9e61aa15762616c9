#include "ops/dynamic_map.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace plumb {

DynamicMap::DynamicMap(bool has_sign) {
  size_t count = 0;
  // For each decade, the middles of equal parts of [0.1, 1]: twice as many as in the decade below.
  constexpr int kDecades = 7;
  for (int decade = 0; decade < kDecades; ++decade) {
    const int parts = 1 << (has_sign ? decade : decade + 1);
    for (int part = 0; part < parts; ++part) {
      const double middle = (0.1 + 0.9 * (part + 0.5) / parts) * std::pow(10.0, decade + 1 - kDecades);
      values_[count++] = static_cast<float>(middle);
      if (has_sign) values_[count++] = static_cast<float>(-middle);
    }
  }
  values_[count++] = 0;
  values_[count] = 1;
  std::sort(values_.begin(), values_.end());
  for (size_t i = 0; i + 1 < values_.size(); ++i) middles_[i] = (values_[i] + values_[i + 1]) / 2;
  middles_.back() = std::numeric_limits<float>::infinity();

  const auto slowly = [&](float x) {
    return static_cast<uint8_t>(std::lower_bound(middles_.begin(), middles_.end(), x) - middles_.begin());
  };
  for (int32_t bucket = 0; bucket < kBuckets; ++bucket) {
    const auto edge = [&](int32_t at) {
      return std::ldexp(static_cast<float>((1 << kFractionBits) + at % (1 << kFractionBits)),
                        at / (1 << kFractionBits) - kExponents - kFractionBits);
    };
    lowest_[static_cast<size_t>(bucket)] = slowly(bucket == 0 ? 0 : edge(bucket));
    lowest_[static_cast<size_t>(kBuckets + bucket)] = slowly(-edge(bucket + 1));
  }
}

uint8_t DynamicMap::nearest(float x) const {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  constexpr int32_t kFirst = (127 - kExponents) << kFractionBits;
  const auto magnitude = static_cast<int32_t>((bits & 0x7fffffffU) >> (23 - kFractionBits));
  const int32_t bucket = std::clamp(magnitude - kFirst, 0, kBuckets - 1);
  const uint8_t code = lowest_[static_cast<size_t>((bits >> 31) * kBuckets + static_cast<uint32_t>(bucket))];
  return static_cast<uint8_t>(code + (x > middles_[code] ? 1 : 0));
}

const DynamicMap& first_moment_map() {
  static const DynamicMap map(true);
  return map;
}

const DynamicMap& second_moment_map() {
  static const DynamicMap map(false);
  return map;
}

}  // namespace plumb

#include "ops/dynamic_map.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace plumb {

DynamicMap::DynamicMap(bool has_sign) : values_(dynamic_values(has_sign)) {
  for (size_t i = 0; i < 255; ++i) middles_[i] = (values_.of[i] + values_.of[i + 1]) / 2;
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

#include "train/moments8.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "ops/parallel.h"

namespace plumb {
namespace {

const DynamicMap& first_map() {
  static const DynamicMap map(true);
  return map;
}

const DynamicMap& second_map() {
  static const DynamicMap map(false);
  return map;
}

/// Code of the smallest value above 0.
constexpr uint8_t kLeastSecond = 1;

float largest(const float* values, int64_t count) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) most = std::max(most, std::abs(values[i]));
  return most;
}

}  // namespace

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

void Moments8::resize(int64_t values) {
  first.resize(values);
  second.resize(values);
  first_scale.resize(blocks(values));
  second_scale.resize(blocks(values));
  // A scale of 0 makes any code a 0; the codes are set so that equal states have equal bytes.
  std::fill_n(first.data(), values, first_map().nearest(0));
  std::fill_n(second.data(), values, second_map().nearest(0));
  std::fill_n(first_scale.data(), first_scale.size(), 0.0f);
  std::fill_n(second_scale.data(), second_scale.size(), 0.0f);
}

void Moments8::step(const Kernels& kernel, const AdamConstants& constants, const float* gradient, float* parameter,
                    int64_t block, int64_t size, int threads) {
  const DynamicMap& signed_map = first_map();
  const DynamicMap& unsigned_map = second_map();
  parallel_ranges(threads, blocks(size), [&](int64_t begin, int64_t end) {
    std::array<float, kBlock> m;
    std::array<float, kBlock> v;
    for (int64_t b = begin; b < end; ++b) {
      const int64_t at = b * kBlock;
      const int64_t count = std::min(kBlock, size - at);
      uint8_t* m_code = first.data() + (block + b) * kBlock;
      uint8_t* v_code = second.data() + (block + b) * kBlock;
      float& m_scale = first_scale[block + b];
      float& v_scale = second_scale[block + b];
      for (int64_t i = 0; i < count; ++i) {
        m[static_cast<size_t>(i)] = signed_map.value(m_code[i]) * m_scale;
        v[static_cast<size_t>(i)] = unsigned_map.value(v_code[i]) * v_scale;
      }
      kernel.adam(constants, gradient + at, m.data(), v.data(), parameter + at, count);
      m_scale = largest(m.data(), count);
      v_scale = largest(v.data(), count);
      const float m_unit = m_scale > 0 ? m_scale : 1;
      const float v_unit = v_scale > 0 ? v_scale : 1;
      for (int64_t i = 0; i < count; ++i) {
        const float second_moment = v[static_cast<size_t>(i)];
        m_code[i] = signed_map.nearest(m[static_cast<size_t>(i)] / m_unit);
        const uint8_t code = unsigned_map.nearest(second_moment / v_unit);
        // What is divided by: rounded to 0, it would throw the parameter hundreds of rates away.
        v_code[i] = second_moment > 0 ? std::max(code, kLeastSecond) : code;
      }
    }
  });
}

}  // namespace plumb

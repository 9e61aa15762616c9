#include "ops/cpu/adam8.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ops/dynamic_map.h"
#include "ops/parallel.h"

namespace plumb {
namespace {

/// Code of the smallest value above 0.
constexpr uint8_t kLeastSecond = 1;

float largest(const float* values, int64_t count) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) most = std::max(most, std::abs(values[i]));
  return most;
}

}  // namespace

void adam8(const Kernels& kernel, const AdamConstants& constants, const float* gradient, const Moments8& moments,
           float* values, int64_t count, int threads) {
  const DynamicMap& signed_map = first_moment_map();
  const DynamicMap& unsigned_map = second_moment_map();
  parallel_ranges(threads, Moments8::blocks(count), [&](int64_t begin, int64_t end) {
    std::array<float, Moments8::kBlock> m;
    std::array<float, Moments8::kBlock> v;
    for (int64_t b = begin; b < end; ++b) {
      const int64_t at = b * Moments8::kBlock;
      const int64_t n = std::min(Moments8::kBlock, count - at);
      uint8_t* m_code = moments.first + at;
      uint8_t* v_code = moments.second + at;
      float& m_scale = moments.first_scale[b];
      float& v_scale = moments.second_scale[b];
      for (int64_t i = 0; i < n; ++i) {
        m[static_cast<size_t>(i)] = signed_map.value(m_code[i]) * m_scale;
        v[static_cast<size_t>(i)] = unsigned_map.value(v_code[i]) * v_scale;
      }
      kernel.adam(constants, gradient + at, m.data(), v.data(), values + at, n);
      m_scale = largest(m.data(), n);
      v_scale = largest(v.data(), n);
      const float m_unit = m_scale > 0 ? m_scale : 1;
      const float v_unit = v_scale > 0 ? v_scale : 1;
      for (int64_t i = 0; i < n; ++i) {
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

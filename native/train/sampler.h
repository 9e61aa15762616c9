#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tensor/error.h"

namespace plumb {

/// Picks next tokens: the likeliest at temperature 0, else at random from the smallest set of tokens whose probability
/// reaches `top_p` (Holtzman et al., The curious case of neural text degeneration, 2020). Each sequence has a random
/// stream of its own, so that what it gets does not depend on its neighbours.
class Sampler {
 public:
  Sampler(double temperature, double top_p, uint64_t seed, size_t sequences)
      : temperature_(temperature), top_p_(top_p) {
    if (!(temperature >= 0 && temperature < 1e3)) fail("argument", "generate: temperature must be 0 or more");
    if (!(top_p > 0 && top_p <= 1)) fail("argument", "generate: topP must be above 0 and at most 1");
    for (size_t i = 0; i < sequences; ++i) {
      std::seed_seq parts{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), static_cast<uint32_t>(i)};
      streams_.emplace_back(parts);
    }
  }

  int32_t pick(const float* logits, int64_t vocabulary, size_t sequence) {
    const auto best = static_cast<int32_t>(std::max_element(logits, logits + vocabulary) - logits);
    if (!std::isfinite(logits[best]))
      fail("not-finite",
           "generate: the model's outputs are not finite numbers; its adapter holds values that break it");
    if (temperature_ == 0) return best;
    const auto top = static_cast<double>(logits[best]);
    std::vector<double> weight(static_cast<size_t>(vocabulary));
    for (size_t v = 0; v < weight.size(); ++v)
      weight[v] = std::exp((static_cast<double>(logits[v]) - top) / temperature_);
    std::vector<int32_t> order(weight.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return weight[static_cast<size_t>(a)] > weight[static_cast<size_t>(b)];
    });
    const double all = std::accumulate(weight.begin(), weight.end(), 0.0);
    double kept = 0;
    size_t count = 0;
    while (count < order.size() && (count == 0 || kept < top_p_ * all))
      kept += weight[static_cast<size_t>(order[count++])];
    // 53 random bits: the standard's distributions differ between libraries.
    const uint64_t bits = (uint64_t{streams_[sequence]()} << 32 | streams_[sequence]()) >> 11;
    double left = static_cast<double>(bits) * 0x1p-53 * kept;
    for (size_t i = 0; i + 1 < count; ++i) {
      left -= weight[static_cast<size_t>(order[i])];
      if (left < 0) return order[i];
    }
    return order[count - 1];
  }

 private:
  double temperature_;
  double top_p_;
  std::vector<std::mt19937> streams_;
};

}  // namespace plumb

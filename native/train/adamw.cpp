#include "train/adamw.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/parallel.h"
#include "tensor/error.h"

namespace plumb {
namespace {

/// Summed in blocks, so that the number of threads makes no difference.
double norm(const Buffer<float>& values, int threads) {
  constexpr int64_t kBlock = 1 << 16;
  const int64_t blocks = (values.size() + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<size_t>(blocks));
  parallel_tasks(blocks > 16 ? threads : 1, blocks, [&](int64_t block, int) {
    double sum = 0;
    for (int64_t i = block * kBlock; i < std::min(values.size(), (block + 1) * kBlock); ++i)
      sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    sums[static_cast<size_t>(block)] = sum;
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return std::sqrt(sum);
}

}  // namespace

void StepOptions::check() const {
  const auto in = [](double value, double low, double high) { return value >= low && value < high; };
  for (const auto& [group, rate] : rates)
    if (!in(rate, 0, 1e3)) fail("argument", "step: the rate of \"" + group + "\" is " + std::to_string(rate));
  if (!in(max_norm, 0, 1e30)) fail("argument", "step: maxNorm is " + std::to_string(max_norm) + ", expected 0 or more");
  if (!in(beta1, 0, 1) || !in(beta2, 0, 1)) fail("argument", "step: beta1 and beta2 must be in [0, 1)");
  if (!(epsilon > 0 && epsilon < 1)) fail("argument", "step: epsilon must be between 0 and 1");
  if (!in(weight_decay, 0, 1e3)) fail("argument", "step: weightDecay must be 0 or more");
}

AdamW::AdamW(int64_t size, int threads) : kernel_(kernels()), threads_(threads), first_(size), second_(size) {
  std::fill_n(first_.data(), size, 0.0f);
  std::fill_n(second_.data(), size, 0.0f);
}

StepResult AdamW::step(Adapter& adapter, const StepOptions& options) {
  options.check();
  StepResult result;
  result.gradient_norm = norm(adapter.gradients(), threads_);
  if (std::isfinite(result.gradient_norm)) {
    ++steps;
    AdamConstants constants{};
    constants.beta1 = static_cast<float>(options.beta1);
    constants.beta2 = static_cast<float>(options.beta2);
    constants.epsilon = static_cast<float>(options.epsilon);
    constants.correction1 = static_cast<float>(1 - std::pow(options.beta1, static_cast<double>(steps)));
    constants.correction2 = static_cast<float>(1 - std::pow(options.beta2, static_cast<double>(steps)));
    const bool clip = options.max_norm > 0 && result.gradient_norm > options.max_norm;
    constants.scale = clip ? static_cast<float>(options.max_norm / result.gradient_norm) : 1.0f;
    for (const Parameter& parameter : adapter.parameters()) {
      const auto rate = options.rates.find(parameter.group);
      if (rate == options.rates.end()) continue;
      constants.rate = static_cast<float>(rate->second);
      constants.decay = static_cast<float>(1 - rate->second * options.weight_decay);
      // Waking threads for a bias costs more than moving it.
      const int threads = parameter.size > 1 << 16 ? threads_ : 1;
      parallel_ranges(threads, parameter.size, [&](int64_t begin, int64_t end) {
        const int64_t at = parameter.offset + begin;
        kernel_.adam(constants, adapter.gradients().data() + at, first_.data() + at, second_.data() + at,
                     adapter.values().data() + at, end - begin);
      });
    }
    adapter.changed();
  }
  std::fill_n(adapter.gradients().data(), adapter.size(), 0.0f);
  result.parameter_norm = norm(adapter.values(), threads_);
  return result;
}

}  // namespace plumb

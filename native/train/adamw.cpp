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

AdamW::AdamW(const Adapter& adapter, MomentBits bits, int threads) : kernel_(kernels()), threads_(threads) {
  for (const Parameter& parameter : adapter.parameters()) {
    const bool rounded = bits == MomentBits::most8 && parameter.size >= kLeastRounded && !parameter.uneven;
    places_.push_back({rounded, rounded ? rounded_blocks_ : exact_size_});
    if (rounded)
      rounded_blocks_ += Moments8::blocks(parameter.size);
    else
      exact_size_ += parameter.size;
  }
}

void AdamW::allocate() {
  if (first_.size() != exact_size_) {
    for (Buffer<float>* moment : {&first_, &second_}) {
      moment->resize(exact_size_);
      std::fill_n(moment->data(), exact_size_, 0.0f);
    }
  }
  const int64_t rounded = rounded_blocks_ * Moments8::kBlock;
  if (rounded_.first.size() != rounded) rounded_.resize(rounded);
}

std::vector<StateList> AdamW::lists() {
  allocate();
  std::vector<StateList> all = {{"first_moment", &first_}, {"second_moment", &second_}};
  if (rounded_blocks_ > 0) {
    all.push_back({"first_codes", &rounded_.first});
    all.push_back({"first_scales", &rounded_.first_scale});
    all.push_back({"second_codes", &rounded_.second});
    all.push_back({"second_scales", &rounded_.second_scale});
  }
  return all;
}

StepResult AdamW::step(Adapter& adapter, const StepOptions& options) {
  options.check();
  allocate();
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
    for (size_t p = 0; p < places_.size(); ++p) {
      const Parameter& parameter = adapter.parameters()[p];
      const Place& place = places_[p];
      const auto rate = options.rates.find(parameter.group);
      if (rate == options.rates.end()) continue;
      constants.rate = static_cast<float>(rate->second);
      constants.decay = static_cast<float>(1 - rate->second * options.weight_decay);
      // Waking threads for a bias costs more than moving it.
      const int threads = parameter.size > 1 << 16 ? threads_ : 1;
      const float* gradient = adapter.gradients().data() + parameter.offset;
      float* values = adapter.values().data() + parameter.offset;
      if (place.rounded) {
        rounded_.step(kernel_, constants, gradient, values, place.at, parameter.size, threads);
        continue;
      }
      parallel_ranges(threads, parameter.size, [&](int64_t begin, int64_t end) {
        kernel_.adam(constants, gradient + begin, first_.data() + place.at + begin, second_.data() + place.at + begin,
                     values + begin, end - begin);
      });
    }
    adapter.changed();
  }
  std::fill_n(adapter.gradients().data(), adapter.size(), 0.0f);
  result.parameter_norm = norm(adapter.values(), threads_);
  return result;
}

}  // namespace plumb

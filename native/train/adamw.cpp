#include "train/adamw.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/dynamic_map.h"
#include "tensor/error.h"

namespace plumb {
namespace {

void fill(DeviceBuffer<uint8_t>& buffer, uint8_t value) {
  constexpr int64_t kPiece = 1 << 20;
  const std::vector<uint8_t> piece(static_cast<size_t>(std::min(kPiece, buffer.size())), value);
  for (int64_t at = 0; at < buffer.size(); at += kPiece)
    buffer.write(piece.data(), std::min(kPiece, buffer.size() - at), at);
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

AdamW::AdamW(Device& device, const Adapter& adapter, MomentBits bits)
    : device_(device),
      first_(device),
      second_(device),
      first_codes_(device),
      second_codes_(device),
      first_scales_(device),
      second_scales_(device) {
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
  // The last one that is taken tells whether all are: memory may have ended between them.
  if (second_.size() != exact_size_) {
    for (DeviceBuffer<float>* moment : {&first_, &second_}) {
      moment->resize(exact_size_);
      moment->clear();
    }
  }
  const int64_t rounded = rounded_blocks_ * Moments8::kBlock;
  if (second_scales_.size() == rounded_blocks_) return;
  // A scale of 0 makes any code a 0; the codes are set so that equal states have equal bytes.
  first_codes_.resize(rounded);
  fill(first_codes_, first_moment_map().nearest(0));
  second_codes_.resize(rounded);
  fill(second_codes_, second_moment_map().nearest(0));
  for (DeviceBuffer<float>* scales : {&first_scales_, &second_scales_}) {
    scales->resize(rounded_blocks_);
    scales->clear();
  }
}

std::vector<StateList> AdamW::lists() {
  allocate();
  std::vector<StateList> all = {{"first_moment", &first_}, {"second_moment", &second_}};
  if (rounded_blocks_ > 0) {
    all.push_back({"first_codes", &first_codes_});
    all.push_back({"first_scales", &first_scales_});
    all.push_back({"second_codes", &second_codes_});
    all.push_back({"second_scales", &second_scales_});
  }
  return all;
}

StepResult AdamW::step(Adapter& adapter, const StepOptions& options) {
  options.check();
  allocate();
  StepResult result;
  result.gradient_norm = device_.norm(adapter.gradients().data(), adapter.size());
  if (std::isfinite(result.gradient_norm)) {
    ++steps;
    AdamConstants constants{};
    constants.beta1 = static_cast<float>(options.beta1);
    constants.beta2 = static_cast<float>(options.beta2);
    constants.rest1 = static_cast<float>(1 - options.beta1);
    constants.rest2 = static_cast<float>(1 - options.beta2);
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
      const float* gradient = adapter.gradients().data() + parameter.offset;
      float* values = adapter.values().data() + parameter.offset;
      if (place.rounded) {
        const int64_t code = place.at * Moments8::kBlock;
        device_.adam8(constants, gradient,
                      {first_codes_.data() + code, second_codes_.data() + code, first_scales_.data() + place.at,
                       second_scales_.data() + place.at},
                      values, parameter.size);
      } else {
        device_.adam(constants, gradient, first_.data() + place.at, second_.data() + place.at, values, parameter.size);
      }
    }
    adapter.changed();
  }
  adapter.gradients().clear();
  result.parameter_norm = device_.norm(adapter.values().data(), adapter.size());
  return result;
}

}  // namespace plumb

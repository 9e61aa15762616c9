#pragma once
#include <array>
#include <vector>

#include "adapter/adapter.h"
#include "model/config.h"
#include "ops/cpu/kernels.h"

namespace plumb {

/// P-tuning & bias: trainable vectors stand for tokens of the input, and chosen linear maps get a trainable bias,
/// R(X) = X·Wᵀ + b. With no maps it is plain prompt tuning, with no vectors it is biases alone.
/// All values start at zero: biases are then absent, prompt vectors are for the caller to fill.
class PromptBias final : public Adapter {
 public:
  PromptBias(const DecoderConfig& config, int64_t prompt_length, const std::vector<LinearMap>& biases, int threads);

  int64_t prompt_length() const override { return prompt_length_; }
  void embed(int64_t index, float* row) const override;
  void embed_backward(int64_t index, const float* drow) override;
  bool forward(Site site, ConstMatrix x, Matrix y, bool holds_value) override;
  void backward(Site site, ConstMatrix x, ConstMatrix dy, Matrix dx) override;

 private:
  static constexpr int64_t kNone = -1;
  int64_t& offset_of(Site site) { return offsets_[static_cast<size_t>(site.layer)][static_cast<size_t>(site.map)]; }

  int64_t prompt_length_;
  int64_t hidden_;
  int threads_;
  const Kernels& kernel_;
  std::vector<std::array<int64_t, kLinearMaps>> offsets_;
};

}  // namespace plumb

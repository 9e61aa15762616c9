#pragma once
#include <array>
#include <memory>
#include <vector>

#include "adapter/adapter.h"
#include "adapter/prompt_encoder.h"
#include "model/config.h"

namespace plumb {

/// Trainable vectors left and right of the text.
struct PromptSpec {
  int64_t left = 0;
  int64_t right = 0;
  EncoderKind encoder = EncoderKind::none;
};

/// P-tuning & bias: trainable vectors stand for tokens of the input, and chosen linear maps get a trainable bias,
/// R(X) = X·Wᵀ + b. With no maps it is prompt tuning (P-tuning where the vectors come from an encoder), with no vectors
/// it is biases alone. All values start at zero: biases are then absent, the prompt's are for the caller to fill.
class PromptBias final : public Adapter {
 public:
  /// Throws "argument" naming the field.
  PromptBias(Device& device, const DecoderConfig& config, const PromptSpec& prompt,
             const std::vector<LinearMap>& biases);

  int64_t prompt_length() const override { return prompt_length_; }
  void begin(bool training, uint64_t number) override;
  void end() override;
  ConstMatrix prompt() const override;
  Matrix prompt_gradient() override;
  bool forward(Site site, ConstMatrix x, Matrix y, bool holds_value) override;
  std::optional<const float*> bias(Site site) override;
  void backward(Site site, ConstMatrix x, ConstMatrix dy, Matrix dx) override;

 private:
  static constexpr int64_t kNone = -1;
  int64_t& offset_of(Site site) { return offsets_[static_cast<size_t>(site.layer)][static_cast<size_t>(site.map)]; }

  int64_t prompt_length_;  ///< left ones, then right ones
  int64_t hidden_;
  std::unique_ptr<PromptEncoder> encoder_;
  DeviceBuffer<float> vectors_, dvectors_;  ///< what the encoder makes
  std::vector<std::array<int64_t, kLinearMaps>> offsets_;
};

}  // namespace plumb

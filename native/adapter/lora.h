#pragma once
#include <array>
#include <vector>

#include "adapter/adapter.h"
#include "model/config.h"

namespace plumb {

struct LoraSpec {
  int64_t rank = 0;
  double alpha = 0;
  double dropout = 0;  ///< share of a map's inputs that a training pass keeps from the update, in [0, 1)
  std::vector<LinearMap> maps;
};

/// Low-rank updates (Hu et al., LoRA, 2021): R(X) = X·Wᵀ + (alpha / rank)·(X·Aᵀ)·Bᵀ, A [rank, in], B [out, rank], as
/// PEFT has it. All values start at zero; with B at zero the base model is unchanged, A is for the caller to draw.
class Lora final : public Adapter {
 public:
  /// Throws "argument" naming the field.
  Lora(Device& device, const DecoderConfig& config, LoraSpec spec);

  bool forward(Site site, ConstMatrix x, Matrix y, bool holds_value) override;
  void backward(Site site, ConstMatrix x, ConstMatrix dy, Matrix dx) override;
  bool reads_inputs() const override { return true; }
  void begin(bool training, uint64_t number) override {
    training_ = training;
    number_ = number;
  }

 private:
  static constexpr int64_t kNone = -1;
  int64_t offset_of(Site site) const {
    return offsets_[static_cast<size_t>(site.layer)][static_cast<size_t>(site.map)];
  }
  bool drops() const { return training_ && spec_.dropout > 0; }
  /// x; in a training pass with dropout a copy of it under the site's mask.
  ConstMatrix dropped(Site site, ConstMatrix x);
  /// What a training pass drops of the site's inputs, the same in all calls for one pass.
  Dropout dropout(Site site) const;

  LoraSpec spec_;
  float scale_;
  bool training_ = false;
  uint64_t number_ = 0;
  std::vector<std::array<int64_t, kLinearMaps>> offsets_;  ///< of A; B lies behind it
  DeviceBuffer<float> dropped_, low_, dlow_, dx_;
};

}  // namespace plumb

#pragma once
#include <array>
#include <vector>

#include "adapter/adapter.h"
#include "model/weights.h"

namespace plumb {

/// Every parameter of the model trains: embedding, norms, linear maps with the biases that it has, output head. The
/// values are float32 masters, copied from the model's files; products take them as they are, or rounded to bfloat16.
class Full final : public Adapter, public WeightSource {
 public:
  Full(Device& device, ModelWeights& base);

  bool forward(Site, ConstMatrix, Matrix, bool holds_value) override { return holds_value; }
  std::optional<const float*> bias(Site) override { return nullptr; }
  void backward(Site site, ConstMatrix x, ConstMatrix dy, Matrix dx) override;
  bool reads_inputs() const override { return true; }
  void changed() override { ++version_; }
  WeightSource* weights() override { return this; }
  Matrix embedding_gradient() override { return gradient_of(embedding_); }
  Matrix head_gradient() override { return gradient_of(head_); }
  float* norm_gradient(Norm norm, int64_t layer) override;

  const DecoderConfig& config() const override { return config_; }
  const float* attention_norm(int64_t layer) const override { return at(layers_[index(layer)].attention_norm); }
  const float* mlp_norm(int64_t layer) const override { return at(layers_[index(layer)].mlp_norm); }
  const float* final_norm() const override { return at(final_norm_); }
  const float* query_norm(int64_t layer) const override { return at(layers_[index(layer)].query_norm); }
  const float* key_norm(int64_t layer) const override { return at(layers_[index(layer)].key_norm); }
  const float* bias(int64_t layer, LinearMap map) const override {
    return at(layers_[index(layer)].biases[static_cast<size_t>(map)]);
  }
  Weights group(int64_t layer, MapGroup group) override;
  Weights head(int64_t first, int64_t count) override;
  int64_t head_block() const override { return config_.vocabulary_size; }
  Encoded embedding_table() override { return table(embedding_); }
  Encoded head_table() override { return table(head_); }

 private:
  static constexpr int64_t kNone = -1;
  struct Layer {
    int64_t attention_norm = kNone, mlp_norm = kNone, query_norm = kNone, key_norm = kNone;
    std::array<int64_t, kLinearMaps> maps{}, biases{};
  };
  /// A matrix rounded to bfloat16, and the version of the values that it was rounded from.
  struct Rounded {
    explicit Rounded(Device& device) : data(device) {}
    DeviceBuffer<uint16_t> data;
    int64_t version = -1;
  };
  static size_t index(int64_t layer) { return static_cast<size_t>(layer); }
  const float* at(int64_t offset) const { return offset == kNone ? nullptr : values().data() + offset; }
  Encoded table(int64_t offset) const {
    return {reinterpret_cast<const uint8_t*>(at(offset)), ElementType::f32, config_.vocabulary_size,
            config_.hidden_size, 0};
  }
  Matrix gradient_of(int64_t offset) {
    return {gradients().data() + offset, config_.vocabulary_size, config_.hidden_size, config_.hidden_size};
  }
  /// [rows, cols] of the values in the product's type.
  const void* product_form(int64_t offset, int64_t rows, int64_t cols, Rounded& rounded);

  DecoderConfig config_;
  int64_t version_ = 0;
  int64_t embedding_ = 0, head_ = 0, final_norm_ = 0;
  std::vector<Layer> layers_;
  std::vector<std::vector<Rounded>> rounded_;  ///< a layer's by MapGroup
  Rounded rounded_head_;
};

}  // namespace plumb

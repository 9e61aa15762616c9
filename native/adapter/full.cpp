#include "adapter/full.h"

#include <string>

namespace plumb {

Full::Full(Device& device, ModelWeights& base) : Adapter(device), config_(base.config()), rounded_head_(device) {
  const int64_t hidden = config_.hidden_size;
  const int64_t vocabulary = config_.vocabulary_size;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape, bool uneven = false) {
    add_parameter(name, std::move(shape), "full", uneven);
    return parameters().back().offset;
  };
  embedding_ = add("model.embed_tokens.weight", {vocabulary, hidden}, true);
  for (int64_t l = 0; l < config_.layer_count; ++l) {
    const std::string prefix = "model.layers." + std::to_string(l) + ".";
    Layer layer;
    layer.biases.fill(kNone);
    layer.attention_norm = add(prefix + "input_layernorm.weight", {hidden});
    // Maps of one group lie one behind the other, so that they are one matrix.
    for (int m = 0; m < kLinearMaps; ++m) {
      const auto map = static_cast<LinearMap>(m);
      layer.maps[static_cast<size_t>(m)] =
          add(prefix + names_of(map).module + ".weight", {config_.output_width(map), config_.input_width(map)});
    }
    for (int m = 0; m < kLinearMaps; ++m) {
      const auto map = static_cast<LinearMap>(m);
      if (base.bias(l, map) == nullptr) continue;
      layer.biases[static_cast<size_t>(m)] = add(prefix + names_of(map).module + ".bias", {config_.output_width(map)});
    }
    if (config_.query_key_norm) {
      layer.query_norm = add(prefix + "self_attn.q_norm.weight", {config_.head_size});
      layer.key_norm = add(prefix + "self_attn.k_norm.weight", {config_.head_size});
    }
    layer.mlp_norm = add(prefix + "post_attention_layernorm.weight", {hidden});
    layers_.push_back(layer);
  }
  final_norm_ = add("model.norm.weight", {hidden});
  head_ = config_.tied_head ? embedding_ : add("lm_head.weight", {vocabulary, hidden});
  allocate();
  for (size_t l = 0; l < layers_.size(); ++l) {
    rounded_.emplace_back();
    for (int g = 0; g < kMapGroups; ++g) rounded_.back().emplace_back(device);
  }

  float* out = values().data();
  device.decode(base.embedding_table(), 0, vocabulary, Precision::float32, out + embedding_);
  if (!config_.tied_head) device.decode(base.head_table(), 0, vocabulary, Precision::float32, out + head_);
  const auto copy = [&](const float* row, int64_t width, int64_t offset) {
    device.copy({row, 1, width, width}, {out + offset, 1, width, width});
  };
  copy(base.final_norm(), hidden, final_norm_);
  for (int64_t l = 0; l < config_.layer_count; ++l) {
    const Layer& layer = layers_[index(l)];
    copy(base.attention_norm(l), hidden, layer.attention_norm);
    copy(base.mlp_norm(l), hidden, layer.mlp_norm);
    if (config_.query_key_norm) {
      copy(base.query_norm(l), config_.head_size, layer.query_norm);
      copy(base.key_norm(l), config_.head_size, layer.key_norm);
    }
    for (int m = 0; m < kLinearMaps; ++m) {
      const auto map = static_cast<LinearMap>(m);
      base.decode_map(l, map, out + layer.maps[static_cast<size_t>(m)]);
      const int64_t bias = layer.biases[static_cast<size_t>(m)];
      if (bias != kNone) copy(base.bias(l, map), config_.output_width(map), bias);
    }
  }
}

const void* Full::product_form(int64_t offset, int64_t rows, int64_t cols, Rounded& rounded) {
  if (device_.precision() == Precision::float32) return at(offset);
  if (rounded.version != version_) {
    rounded.data.resize(rows * cols);
    device_.round(at(offset), rounded.data.data(), rows * cols);
    rounded.version = version_;
  }
  return rounded.data.data();
}

Weights Full::group(int64_t layer, MapGroup group) {
  const GroupMaps maps = maps_of(group);
  const auto first = static_cast<size_t>(maps.first);
  int64_t rows = 0;
  for (int m = 0; m < maps.count; ++m)
    rows += config_.output_width(static_cast<LinearMap>(static_cast<int>(maps.first) + m));
  const int64_t cols = config_.input_width(maps.first);
  Rounded& rounded = rounded_[index(layer)][static_cast<size_t>(group)];
  return {rows, cols, {{product_form(layers_[index(layer)].maps[first], rows, cols, rounded), rows, 0}}};
}

Weights Full::head(int64_t first, int64_t count) {
  const int64_t hidden = config_.hidden_size;
  const auto* data = static_cast<const uint8_t*>(product_form(head_, config_.vocabulary_size, hidden, rounded_head_));
  return {count, hidden, {{data + first * hidden * bytes_of(device_.precision()), count, 0}}};
}

void Full::backward(Site site, ConstMatrix x, ConstMatrix dy, Matrix) {
  if (x.rows == 0) return;
  const Layer& layer = layers_[index(site.layer)];
  float* gradient = gradients().data();
  const int64_t weight = layer.maps[static_cast<size_t>(site.map)];
  device_.product_gradient(dy, x, {gradient + weight, dy.cols, x.cols, x.cols});
  const int64_t bias = layer.biases[static_cast<size_t>(site.map)];
  if (bias != kNone) device_.bias_backward(dy, gradient + bias);
}

float* Full::norm_gradient(Norm norm, int64_t layer) {
  const Layer& at = layers_[index(layer)];
  const int64_t offset = norm == Norm::attention ? at.attention_norm
                         : norm == Norm::query   ? at.query_norm
                         : norm == Norm::key     ? at.key_norm
                         : norm == Norm::mlp     ? at.mlp_norm
                                                 : final_norm_;
  return gradients().data() + offset;
}

}  // namespace plumb

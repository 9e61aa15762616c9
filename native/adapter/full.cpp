#include "adapter/full.h"

#include <algorithm>
#include <string>

#include "ops/parallel.h"

namespace plumb {
Full::Full(const ModelWeights& base, Precision precision, int threads)
    : config_(base.config()), precision_(precision), threads_(threads), kernel_(kernels()) {
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
  rounded_.resize(layers_.size());

  float* out = values().data();
  for (int64_t token = 0; token < vocabulary; ++token) {
    base.embedding_row(token, out + embedding_ + token * hidden);
    if (!config_.tied_head) base.head_row(token, out + head_ + token * hidden);
  }
  std::copy_n(base.final_norm(), hidden, out + final_norm_);
  for (int64_t l = 0; l < config_.layer_count; ++l) {
    const Layer& layer = layers_[index(l)];
    std::copy_n(base.attention_norm(l), hidden, out + layer.attention_norm);
    std::copy_n(base.mlp_norm(l), hidden, out + layer.mlp_norm);
    if (config_.query_key_norm) {
      std::copy_n(base.query_norm(l), config_.head_size, out + layer.query_norm);
      std::copy_n(base.key_norm(l), config_.head_size, out + layer.key_norm);
    }
    for (int m = 0; m < kLinearMaps; ++m) {
      const auto map = static_cast<LinearMap>(m);
      base.read_map(l, map, out + layer.maps[static_cast<size_t>(m)]);
      const int64_t bias = layer.biases[static_cast<size_t>(m)];
      if (bias != kNone) std::copy_n(base.bias(l, map), config_.output_width(map), out + bias);
    }
  }
}

const void* Full::product_form(int64_t offset, int64_t rows, int64_t cols, Rounded& rounded) {
  if (precision_ == Precision::float32) return at(offset);
  if (rounded.version != version_) {
    rounded.data.resize(rows * cols);
    parallel_ranges(threads_, rows, [&](int64_t begin, int64_t end) {
      kernel_.to_bf16(at(offset) + begin * cols, rounded.data.data() + begin * cols, (end - begin) * cols);
    });
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
  const int64_t element = precision_ == Precision::bfloat16 ? 2 : 4;
  return {count, hidden, {{data + first * hidden * element, count, 0}}};
}

void Full::embedding_row(int64_t token, float* out) const {
  std::copy_n(at(embedding_) + token * config_.hidden_size, config_.hidden_size, out);
}

void Full::head_row(int64_t token, float* out) const {
  std::copy_n(at(head_) + token * config_.hidden_size, config_.hidden_size, out);
}

void Full::backward(Site site, ConstMatrix x, ConstMatrix dy, Matrix) {
  if (x.rows == 0) return;
  const Layer& layer = layers_[index(site.layer)];
  float* dweight = gradients().data() + layer.maps[static_cast<size_t>(site.map)];
  block_product(true, false, dy.cols, x.cols, x.rows, 1.0f, dy.data, dy.stride, x.data, x.stride, 1.0f, dweight,
                x.cols);
  const int64_t bias = layer.biases[static_cast<size_t>(site.map)];
  if (bias == kNone) return;
  float* dbias = gradients().data() + bias;
  parallel_ranges(threads_, dy.cols, [&](int64_t first, int64_t last) {
    kernel_.column_sum(dy.data + first, dy.rows, dy.stride, last - first, dbias + first);
  });
}

void Full::token_backward(int64_t token, const float* drow) {
  kernel_.axpy(1.0f, drow, gradients().data() + embedding_ + token * config_.hidden_size, config_.hidden_size);
}

void Full::norm_backward(Norm norm, int64_t layer, ConstMatrix x, const float* rstd, ConstMatrix dout) {
  const Layer& at = layers_[index(layer)];
  const int64_t offset = norm == Norm::attention ? at.attention_norm
                         : norm == Norm::query   ? at.query_norm
                         : norm == Norm::key     ? at.key_norm
                         : norm == Norm::mlp     ? at.mlp_norm
                                                 : final_norm_;
  float* gradient = gradients().data() + offset;
  parallel_ranges(threads_, x.cols, [&](int64_t first, int64_t last) {
    for (int64_t r = 0; r < x.rows; ++r)
      for (int64_t c = first; c < last; ++c) gradient[c] += dout.row(r)[c] * x.row(r)[c] * rstd[r];
  });
}

void Full::head_row_backward(int64_t token, const float* x, float dlogit) {
  kernel_.axpy(dlogit, x, gradients().data() + head_ + token * config_.hidden_size, config_.hidden_size);
}

void Full::head_backward(int64_t first, ConstMatrix x, ConstMatrix dlogits) {
  const int64_t hidden = config_.hidden_size;
  block_product(true, false, dlogits.cols, hidden, x.rows, 1.0f, dlogits.data, dlogits.stride, x.data, x.stride, 1.0f,
                gradients().data() + head_ + first * hidden, hidden);
}

}  // namespace plumb

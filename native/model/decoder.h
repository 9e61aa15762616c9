#pragma once
#include <vector>

#include "adapter/adapter.h"
#include "model/tree.h"
#include "model/weight_source.h"
#include "ops/cpu/attention.h"
#include "ops/cpu/kernels.h"
#include "ops/cpu/product.h"
#include "tensor/cancellation.h"

namespace plumb {

/// What the way back needs from the way forward.
enum class Keep {
  nothing,  ///< no way back
  inputs,   ///< each layer's input; the layer is computed again
  all,
};

/// Keys and values of all layers, rows that later rows can see. Grows by hand of its owner.
struct KeyValueCache {
  std::vector<Buffer<float>> keys;  ///< a layer each, [rows, kv width]
  std::vector<Buffer<float>> values;
};

/// Rows of one forward pass: where they stand in the text, and what they see.
struct Pass {
  const std::vector<int64_t>& positions;
  const std::vector<AttentionItem>& items;
  /// Where set: keys and values go to rows `cache_rows` of the cache, and the items' spans are rows of the cache.
  KeyValueCache* cache = nullptr;
  const std::vector<int64_t>* cache_rows = nullptr;
  /// Where set: the rows that are read, ascending. Behind its attention the last layer computes no others.
  const std::vector<int64_t>* outputs = nullptr;
};

/// Forward and backward through the frozen layers of a LLaMA-style decoder, with an adapter's terms. The residual
/// stream, norms, softmax and gradients are float32; products are of the type that `Products` was made for.
class Decoder {
 public:
  /// `cancellation` is looked at before each layer.
  Decoder(WeightSource& weights, Products& products, int threads, const Cancellation& cancellation);

  /// Returns the last layer's output [rows that are read, hidden], not yet normed; valid until the next call.
  ConstMatrix forward(const std::vector<int32_t>& tokens, const Pass& pass, Adapter& adapter, Keep keep);

  /// The way back of the last forward(), which must have kept something. `dout` has room for all rows, [rows, hidden];
  /// its first rows are the gradient of what forward() returned. It is used up. Adds to the adapter's gradients.
  void backward(const std::vector<int32_t>& tokens, const Pass& pass, Adapter& adapter, Matrix dout);

  /// Bytes of activations for one micro-batch.
  /// `inputs`: the adapter reads the maps' inputs.
  static int64_t activation_bytes(const DecoderConfig& config, int64_t rows, int64_t longest, Keep keep, bool inputs,
                                  int threads);

 private:
  /// Activations of one layer that its way back reads.
  struct Activations {
    Buffer<float> attention_rstd, qkv, logsum, middle, mlp_rstd, gate_up;
    Buffer<float> heads, head_rstd;  ///< queries and keys before their norms, where the model has these
    Buffer<float> attended;          ///< where the adapter reads the maps' inputs
  };

  void prepare_rotation(const std::vector<int64_t>& positions);
  Matrix input(int64_t layer) {
    return matrix(inputs_[static_cast<size_t>(keep_ == Keep::nothing ? layer % 2 : layer)], rows_, config_.hidden_size);
  }
  /// Rows that a layer computes behind its attention; null: all.
  const std::vector<int64_t>* outputs(int64_t layer, const Pass& pass) const {
    return layer + 1 == config_.layer_count ? pass.outputs : nullptr;
  }
  /// `out` empty: everything but the layer's last product, which the way back does not need.
  void layer_forward(int64_t layer, const Pass& pass, Adapter& adapter, ConstMatrix x, Activations& a, Matrix out);
  void layer_backward(int64_t layer, const Pass& pass, Adapter& adapter, ConstMatrix x, Activations& a, Matrix dx);
  /// Norms of each head's queries and keys, and the way back.
  void norm_heads(int64_t layer, Activations& a, Matrix qkv);
  void norm_heads_backward(int64_t layer, const Activations& a, Adapter& adapter, Matrix dqkv);
  void norm(ConstMatrix x, const float* weight, Buffer<float>& rstd, Matrix out);
  void norm_backward(ConstMatrix x, const float* weight, const Buffer<float>& rstd, ConstMatrix dy, Matrix dx);
  /// y = x·Wᵀ + the adapter's terms (+ what y holds already).
  void linear(int64_t layer, MapGroup group, Adapter& adapter, ConstMatrix x, Matrix y, bool holds_value);
  void linear_backward(int64_t layer, MapGroup group, Adapter& adapter, ConstMatrix x, ConstMatrix dy, Matrix dx);

  WeightSource& weights_;
  const DecoderConfig& config_;
  Products& products_;
  int threads_;
  const Cancellation& cancellation_;
  const Kernels& kernel_;
  Attention attention_;
  Keep keep_ = Keep::nothing;
  int64_t rows_ = 0;

  std::vector<Buffer<float>> inputs_;
  std::vector<Activations> activations_;
  Buffer<float> normed_, attended_, hidden_;          // forward scratch
  Buffer<float> dwide_, dnormed_, dattended_, dqkv_;  // backward scratch
  Buffer<float> cosine_, sine_;                       // [positions, head size / 2]
  int64_t rotations_ = 0;
};

}  // namespace plumb

#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "adapter/adapter.h"
#include "model/tree.h"
#include "model/weight_source.h"
#include "ops/tables.h"
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
  std::vector<DeviceBuffer<float>> keys;  ///< a layer each, [rows, kv width]
  std::vector<DeviceBuffer<float>> values;
};

/// Rows of one forward pass: where they stand in the text, and what they see.
struct Pass {
  const std::vector<int64_t>& positions;
  const std::vector<AttentionItem>& items;
  /// Where set: keys and values go to rows `cache_rows` of the cache, and the items' spans are rows of the cache.
  KeyValueCache* cache = nullptr;
  const std::vector<int64_t>* cache_rows = nullptr;
  /// Where set: the rows that are read, ascending. Behind its attention the last layer computes no others. A pass with
  /// a way back must have it.
  const std::vector<int64_t>* outputs = nullptr;
};

/// Forward and backward through the frozen layers of a LLaMA-style decoder, with an adapter's terms. The residual
/// stream, norms, softmax and gradients are float32; products are of the device's type.
class Decoder {
 public:
  /// `cancellation` is looked at before each layer.
  Decoder(Device& device, WeightSource& weights, const Cancellation& cancellation);

  /// Returns the last layer's output [rows that are read, hidden], not yet normed; valid until the next call.
  ConstMatrix forward(const std::vector<int32_t>& tokens, const Pass& pass, Adapter& adapter, Keep keep);

  /// The way back of the last forward(), which must have kept something, over the same pass. `dout` is the gradient of
  /// what forward() returned; it is used up. Adds to the adapter's gradients.
  void backward(Adapter& adapter, Matrix dout);

  /// Bytes of activations for one micro-batch.
  /// `inputs`: the adapter reads the maps' inputs.
  static int64_t activation_bytes(const Device& device, const DecoderConfig& config, int64_t rows, int64_t longest,
                                  Keep keep, bool inputs);

 private:
  /// Activations of one layer that its way back reads.
  struct Activations {
    explicit Activations(Device& device);
    DeviceBuffer<float> attention_rstd, qkv, logsum, middle, mlp_rstd, gate_up;
    DeviceBuffer<float> heads, head_rstd;  ///< queries and keys before their norms, where the model has these
    DeviceBuffer<float> attended;          ///< where the adapter reads the maps' inputs, or attention's way back does
  };
  /// Lists of the pass under way, on the device.
  struct Rows {
    Tables::Place tokens, positions, cache, outputs;
    Tables::Sums prompt, embedding;
    int64_t count = 0;
    int64_t output_count = 0;
    bool chosen = false;  ///< whether outputs are fewer than all
  };

  AttentionShape shape() const { return {config_.head_count, config_.kv_head_count, config_.head_size}; }
  void prepare(const std::vector<int32_t>& tokens, const Pass& pass, bool backward);
  void prepare_rotation(const std::vector<int64_t>& positions);
  Rotation rotation() const { return {tables_.ints(rows_.positions), cosine_.data(), sine_.data()}; }
  Matrix input(int64_t layer) {
    return matrix(inputs_[static_cast<size_t>(keep_ == Keep::nothing ? layer % 2 : layer)], rows_.count,
                  config_.hidden_size);
  }
  Activations& activations(int64_t layer) { return activations_[static_cast<size_t>(keep_ == Keep::all ? layer : 0)]; }
  /// Whether the layer computes, behind its attention, the rows alone that are read.
  bool narrows(int64_t layer) const { return rows_.chosen && layer + 1 == config_.layer_count; }
  bool keeps_attended(const Adapter& adapter) const {
    return adapter.reads_inputs() || (keep_ != Keep::nothing && device_.attention_reads_output());
  }
  /// `out` empty: everything but the layer's last product, which the way back does not need.
  void layer_forward(int64_t layer, KeyValueCache* cache, Adapter& adapter, ConstMatrix x, Activations& a, Matrix out);
  /// `dout` [rows behind the attention] becomes the gradient of the layer's input, in dx where the layer narrows.
  Matrix layer_backward(int64_t layer, Adapter& adapter, ConstMatrix x, Activations& a, Matrix dout);
  void norm(ConstMatrix x, const float* weight, DeviceBuffer<float>& rstd, Matrix out);
  /// Adds the gradient of x to dx.
  void norm_backward(Norm norm, int64_t layer, Adapter& adapter, ConstMatrix x, const float* weight,
                     const DeviceBuffer<float>& rstd, ConstMatrix dy, Matrix dx);
  /// y = x·Wᵀ + the adapter's terms (+ what y holds already).
  /// y = x·Wᵀ and what the model and the adapter add to it; added to y where that holds a value already, or to the
  /// residual where that is not empty.
  void linear(int64_t layer, MapGroup group, Adapter& adapter, ConstMatrix x, Matrix y, bool holds_value,
              ConstMatrix residual = {});
  /// The biases of a group's maps as one, null where there are none; none where that cannot be, or where more is added.
  std::optional<const float*> joint_bias(int64_t layer, MapGroup group, Adapter& adapter) const;
  void linear_backward(int64_t layer, MapGroup group, Adapter& adapter, ConstMatrix x, ConstMatrix dy, Matrix dx);

  Device& device_;
  WeightSource& weights_;
  const DecoderConfig& config_;
  const Cancellation& cancellation_;
  Keep keep_ = Keep::nothing;
  Tables tables_;
  Rows rows_;
  std::unique_ptr<AttentionPlan> plan_;

  std::vector<DeviceBuffer<float>> inputs_;
  std::vector<Activations> activations_;
  DeviceBuffer<float> normed_, attended_, taken_, hidden_;                // forward scratch
  DeviceBuffer<float> dwide_, dnormed_, dattended_, dqkv_, dx_, dtaken_;  // backward scratch
  DeviceBuffer<float> cosine_, sine_;                                     // [positions, head size / 2]
  int64_t rotations_ = 0;
};

}  // namespace plumb

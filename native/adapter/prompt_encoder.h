#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ops/device.h"

namespace plumb {

/// What makes prompt vectors while they are tuned: nothing but themselves, or a network over trainable embeddings.
enum class EncoderKind { none, mlp, lstm };

/// Prompt encoder of P-tuning (Liu et al., GPT understands, too, 2021), as PEFT has it. `lstm`: two bidirectional
/// layers of half the width each way, then linear, ReLU, linear. `mlp`: three linear maps with a ReLU between. Every
/// width is the model's. Only the vectors that come out are used once tuning is over.
class PromptEncoder {
 public:
  using Add = std::function<void(std::string name, std::vector<int64_t> shape)>;

  /// Names its parameters, as PyTorch's modules do, in the order in which they lie behind `values`.
  PromptEncoder(Device& device, EncoderKind kind, int64_t count, int64_t width, const Add& add);

  /// `vectors` [count, width] from the parameters; keeps what backward() needs.
  void forward(const float* values, Matrix vectors);
  /// Adds the gradient of the parameters. `dvectors` is used up.
  void backward(const float* values, Matrix dvectors, float* gradients);

 private:
  struct Linear {
    int64_t in, out, weight, bias;
  };
  /// One direction of one layer.
  struct Cell {
    int64_t in, hidden, weight_ih, weight_hh, bias_ih, bias_hh;
    bool reverse;
    DeviceBuffer<float> gates, state, tanh_state;  ///< [count, 4 * hidden], [count, hidden] twice
  };

  ConstMatrix input(size_t layer, const float* values) const;
  LstmStep step(Cell& cell, int64_t i, Matrix h) const;
  void run(Cell& cell, ConstMatrix x, Matrix h, const float* values);
  void run_backward(Cell& cell, ConstMatrix x, Matrix h, Matrix dh, Matrix dx, const float* values, float* gradients);
  /// y = x·Wᵀ + b.
  void linear_forward(ConstMatrix x, const float* weight, const float* bias, Matrix y);
  /// Adds dW = dyᵀ·x and the column sums of dy.
  void linear_gradients(ConstMatrix x, ConstMatrix dy, float* dweight, float* dbias);

  Device& device_;
  int64_t count_, width_;
  int64_t embedding_ = 0;
  std::vector<Cell> cells_;  ///< layer by layer, forward before reverse
  std::vector<Linear> linears_;
  std::vector<DeviceBuffer<float>> outputs_;  ///< of each LSTM layer, then of each linear map but the last
  DeviceBuffer<float> above_, below_, dgates_, dstate_, h_before_;  // scratch of the way back
};

}  // namespace plumb

#include "adapter/prompt_encoder.h"

#include <utility>

namespace plumb {
namespace {

constexpr int kLayers = 2;

}  // namespace

PromptEncoder::PromptEncoder(Device& device, EncoderKind kind, int64_t count, int64_t width, const Add& add)
    : device_(device),
      count_(count),
      width_(width),
      above_(device),
      below_(device),
      dgates_(device),
      dstate_(device),
      h_before_(device) {
  int64_t offset = 0;
  const auto next = [&](const std::string& name, std::vector<int64_t> shape) {
    int64_t size = 1;
    for (const int64_t extent : shape) size *= extent;
    add("prompt_encoder." + name, std::move(shape));
    offset += size;
    return offset - size;
  };
  embedding_ = next("embedding.weight", {count, width});
  if (kind == EncoderKind::lstm) {
    const int64_t hidden = width / 2;
    for (int layer = 0; layer < kLayers; ++layer)
      for (const bool reverse : {false, true}) {
        const std::string suffix = "_l" + std::to_string(layer) + (reverse ? "_reverse" : "");
        Cell cell{width,
                  hidden,
                  0,
                  0,
                  0,
                  0,
                  reverse,
                  DeviceBuffer<float>(device),
                  DeviceBuffer<float>(device),
                  DeviceBuffer<float>(device)};
        cell.weight_ih = next("lstm_head.weight_ih" + suffix, {4 * hidden, width});
        cell.weight_hh = next("lstm_head.weight_hh" + suffix, {4 * hidden, hidden});
        cell.bias_ih = next("lstm_head.bias_ih" + suffix, {4 * hidden});
        cell.bias_hh = next("lstm_head.bias_hh" + suffix, {4 * hidden});
        cells_.push_back(std::move(cell));
      }
  }
  const int maps = kind == EncoderKind::lstm ? 2 : 3;
  for (int i = 0; i < maps; ++i) {
    const std::string name = "mlp_head." + std::to_string(2 * i);
    const int64_t weight = next(name + ".weight", {width, width});
    linears_.push_back({width, width, weight, next(name + ".bias", {width})});
  }
  for (size_t i = 0; i < cells_.size() / 2 + linears_.size() - 1; ++i) outputs_.emplace_back(device, count * width);
}

ConstMatrix PromptEncoder::input(size_t layer, const float* values) const {
  const float* data = layer == 0 ? values + embedding_ : outputs_[layer - 1].data();
  return {data, count_, width_, width_};
}

void PromptEncoder::linear_forward(ConstMatrix x, const float* weight, const float* bias, Matrix y) {
  device_.bias_forward(bias, y, false);
  device_.multiply(false, true, 1.0f, x, {weight, y.cols, x.cols, x.cols}, 1.0f, y);
}

void PromptEncoder::linear_gradients(ConstMatrix x, ConstMatrix dy, float* dweight, float* dbias) {
  device_.multiply(true, false, 1.0f, dy, x, 1.0f, {dweight, dy.cols, x.cols, x.cols});
  device_.bias_backward(dy, dbias);
}

LstmStep PromptEncoder::step(Cell& cell, int64_t i, Matrix h) const {
  const int64_t n = cell.hidden;
  const int64_t t = cell.reverse ? count_ - 1 - i : i;
  const int64_t before = cell.reverse ? t + 1 : t - 1;
  return {n,
          cell.gates.data() + t * 4 * n,
          i > 0 ? cell.state.data() + before * n : nullptr,
          cell.state.data() + t * n,
          cell.tanh_state.data() + t * n,
          h.row(t)};
}

void PromptEncoder::run(Cell& cell, ConstMatrix x, Matrix h, const float* values) {
  const int64_t n = cell.hidden;
  cell.gates.resize(count_ * 4 * n);
  cell.state.resize(count_ * n);
  cell.tanh_state.resize(count_ * n);
  const Matrix gates = matrix(cell.gates, count_, 4 * n);
  linear_forward(x, values + cell.weight_ih, values + cell.bias_ih, gates);
  device_.bias_forward(values + cell.bias_hh, gates, true);
  const ConstMatrix weight_hh{values + cell.weight_hh, 4 * n, n, n};
  for (int64_t i = 0; i < count_; ++i) {
    const int64_t t = cell.reverse ? count_ - 1 - i : i;
    const int64_t before = cell.reverse ? t + 1 : t - 1;
    if (i > 0)
      device_.multiply(false, true, 1.0f, {h.row(before), 1, n, n}, weight_hh, 1.0f, {gates.row(t), 1, 4 * n, 4 * n});
    device_.lstm(step(cell, i, h));
  }
}

void PromptEncoder::run_backward(Cell& cell, ConstMatrix x, Matrix h, Matrix dh, Matrix dx, const float* values,
                                 float* gradients) {
  const int64_t n = cell.hidden;
  dgates_.resize(count_ * 4 * n);
  dstate_.resize(n);
  h_before_.resize(count_ * n);
  dstate_.clear();
  const Matrix dgates = matrix(dgates_, count_, 4 * n);
  const Matrix h_before = matrix(h_before_, count_, n);
  const ConstMatrix weight_hh{values + cell.weight_hh, 4 * n, n, n};
  for (int64_t i = count_; i-- > 0;) {
    const int64_t t = cell.reverse ? count_ - 1 - i : i;
    const int64_t before = cell.reverse ? t + 1 : t - 1;
    device_.lstm_backward(step(cell, i, h), dh.row(t), dstate_.data(), dgates.row(t));
    const Matrix was{h_before.row(t), 1, n, n};
    if (i > 0) {
      device_.multiply(false, false, 1.0f, {dgates.row(t), 1, 4 * n, 4 * n}, weight_hh, 1.0f,
                       {dh.row(before), 1, n, n});
      device_.copy({h.row(before), 1, n, n}, was);
    } else {
      device_.zero(was);
    }
  }
  linear_gradients(x, dgates, gradients + cell.weight_ih, gradients + cell.bias_ih);
  linear_gradients(h_before, dgates, gradients + cell.weight_hh, gradients + cell.bias_hh);
  device_.multiply(false, false, 1.0f, dgates, {values + cell.weight_ih, 4 * n, dx.cols, dx.cols}, 1.0f, dx);
}

void PromptEncoder::forward(const float* values, Matrix vectors) {
  const size_t layers = cells_.size() / 2;
  for (size_t layer = 0; layer < layers; ++layer)
    for (size_t side = 0; side < 2; ++side) {
      Cell& cell = cells_[2 * layer + side];
      const Matrix out = matrix(outputs_[layer], count_, width_);
      run(cell, input(layer, values), out.columns(static_cast<int64_t>(side) * cell.hidden, cell.hidden), values);
    }
  for (size_t i = 0; i < linears_.size(); ++i) {
    const Linear& map = linears_[i];
    const bool last = i + 1 == linears_.size();
    const Matrix out = last ? vectors : matrix(outputs_[layers + i], count_, width_);
    linear_forward(input(layers + i, values), values + map.weight, values + map.bias, out);
    if (!last) device_.relu(out);
  }
}

void PromptEncoder::backward(const float* values, Matrix dvectors, float* gradients) {
  const size_t layers = cells_.size() / 2;
  above_.resize(count_ * width_);
  below_.resize(count_ * width_);
  Matrix above = matrix(above_, count_, width_);
  Matrix below = matrix(below_, count_, width_);
  device_.copy(dvectors, above);
  for (size_t i = linears_.size(); i-- > 0;) {
    const Linear& map = linears_[i];
    const ConstMatrix x = input(layers + i, values);
    linear_gradients(x, above, gradients + map.weight, gradients + map.bias);
    device_.multiply(false, false, 1.0f, above, {values + map.weight, width_, width_, width_}, 0.0f, below);
    if (i > 0) device_.relu_backward(x, below);
    std::swap(above, below);
  }
  for (size_t layer = layers; layer-- > 0;) {
    device_.zero(below);
    for (size_t side = 0; side < 2; ++side) {
      Cell& cell = cells_[2 * layer + side];
      const int64_t first = static_cast<int64_t>(side) * cell.hidden;
      run_backward(cell, input(layer, values), matrix(outputs_[layer], count_, width_).columns(first, cell.hidden),
                   above.columns(first, cell.hidden), below, values, gradients);
    }
    std::swap(above, below);
  }
  device_.add(above, {gradients + embedding_, count_, width_, width_});
}

}  // namespace plumb

#include "adapter/prompt_encoder.h"

#include <algorithm>
#include <cmath>

#include "ops/cpu/product.h"

namespace plumb {
namespace {

constexpr int kLayers = 2;

float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-x));
}

/// y = x·Wᵀ + b.
void linear_forward(ConstMatrix x, const float* weight, const float* bias, Matrix y) {
  for (int64_t r = 0; r < y.rows; ++r) std::copy_n(bias, y.cols, y.row(r));
  block_product(false, true, y.rows, y.cols, x.cols, 1.0f, x.data, x.stride, weight, x.cols, 1.0f, y.data, y.stride);
}

/// Adds dW = dyᵀ·x and the column sums of dy.
void linear_gradients(ConstMatrix x, ConstMatrix dy, float* dweight, float* dbias) {
  block_product(true, false, dy.cols, x.cols, dy.rows, 1.0f, dy.data, dy.stride, x.data, x.stride, 1.0f, dweight,
                x.cols);
  for (int64_t r = 0; r < dy.rows; ++r)
    for (int64_t c = 0; c < dy.cols; ++c) dbias[c] += dy.row(r)[c];
}

/// dx = dy·W (+ dx).
void linear_inputs(ConstMatrix dy, const float* weight, float beta, Matrix dx) {
  block_product(false, false, dx.rows, dx.cols, dy.cols, 1.0f, dy.data, dy.stride, weight, dx.cols, beta, dx.data,
                dx.stride);
}

}  // namespace

PromptEncoder::PromptEncoder(EncoderKind kind, int64_t count, int64_t width, const Add& add)
    : count_(count), width_(width) {
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
        Cell cell{};
        cell.in = width;
        cell.hidden = hidden;
        cell.reverse = reverse;
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
  for (size_t i = 0; i < cells_.size() / 2 + linears_.size() - 1; ++i) outputs_.emplace_back(count * width);
}

ConstMatrix PromptEncoder::input(size_t layer, const float* values) const {
  const float* data = layer == 0 ? values + embedding_ : outputs_[layer - 1].data();
  return {data, count_, width_, width_};
}

void PromptEncoder::run(Cell& cell, ConstMatrix x, Matrix h, const float* values) const {
  const int64_t n = cell.hidden;
  cell.gates.resize(count_ * 4 * n);
  cell.state.resize(count_ * n);
  cell.tanh_state.resize(count_ * n);
  linear_forward(x, values + cell.weight_ih, values + cell.bias_ih, matrix(cell.gates, count_, 4 * n));
  for (int64_t i = 0; i < count_; ++i) {
    const int64_t t = cell.reverse ? count_ - 1 - i : i;
    const int64_t before = cell.reverse ? t + 1 : t - 1;
    float* gate = cell.gates.data() + t * 4 * n;
    for (int64_t k = 0; k < 4 * n; ++k) gate[k] += values[cell.bias_hh + k];
    if (i > 0)
      block_product(false, true, 1, 4 * n, n, 1.0f, h.row(before), n, values + cell.weight_hh, n, 1.0f, gate, 4 * n);
    for (int64_t k = 0; k < n; ++k) {
      const float in = gate[k] = sigmoid(gate[k]);
      const float forget = gate[n + k] = sigmoid(gate[n + k]);
      const float update = gate[2 * n + k] = std::tanh(gate[2 * n + k]);
      const float out = gate[3 * n + k] = sigmoid(gate[3 * n + k]);
      const float old = i > 0 ? cell.state[before * n + k] : 0.0f;
      const float state = cell.state[t * n + k] = forget * old + in * update;
      h.row(t)[k] = out * (cell.tanh_state[t * n + k] = std::tanh(state));
    }
  }
}

void PromptEncoder::run_backward(const Cell& cell, ConstMatrix x, ConstMatrix h, Matrix dh, Matrix dx,
                                 const float* values, float* gradients) const {
  const int64_t n = cell.hidden;
  Buffer<float> dgates(count_ * 4 * n), dstate(n), h_before(count_ * n);
  std::fill_n(dstate.data(), n, 0.0f);
  for (int64_t i = count_; i-- > 0;) {
    const int64_t t = cell.reverse ? count_ - 1 - i : i;
    const int64_t before = cell.reverse ? t + 1 : t - 1;
    const float* gate = cell.gates.data() + t * 4 * n;
    float* dgate = dgates.data() + t * 4 * n;
    for (int64_t k = 0; k < n; ++k) {
      const float in = gate[k], forget = gate[n + k], update = gate[2 * n + k], out = gate[3 * n + k];
      const float squashed = cell.tanh_state[t * n + k];
      const float d = dh.row(t)[k];
      const float ds = dstate[k] += d * out * (1.0f - squashed * squashed);
      const float old = i > 0 ? cell.state[before * n + k] : 0.0f;
      dgate[k] = ds * update * in * (1.0f - in);
      dgate[n + k] = ds * old * forget * (1.0f - forget);
      dgate[2 * n + k] = ds * in * (1.0f - update * update);
      dgate[3 * n + k] = d * squashed * out * (1.0f - out);
      dstate[k] = ds * forget;
    }
    if (i > 0) {
      block_product(false, false, 1, n, 4 * n, 1.0f, dgate, 4 * n, values + cell.weight_hh, n, 1.0f, dh.row(before), n);
      std::copy_n(h.row(before), n, h_before.data() + t * n);
    } else {
      std::fill_n(h_before.data() + t * n, n, 0.0f);
    }
  }
  const Matrix dg = matrix(dgates, count_, 4 * n);
  linear_gradients(x, dg, gradients + cell.weight_ih, gradients + cell.bias_ih);
  linear_gradients(matrix(h_before, count_, n), dg, gradients + cell.weight_hh, gradients + cell.bias_hh);
  linear_inputs(dg, values + cell.weight_ih, 1.0f, dx);
}

void PromptEncoder::forward(const float* values, float* vectors) {
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
    const Matrix out{last ? vectors : outputs_[layers + i].data(), count_, width_, width_};
    linear_forward(input(layers + i, values), values + map.weight, values + map.bias, out);
    for (int64_t k = 0; k < count_ * width_ && !last; ++k) out.data[k] = std::max(0.0f, out.data[k]);
  }
}

void PromptEncoder::backward(const float* values, Matrix dvectors, float* gradients) {
  const size_t layers = cells_.size() / 2;
  Buffer<float> above(count_ * width_), below(count_ * width_);
  for (int64_t r = 0; r < count_; ++r) std::copy_n(dvectors.row(r), width_, above.data() + r * width_);
  for (size_t i = linears_.size(); i-- > 0;) {
    const Linear& map = linears_[i];
    const ConstMatrix x = input(layers + i, values);
    linear_gradients(x, matrix(above, count_, width_), gradients + map.weight, gradients + map.bias);
    linear_inputs(matrix(above, count_, width_), values + map.weight, 0.0f, matrix(below, count_, width_));
    if (i > 0)
      for (int64_t k = 0; k < count_ * width_; ++k)
        if (!(x.data[k] > 0.0f)) below[k] = 0.0f;
    std::swap(above, below);
  }
  for (size_t layer = layers; layer-- > 0;) {
    std::fill_n(below.data(), count_ * width_, 0.0f);
    for (size_t side = 0; side < 2; ++side) {
      const Cell& cell = cells_[2 * layer + side];
      const int64_t first = static_cast<int64_t>(side) * cell.hidden;
      run_backward(cell, input(layer, values), matrix(outputs_[layer], count_, width_).columns(first, cell.hidden),
                   matrix(above, count_, width_).columns(first, cell.hidden), matrix(below, count_, width_), values,
                   gradients);
    }
    std::swap(above, below);
  }
  for (int64_t k = 0; k < count_ * width_; ++k) gradients[embedding_ + k] += above[k];
}

}  // namespace plumb

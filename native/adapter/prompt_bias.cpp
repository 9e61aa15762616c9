#include "adapter/prompt_bias.h"

#include <algorithm>

#include "ops/parallel.h"

namespace plumb {

PromptBias::PromptBias(const DecoderConfig& config, int64_t prompt_length, const std::vector<LinearMap>& biases,
                       int threads)
    : prompt_length_(prompt_length), hidden_(config.hidden_size), threads_(threads), kernel_(kernels()) {
  std::array<int64_t, kLinearMaps> none{};
  none.fill(kNone);
  offsets_.assign(static_cast<size_t>(config.layer_count), none);
  int64_t offset = 0;
  if (prompt_length > 0) {
    add_parameter("prompt.left", {prompt_length, hidden_}, "prompt");
    offset = prompt_length * hidden_;
  }
  for (int64_t layer = 0; layer < config.layer_count; ++layer)
    for (const LinearMap map : biases) {
      const int64_t width = config.output_width(map);
      add_parameter("model.layers." + std::to_string(layer) + "." + names_of(map).module + ".bias", {width}, "bias");
      offset_of({layer, map}) = offset;
      offset += width;
    }
  allocate();
}

void PromptBias::embed(int64_t index, float* row) const {
  std::copy_n(values().data() + index * hidden_, hidden_, row);
}

void PromptBias::embed_backward(int64_t index, const float* drow) {
  kernel_.axpy(1.0f, drow, gradients().data() + index * hidden_, hidden_);
}

bool PromptBias::forward(Site site, ConstMatrix, Matrix y, bool holds_value) {
  const int64_t offset = offset_of(site);
  if (offset == kNone) return holds_value;
  const float* bias = values().data() + offset;
  parallel_ranges(threads_, y.rows, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      if (holds_value)
        kernel_.axpy(1.0f, bias, y.row(r), y.cols);
      else
        std::copy_n(bias, y.cols, y.row(r));
    }
  });
  return true;
}

void PromptBias::backward(Site site, ConstMatrix, ConstMatrix dy, Matrix) {
  const int64_t offset = offset_of(site);
  if (offset == kNone) return;
  float* gradient = gradients().data() + offset;
  parallel_ranges(threads_, dy.cols, [&](int64_t first, int64_t last) {
    kernel_.column_sum(dy.data + first, dy.rows, dy.stride, last - first, gradient + first);
  });
}

}  // namespace plumb

#include "adapter/prompt_bias.h"

#include <algorithm>

#include "ops/parallel.h"

namespace plumb {

PromptBias::PromptBias(const DecoderConfig& config, const PromptSpec& prompt, const std::vector<LinearMap>& biases,
                       int threads)
    : prompt_length_(prompt.left + prompt.right), hidden_(config.hidden_size), threads_(threads), kernel_(kernels()) {
  constexpr int64_t kMostVectors = 4096;
  for (const auto& [field, count] : {std::pair{"promptLength", prompt.left}, std::pair{"promptRight", prompt.right}})
    if (count < 0 || count > kMostVectors)
      fail("argument", std::string("method: ") + field + " is " + std::to_string(count) + ", expected 0 to " +
                           std::to_string(kMostVectors));
  std::array<int64_t, kLinearMaps> none{};
  none.fill(kNone);
  offsets_.assign(static_cast<size_t>(config.layer_count), none);
  int64_t offset = 0;
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape, const char* group) {
    add_parameter(name, shape, group);
    offset = parameters().back().offset + parameters().back().size;
  };
  if (prompt.encoder != EncoderKind::none) {
    if (prompt_length_ == 0 || hidden_ % 2 != 0)
      fail("argument", "method: a prompt encoder needs prompt vectors, and a model of even width");
    encoder_ = std::make_unique<PromptEncoder>(
        prompt.encoder, prompt_length_, hidden_,
        [&](const std::string& name, const std::vector<int64_t>& shape) { add(name, shape, "prompt"); });
    vectors_.resize(prompt_length_ * hidden_);
    dvectors_.resize(prompt_length_ * hidden_);
  } else {
    if (prompt.left > 0) add("prompt.left", {prompt.left, hidden_}, "prompt");
    if (prompt.right > 0) add("prompt.right", {prompt.right, hidden_}, "prompt");
  }
  for (int64_t layer = 0; layer < config.layer_count; ++layer)
    for (const LinearMap map : biases) {
      const int64_t width = config.output_width(map);
      offset_of({layer, map}) = offset;
      add("model.layers." + std::to_string(layer) + "." + names_of(map).module + ".bias", {width}, "bias");
    }
  allocate();
}

void PromptBias::begin(bool, uint64_t) {
  if (!encoder_) return;
  encoder_->forward(values().data(), vectors_.data());
  std::fill_n(dvectors_.data(), dvectors_.size(), 0.0f);
}

void PromptBias::end() {
  if (encoder_) encoder_->backward(values().data(), matrix(dvectors_, prompt_length_, hidden_), gradients().data());
}

void PromptBias::embed(int64_t index, float* row) const {
  const float* vectors = encoder_ ? vectors_.data() : values().data();
  std::copy_n(vectors + index * hidden_, hidden_, row);
}

void PromptBias::embed_backward(int64_t index, const float* drow) {
  float* gradients = encoder_ ? dvectors_.data() : this->gradients().data();
  kernel_.axpy(1.0f, drow, gradients + index * hidden_, hidden_);
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

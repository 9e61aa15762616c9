#include "adapter/prompt_bias.h"

namespace plumb {

PromptBias::PromptBias(Device& device, const DecoderConfig& config, const PromptSpec& prompt,
                       const std::vector<LinearMap>& biases)
    : Adapter(device),
      prompt_length_(prompt.left + prompt.right),
      hidden_(config.hidden_size),
      vectors_(device),
      dvectors_(device) {
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
        device, prompt.encoder, prompt_length_, hidden_,
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
  encoder_->forward(values().data(), matrix(vectors_, prompt_length_, hidden_));
  dvectors_.clear();
}

void PromptBias::end() {
  if (encoder_) encoder_->backward(values().data(), matrix(dvectors_, prompt_length_, hidden_), gradients().data());
}

ConstMatrix PromptBias::prompt() const {
  return matrix(encoder_ ? vectors_ : values(), prompt_length_, hidden_);
}

Matrix PromptBias::prompt_gradient() {
  return matrix(encoder_ ? dvectors_ : gradients(), prompt_length_, hidden_);
}

bool PromptBias::forward(Site site, ConstMatrix, Matrix y, bool holds_value) {
  const int64_t offset = offset_of(site);
  if (offset == kNone) return holds_value;
  device_.bias_forward(values().data() + offset, y, holds_value);
  return true;
}

std::optional<const float*> PromptBias::bias(Site site) {
  const int64_t offset = offset_of(site);
  return offset == kNone ? nullptr : values().data() + offset;
}

void PromptBias::backward(Site site, ConstMatrix, ConstMatrix dy, Matrix) {
  const int64_t offset = offset_of(site);
  if (offset != kNone) device_.bias_backward(dy, gradients().data() + offset);
}

}  // namespace plumb

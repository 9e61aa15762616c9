#include "adapter/lora.h"

#include <algorithm>
#include <string>

namespace plumb {
Lora::Lora(Device& device, const DecoderConfig& config, LoraSpec spec)
    : Adapter(device),
      spec_(std::move(spec)),
      scale_(static_cast<float>(spec_.alpha / static_cast<double>(std::max<int64_t>(1, spec_.rank)))),
      dropped_(device),
      low_(device),
      dlow_(device),
      dx_(device) {
  constexpr int64_t kMostRank = 1024;
  if (spec_.rank < 1 || spec_.rank > kMostRank)
    fail("argument",
         "method: lora.rank is " + std::to_string(spec_.rank) + ", expected 1 to " + std::to_string(kMostRank));
  if (!(spec_.alpha > 0 && spec_.alpha < 1e6)) fail("argument", "method: lora.alpha is not a positive number");
  if (!(spec_.dropout >= 0 && spec_.dropout < 1)) fail("argument", "method: lora.dropout is not in [0, 1)");
  if (spec_.maps.empty()) fail("argument", "method: lora.maps names no linear map");
  std::array<int64_t, kLinearMaps> none{};
  none.fill(kNone);
  offsets_.assign(static_cast<size_t>(config.layer_count), none);
  int64_t offset = 0;
  for (int64_t layer = 0; layer < config.layer_count; ++layer)
    for (const LinearMap map : spec_.maps) {
      const std::string module = "model.layers." + std::to_string(layer) + "." + names_of(map).module;
      const int64_t in = config.input_width(map);
      const int64_t out = config.output_width(map);
      add_parameter(module + ".lora_A.weight", {spec_.rank, in}, "lora");
      add_parameter(module + ".lora_B.weight", {out, spec_.rank}, "lora");
      offsets_[static_cast<size_t>(layer)][static_cast<size_t>(map)] = offset;
      offset += spec_.rank * (in + out);
    }
  allocate();
}

Dropout Lora::dropout(Site site) const {
  const auto place = static_cast<uint64_t>(site.layer * kLinearMaps + static_cast<int64_t>(site.map));
  return {mixed_bits(number_ ^ mixed_bits(place)), spec_.dropout};
}

ConstMatrix Lora::dropped(Site site, ConstMatrix x) {
  if (!drops()) return x;
  dropped_.resize(x.rows * x.cols);
  const Matrix copy = matrix(dropped_, x.rows, x.cols);
  device_.dropout(x, dropout(site), false, copy);
  return copy;
}

bool Lora::forward(Site site, ConstMatrix x, Matrix y, bool holds_value) {
  const int64_t offset = offset_of(site);
  if (offset == kNone || x.rows == 0) return holds_value;
  const int64_t rank = spec_.rank;
  const ConstMatrix a{values().data() + offset, rank, x.cols, x.cols};
  const ConstMatrix b{a.data + rank * x.cols, y.cols, rank, rank};
  low_.resize(x.rows * rank);
  const Matrix low = matrix(low_, x.rows, rank);
  device_.multiply(false, true, 1.0f, dropped(site, x), a, 0.0f, low);
  device_.multiply(false, true, scale_, low, b, holds_value ? 1.0f : 0.0f, y);
  return true;
}

void Lora::backward(Site site, ConstMatrix x, ConstMatrix dy, Matrix dx) {
  const int64_t offset = offset_of(site);
  if (offset == kNone || x.rows == 0) return;
  const int64_t rank = spec_.rank;
  const ConstMatrix a{values().data() + offset, rank, x.cols, x.cols};
  const ConstMatrix b{a.data + rank * x.cols, dy.cols, rank, rank};
  const Matrix da{gradients().data() + offset, rank, x.cols, x.cols};
  const Matrix db{da.data + rank * x.cols, dy.cols, rank, rank};
  const ConstMatrix input = dropped(site, x);
  low_.resize(x.rows * rank);
  dlow_.resize(x.rows * rank);
  const Matrix low = matrix(low_, x.rows, rank);
  const Matrix dlow = matrix(dlow_, x.rows, rank);
  device_.multiply(false, true, 1.0f, input, a, 0.0f, low);
  device_.multiply(true, false, scale_, dy, low, 1.0f, db);
  device_.multiply(false, false, scale_, dy, b, 0.0f, dlow);
  device_.multiply(true, false, 1.0f, dlow, input, 1.0f, da);
  if (!drops()) {
    device_.multiply(false, false, 1.0f, dlow, a, 1.0f, dx);
    return;
  }
  dx_.resize(x.rows * x.cols);
  const Matrix through = matrix(dx_, x.rows, x.cols);
  device_.multiply(false, false, 1.0f, dlow, a, 0.0f, through);
  device_.dropout(through, dropout(site), true, dx);
}

}  // namespace plumb

#include "adapter/lora.h"

#include <algorithm>
#include <string>

#include "ops/cpu/product.h"
#include "ops/parallel.h"

namespace plumb {
namespace {

/// SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
uint64_t mixed(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

Lora::Lora(const DecoderConfig& config, LoraSpec spec, int threads)
    : spec_(std::move(spec)),
      scale_(static_cast<float>(spec_.alpha / static_cast<double>(std::max<int64_t>(1, spec_.rank)))),
      threads_(threads) {
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

void Lora::mask(Site site, Matrix m) const {
  const auto place = static_cast<uint64_t>(site.layer * kLinearMaps + static_cast<int64_t>(site.map));
  const uint64_t seed = mixed(number_ ^ mixed(place));
  // Two elements for each 64 bits; one stays where its 32 bits are not below the share that goes.
  const auto limit = static_cast<uint64_t>(spec_.dropout * 4294967296.0);
  const auto kept = static_cast<float>(1.0 / (1.0 - spec_.dropout));
  parallel_ranges(threads_, m.rows, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t c = 0; c < m.cols; ++c) {
        const auto at = static_cast<uint64_t>(r * m.cols + c);
        const uint64_t bits = mixed(seed + at / 2) >> (32 * (at % 2)) & 0xFFFFFFFFu;
        m.row(r)[c] *= bits < limit ? 0.0f : kept;
      }
  });
}

ConstMatrix Lora::dropped(Site site, ConstMatrix x) {
  if (!drops()) return x;
  dropped_.resize(x.rows * x.cols);
  const Matrix copy = matrix(dropped_, x.rows, x.cols);
  for (int64_t r = 0; r < x.rows; ++r) std::copy_n(x.row(r), x.cols, copy.row(r));
  mask(site, copy);
  return copy;
}

bool Lora::forward(Site site, ConstMatrix x, Matrix y, bool holds_value) {
  const int64_t offset = offset_of(site);
  if (offset == kNone || x.rows == 0) return holds_value;
  const int64_t rank = spec_.rank;
  const float* a = values().data() + offset;
  const float* b = a + rank * x.cols;
  const ConstMatrix input = dropped(site, x);
  low_.resize(x.rows * rank);
  block_product(false, true, x.rows, rank, x.cols, 1.0f, input.data, input.stride, a, x.cols, 0.0f, low_.data(), rank);
  block_product(false, true, x.rows, y.cols, rank, scale_, low_.data(), rank, b, rank, holds_value ? 1.0f : 0.0f,
                y.data, y.stride);
  return true;
}

void Lora::backward(Site site, ConstMatrix x, ConstMatrix dy, Matrix dx) {
  const int64_t offset = offset_of(site);
  if (offset == kNone || x.rows == 0) return;
  const int64_t rank = spec_.rank;
  const int64_t rows = x.rows;
  const float* a = values().data() + offset;
  const float* b = a + rank * x.cols;
  float* da = gradients().data() + offset;
  float* db = da + rank * x.cols;
  const ConstMatrix input = dropped(site, x);
  low_.resize(rows * rank);
  dlow_.resize(rows * rank);
  block_product(false, true, rows, rank, x.cols, 1.0f, input.data, input.stride, a, x.cols, 0.0f, low_.data(), rank);
  block_product(true, false, dy.cols, rank, rows, scale_, dy.data, dy.stride, low_.data(), rank, 1.0f, db, rank);
  block_product(false, false, rows, rank, dy.cols, scale_, dy.data, dy.stride, b, rank, 0.0f, dlow_.data(), rank);
  block_product(true, false, rank, x.cols, rows, 1.0f, dlow_.data(), rank, input.data, input.stride, 1.0f, da, x.cols);
  if (!drops()) {
    block_product(false, false, rows, x.cols, rank, 1.0f, dlow_.data(), rank, a, x.cols, 1.0f, dx.data, dx.stride);
    return;
  }
  dx_.resize(rows * x.cols);
  const Matrix through = matrix(dx_, rows, x.cols);
  block_product(false, false, rows, x.cols, rank, 1.0f, dlow_.data(), rank, a, x.cols, 0.0f, dx_.data(), x.cols);
  mask(site, through);
  parallel_ranges(threads_, rows, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t c = 0; c < x.cols; ++c) dx.row(r)[c] += through.row(r)[c];
  });
}

}  // namespace plumb

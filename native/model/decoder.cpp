#include "model/decoder.h"

#include <algorithm>
#include <cmath>

namespace plumb {
namespace {

/// The maps of a group with the columns they make.
struct MapColumns {
  LinearMap map;
  int64_t first;
  int64_t count;
};

std::vector<MapColumns> columns_of(const DecoderConfig& config, MapGroup group) {
  const auto width = [&](LinearMap map) { return config.output_width(map); };
  switch (group) {
    case MapGroup::qkv:
      return {{LinearMap::q, 0, width(LinearMap::q)},
              {LinearMap::k, config.query_width(), config.kv_width()},
              {LinearMap::v, config.query_width() + config.kv_width(), config.kv_width()}};
    case MapGroup::o:
      return {{LinearMap::o, 0, config.hidden_size}};
    case MapGroup::gate_up:
      return {{LinearMap::gate, 0, config.intermediate_size},
              {LinearMap::up, config.intermediate_size, config.intermediate_size}};
    case MapGroup::down:
      return {{LinearMap::down, 0, config.hidden_size}};
  }
  return {};
}

}  // namespace

Decoder::Activations::Activations(Device& device)
    : attention_rstd(device),
      qkv(device),
      logsum(device),
      middle(device),
      mlp_rstd(device),
      gate_up(device),
      heads(device),
      head_rstd(device),
      attended(device) {}

Decoder::Decoder(Device& device, WeightSource& weights, const Cancellation& cancellation)
    : device_(device),
      weights_(weights),
      config_(weights.config()),
      cancellation_(cancellation),
      tables_(device),
      normed_(device),
      attended_(device),
      taken_(device),
      hidden_(device),
      dwide_(device),
      dnormed_(device),
      dattended_(device),
      dqkv_(device),
      dx_(device),
      dtaken_(device),
      cosine_(device),
      sine_(device) {}

void Decoder::prepare(const std::vector<int32_t>& tokens, const Pass& pass, bool backward) {
  rows_ = {};
  rows_.count = static_cast<int64_t>(tokens.size());
  tables_.clear();
  rows_.tokens = tables_.add(tokens);
  rows_.positions = tables_.add(pass.positions);
  if (pass.cache != nullptr) rows_.cache = tables_.add(*pass.cache_rows);
  rows_.chosen = pass.outputs != nullptr;
  if (rows_.chosen) rows_.outputs = tables_.add(*pass.outputs);
  rows_.output_count = rows_.chosen ? static_cast<int64_t>(pass.outputs->size()) : rows_.count;
  if (backward) {
    std::vector<int64_t> prompt, embedding, sources;
    for (const int32_t token : tokens) {
      sources.push_back(static_cast<int64_t>(sources.size()));
      prompt.push_back(token < 0 ? -1 - int64_t{token} : -1);
      embedding.push_back(token);
    }
    rows_.prompt = tables_.add_sums(prompt, sources);
    rows_.embedding = tables_.add_sums(embedding, sources);
  }
  tables_.upload();
  plan_ = device_.plan_attention(shape(), pass.items);
  prepare_rotation(pass.positions);
}

void Decoder::prepare_rotation(const std::vector<int64_t>& positions) {
  int64_t needed = 0;
  for (const int64_t position : positions) needed = std::max(needed, position + 1);
  if (needed <= rotations_) return;
  const int64_t half = config_.head_size / 2;
  std::vector<float> cosine(static_cast<size_t>(needed * half));
  std::vector<float> sine(cosine.size());
  for (int64_t j = 0; j < half; ++j) {
    // As transformers computes it: the frequency in float32, the angle as a float32 product.
    const auto exponent = static_cast<float>(2 * j) / static_cast<float>(config_.head_size);
    float frequency = 1.0f / std::pow(static_cast<float>(config_.rope_theta), exponent);
    if (!config_.rope_factors.empty()) frequency /= config_.rope_factors[static_cast<size_t>(j)];
    for (int64_t p = 0; p < needed; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      cosine[static_cast<size_t>(p * half + j)] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sine[static_cast<size_t>(p * half + j)] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
  cosine_.resize(needed * half);
  sine_.resize(needed * half);
  cosine_.write(cosine.data(), needed * half);
  sine_.write(sine.data(), needed * half);
  rotations_ = needed;
}

ConstMatrix Decoder::forward(const std::vector<int32_t>& tokens, const Pass& pass, Adapter& adapter, Keep keep) {
  const int64_t layers = config_.layer_count;
  keep_ = keep;
  prepare(tokens, pass, keep != Keep::nothing);
  const int64_t room = Device::round_rows(rows_.count);
  const auto inputs = static_cast<size_t>(keep == Keep::nothing ? 2 : layers + 1);
  while (inputs_.size() < inputs) inputs_.emplace_back(device_);
  for (size_t i = 0; i < inputs; ++i) inputs_[i].resize(room * config_.hidden_size);
  const auto stored = static_cast<size_t>(keep == Keep::all ? layers : 1);
  while (activations_.size() < stored) activations_.emplace_back(device_);

  device_.embed(weights_.embedding_table(), adapter.prompt(), tables_.ints(rows_.tokens), input(0));
  for (int64_t layer = 0; layer < layers; ++layer) {
    cancellation_.check();
    layer_forward(layer, pass.cache, adapter, input(layer), activations(layer), input(layer + 1));
  }
  Matrix out = input(layers);
  out.rows = rows_.output_count;
  return out;
}

void Decoder::norm(ConstMatrix x, const float* weight, DeviceBuffer<float>& rstd, Matrix out) {
  rstd.resize(x.rows);
  device_.rms_norm(x, weight, static_cast<float>(config_.norm_epsilon), out, rstd.data());
}

void Decoder::norm_backward(Norm norm, int64_t layer, Adapter& adapter, ConstMatrix x, const float* weight,
                            const DeviceBuffer<float>& rstd, ConstMatrix dy, Matrix dx) {
  if (float* gradient = adapter.norm_gradient(norm, layer))
    device_.rms_norm_weight_backward(x, rstd.data(), dy, gradient);
  device_.rms_norm_backward(x, weight, rstd.data(), dy, dx);
}

std::optional<const float*> Decoder::joint_bias(int64_t layer, MapGroup group, Adapter& adapter) const {
  const float* joint = nullptr;
  for (const MapColumns& m : columns_of(config_, group)) {
    const std::optional<const float*> added = adapter.bias({layer, m.map});
    const float* own = weights_.bias(layer, m.map);
    if (!added || (*added != nullptr && own != nullptr)) return std::nullopt;
    const float* bias = *added != nullptr ? *added : own;
    if (m.first == 0)
      joint = bias;
    else if (bias != (joint == nullptr ? nullptr : joint + m.first))
      return std::nullopt;
  }
  return joint;
}

void Decoder::linear(int64_t layer, MapGroup group, Adapter& adapter, ConstMatrix x, Matrix y, bool holds_value,
                     ConstMatrix residual) {
  if (!holds_value && device_.begins_products()) {
    if (const std::optional<const float*> bias = joint_bias(layer, group, adapter)) {
      device_.product_from(x, weights_.group(layer, group), residual, *bias, y);
      return;
    }
  }
  if (residual.data != nullptr) {
    device_.copy(residual, y);
    holds_value = true;
  }
  const std::vector<MapColumns> maps = columns_of(config_, group);
  std::vector<bool> wrote;
  for (const MapColumns& m : maps)
    wrote.push_back(adapter.forward({layer, m.map}, x, y.columns(m.first, m.count), holds_value));
  for (size_t i = 0; i < maps.size(); ++i) {
    const float* bias = weights_.bias(layer, maps[i].map);
    if (bias == nullptr) continue;
    device_.bias_forward(bias, y.columns(maps[i].first, maps[i].count), wrote[i]);
    wrote[i] = true;
  }
  const bool any = std::find(wrote.begin(), wrote.end(), true) != wrote.end();
  for (size_t i = 0; i < maps.size() && any; ++i)
    if (!wrote[i]) device_.zero(y.columns(maps[i].first, maps[i].count));
  device_.product_forward(x, weights_.group(layer, group), y, any);
}

void Decoder::linear_backward(int64_t layer, MapGroup group, Adapter& adapter, ConstMatrix x, ConstMatrix dy,
                              Matrix dx) {
  device_.product_backward(dy, weights_.group(layer, group), dx, false);
  for (const MapColumns& m : columns_of(config_, group))
    adapter.backward({layer, m.map}, x, dy.columns(m.first, m.count), dx);
}

void Decoder::layer_forward(int64_t layer, KeyValueCache* cache, Adapter& adapter, ConstMatrix x, Activations& a,
                            Matrix out) {
  const int64_t rows = rows_.count;
  const int64_t room = Device::round_rows(rows);
  const int64_t q_width = config_.query_width();
  const int64_t kv_width = config_.kv_width();
  const int64_t wide = config_.intermediate_size;
  const int64_t heads = config_.head_count + config_.kv_head_count;
  const auto l = static_cast<size_t>(layer);
  normed_.resize(room * config_.hidden_size);
  DeviceBuffer<float>& attended_rows = keeps_attended(adapter) ? a.attended : attended_;
  attended_rows.resize(room * q_width);
  hidden_.resize(room * wide);
  a.qkv.resize(room * config_.qkv_width());
  a.logsum.resize(rows * config_.head_count);
  a.middle.resize(room * config_.hidden_size);
  a.gate_up.resize(room * 2 * wide);
  Matrix normed = matrix(normed_, rows, config_.hidden_size);
  Matrix attended = matrix(attended_rows, rows, q_width);
  const Matrix qkv = matrix(a.qkv, rows, config_.qkv_width());
  Matrix middle = matrix(a.middle, rows, config_.hidden_size);

  norm(x, weights_.attention_norm(layer), a.attention_rstd, normed);
  linear(layer, MapGroup::qkv, adapter, normed, qkv, false);
  if (config_.query_key_norm) {
    a.heads.resize(rows * heads * config_.head_size);
    a.head_rstd.resize(rows * heads);
    device_.head_norms(shape(), qkv, weights_.query_norm(layer), weights_.key_norm(layer),
                       static_cast<float>(config_.norm_epsilon), a.heads.data(), a.head_rstd.data());
  }
  CacheRows cached;
  ConstMatrix keys = qkv.columns(q_width, kv_width);
  ConstMatrix values = qkv.columns(q_width + kv_width, kv_width);
  if (cache != nullptr) {
    cached = {tables_.ints(rows_.cache), cache->keys[l].data(), cache->values[l].data()};
    const int64_t slots = cache->keys[l].size() / kv_width;
    keys = {cached.keys, slots, kv_width, kv_width};
    values = {cached.values, slots, kv_width, kv_width};
  }
  // What the stream gets added is added to a copy of it, which the product writes where it can.
  const bool copies = !device_.begins_products();
  const bool all = !narrows(layer);
  device_.rotate(shape(), rotation(), qkv, cached, x, all && copies ? middle : Matrix{});
  device_.attention_forward(*plan_, qkv.columns(0, q_width), keys, values, attended,
                            matrix(a.logsum, rows, config_.head_count));

  if (narrows(layer)) {
    middle.rows = normed.rows = rows_.output_count;
    taken_.resize(Device::round_rows(middle.rows) * q_width);
    const Matrix taken = matrix(taken_, middle.rows, q_width);
    device_.gather_rows(attended, tables_.ints(rows_.outputs), taken);
    device_.gather_rows(x, tables_.ints(rows_.outputs), middle);
    attended = taken;
  }
  const Matrix hidden = matrix(hidden_, middle.rows, wide);
  const Matrix gate_up = matrix(a.gate_up, middle.rows, 2 * wide);
  linear(layer, MapGroup::o, adapter, attended, middle, copies || !all, copies || !all ? ConstMatrix{} : x);

  norm(middle, weights_.mlp_norm(layer), a.mlp_rstd, normed);
  linear(layer, MapGroup::gate_up, adapter, normed, gate_up, false);
  if (out.data == nullptr) return;
  out.rows = middle.rows;
  device_.swiglu(gate_up, hidden, middle, copies ? out : Matrix{});
  linear(layer, MapGroup::down, adapter, hidden, out, copies, copies ? ConstMatrix{} : middle);
}

void Decoder::backward(Adapter& adapter, Matrix dout) {
  if (keep_ == Keep::nothing || !rows_.chosen)
    fail("internal", "backward without a forward that kept its activations and named its outputs");
  for (int64_t layer = config_.layer_count; layer-- > 0;) {
    cancellation_.check();
    Activations& a = activations(layer);
    if (keep_ == Keep::inputs) layer_forward(layer, nullptr, adapter, input(layer), a, {});
    dout = layer_backward(layer, adapter, input(layer), a, dout);
  }
  const Matrix prompt = adapter.prompt_gradient();
  if (prompt.rows > 0) device_.add_rows(tables_.sums(rows_.prompt), nullptr, dout, prompt);
  const Matrix embedding = adapter.embedding_gradient();
  if (embedding.rows > 0) device_.add_rows(tables_.sums(rows_.embedding), nullptr, dout, embedding);
}

Matrix Decoder::layer_backward(int64_t layer, Adapter& adapter, ConstMatrix x, Activations& a, Matrix dout) {
  const int64_t rows = rows_.count;
  const int64_t count = dout.rows;
  const int64_t room = Device::round_rows(rows);
  const int64_t q_width = config_.query_width();
  const int64_t wide = config_.intermediate_size;
  dwide_.resize(room * wide);
  dnormed_.resize(room * config_.hidden_size);
  dattended_.resize(room * q_width);
  dqkv_.resize(room * config_.qkv_width());
  const Matrix dhidden = matrix(dwide_, count, wide);
  const Matrix dnormed = matrix(dnormed_, rows, config_.hidden_size);
  const Matrix dmlp = matrix(dnormed_, count, config_.hidden_size);
  const Matrix dqkv = matrix(dqkv_, rows, config_.qkv_width());
  const Matrix gate_up = matrix(a.gate_up, count, 2 * wide);
  const Matrix qkv = matrix(a.qkv, rows, config_.qkv_width());
  const Matrix middle = matrix(a.middle, count, config_.hidden_size);
  // What the maps were given, computed again or kept, where the adapter reads it.
  const bool inputs = adapter.reads_inputs();
  Matrix hidden, mlp_input, attended, input;
  if (inputs) {
    hidden = matrix(hidden_, count, wide);
    device_.swiglu(gate_up, hidden, {}, {});
    attended = matrix(a.attended, rows, q_width);
    if (narrows(layer)) {
      attended = matrix(taken_, count, q_width);
      device_.gather_rows(matrix(a.attended, rows, q_width), tables_.ints(rows_.outputs), attended);
    }
  }

  linear_backward(layer, MapGroup::down, adapter, hidden, dout, dhidden);
  device_.swiglu_backward(gate_up, dhidden);
  if (inputs) {
    mlp_input = matrix(normed_, count, config_.hidden_size);
    norm(middle, weights_.mlp_norm(layer), a.mlp_rstd, mlp_input);
  }
  linear_backward(layer, MapGroup::gate_up, adapter, mlp_input, gate_up, dmlp);
  norm_backward(Norm::mlp, layer, adapter, middle, weights_.mlp_norm(layer), a.mlp_rstd, dmlp, dout);

  const Matrix dattended = matrix(dattended_, rows, q_width);
  Matrix dx = dout;
  if (narrows(layer)) {
    dtaken_.resize(Device::round_rows(count) * q_width);
    dx_.resize(room * config_.hidden_size);
    dx = matrix(dx_, rows, config_.hidden_size);
    const Matrix dtaken = matrix(dtaken_, count, q_width);
    linear_backward(layer, MapGroup::o, adapter, attended, dout, dtaken);
    device_.spread_rows(dout, tables_.ints(rows_.outputs), dx);
    device_.spread_rows(dtaken, tables_.ints(rows_.outputs), dattended);
  } else {
    linear_backward(layer, MapGroup::o, adapter, attended, dout, dattended);
  }
  const ConstMatrix out = keeps_attended(adapter) ? matrix(a.attended, rows, q_width) : Matrix{};
  device_.attention_backward(*plan_, qkv, out, matrix(a.logsum, rows, config_.head_count), dattended, dqkv);
  device_.rotate_backward(shape(), rotation(), dqkv);
  if (config_.query_key_norm)
    device_.head_norms_backward(shape(), a.heads.data(), a.head_rstd.data(), weights_.query_norm(layer),
                                weights_.key_norm(layer), dqkv, adapter.norm_gradient(Norm::query, layer),
                                adapter.norm_gradient(Norm::key, layer));
  if (inputs) {
    input = matrix(normed_, rows, config_.hidden_size);
    norm(x, weights_.attention_norm(layer), a.attention_rstd, input);
  }
  linear_backward(layer, MapGroup::qkv, adapter, input, dqkv, dnormed);
  norm_backward(Norm::attention, layer, adapter, x, weights_.attention_norm(layer), a.attention_rstd, dnormed, dx);
  return dx;
}

int64_t Decoder::activation_bytes(const Device& device, const DecoderConfig& config, int64_t rows, int64_t longest,
                                  Keep keep, bool inputs) {
  const bool attended = inputs || (keep != Keep::nothing && device.attention_reads_output());
  const int64_t room = Device::round_rows(rows);
  const int64_t hidden = config.hidden_size;
  const int64_t head_norms =
      config.query_key_norm ? config.query_width() + config.kv_width() + config.head_count + config.kv_head_count : 0;
  const int64_t layer = config.qkv_width() + head_norms + (attended ? config.query_width() : 0) + config.head_count +
                        hidden + 2 + 2 * config.intermediate_size;
  const int64_t streams = keep == Keep::nothing ? 2 : config.layer_count + 1;
  const int64_t stored = keep == Keep::all ? config.layer_count : 1;
  int64_t floats = streams * hidden + stored * layer + hidden + config.query_width() + config.intermediate_size;
  if (keep != Keep::nothing)
    floats += config.intermediate_size + 2 * hidden + config.query_width() + config.qkv_width();
  return room * floats * int64_t{4} +
         device.attention_bytes({config.head_count, config.kv_head_count, config.head_size}, rows, longest);
}

}  // namespace plumb

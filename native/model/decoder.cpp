#include "model/decoder.h"

#include <algorithm>
#include <cmath>

#include "ops/parallel.h"

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

/// Moves some rows, ascending, to the front.
Matrix take_rows(Matrix m, const std::vector<int64_t>& rows) {
  for (size_t i = 0; i < rows.size(); ++i)
    if (const auto to = static_cast<int64_t>(i); rows[i] != to) std::copy_n(m.row(rows[i]), m.cols, m.row(to));
  return {m.data, static_cast<int64_t>(rows.size()), m.cols, m.stride};
}

/// The reverse, with zeros in all other rows.
void spread_rows(Matrix m, const std::vector<int64_t>& rows) {
  int64_t end = m.rows;
  for (size_t i = rows.size(); i-- > 0; end = rows[i]) {
    if (const auto from = static_cast<int64_t>(i); rows[i] != from) std::copy_n(m.row(from), m.cols, m.row(rows[i]));
    for (int64_t r = rows[i] + 1; r < end; ++r) std::fill_n(m.row(r), m.cols, 0.0f);
  }
  for (int64_t r = 0; r < end; ++r) std::fill_n(m.row(r), m.cols, 0.0f);
}

}  // namespace

Decoder::Decoder(WeightSource& weights, Products& products, int threads, const Cancellation& cancellation)
    : weights_(weights),
      config_(weights.config()),
      products_(products),
      threads_(threads),
      cancellation_(cancellation),
      kernel_(kernels()),
      attention_({config_.head_count, config_.kv_head_count, config_.head_size}, threads) {}

void Decoder::prepare_rotation(const std::vector<int64_t>& positions) {
  int64_t needed = 0;
  for (const int64_t position : positions) needed = std::max(needed, position + 1);
  if (needed <= rotations_) return;
  const int64_t half = config_.head_size / 2;
  cosine_.resize(needed * half);
  sine_.resize(needed * half);
  for (int64_t j = 0; j < half; ++j) {
    // As transformers computes it: the frequency in float32, the angle as a float32 product.
    const auto exponent = static_cast<float>(2 * j) / static_cast<float>(config_.head_size);
    float frequency = 1.0f / std::pow(static_cast<float>(config_.rope_theta), exponent);
    if (!config_.rope_factors.empty()) frequency /= config_.rope_factors[static_cast<size_t>(j)];
    for (int64_t p = 0; p < needed; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      cosine_[p * half + j] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sine_[p * half + j] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
  rotations_ = needed;
}

ConstMatrix Decoder::forward(const std::vector<int32_t>& tokens, const Pass& pass, Adapter& adapter, Keep keep) {
  const int64_t hidden = config_.hidden_size;
  const int64_t layers = config_.layer_count;
  keep_ = keep;
  rows_ = static_cast<int64_t>(tokens.size());
  const int64_t room = Products::round_rows(rows_);
  const auto inputs = static_cast<size_t>(keep == Keep::nothing ? 2 : layers + 1);
  if (inputs_.size() < inputs) inputs_.resize(inputs);
  for (size_t i = 0; i < inputs; ++i) inputs_[i].resize(room * hidden);
  const auto stored = static_cast<size_t>(keep == Keep::all ? layers : 1);
  if (activations_.size() < stored) activations_.resize(stored);
  prepare_rotation(pass.positions);

  const Matrix first = input(0);
  parallel_ranges(threads_, rows_, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int32_t token = tokens[static_cast<size_t>(r)];
      if (token < 0)
        adapter.embed(-1 - int64_t{token}, first.row(r));
      else
        weights_.embedding_row(token, first.row(r));
    }
  });
  for (int64_t layer = 0; layer < layers; ++layer) {
    cancellation_.check();
    Activations& a = activations_[static_cast<size_t>(keep == Keep::all ? layer : 0)];
    layer_forward(layer, pass, adapter, input(layer), a, input(layer + 1));
  }
  Matrix out = input(layers);
  if (pass.outputs != nullptr) out.rows = static_cast<int64_t>(pass.outputs->size());
  return out;
}

void Decoder::norm(ConstMatrix x, const float* weight, Buffer<float>& rstd, Matrix out) {
  rstd.resize(x.rows);
  const auto epsilon = static_cast<float>(config_.norm_epsilon);
  parallel_ranges(threads_, x.rows, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) rstd[r] = kernel_.rms_norm(x.row(r), weight, epsilon, out.row(r), x.cols);
  });
}

void Decoder::norm_backward(ConstMatrix x, const float* weight, const Buffer<float>& rstd, ConstMatrix dy, Matrix dx) {
  parallel_ranges(threads_, x.rows, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      kernel_.rms_norm_backward(x.row(r), weight, rstd[r], dy.row(r), dx.row(r), x.cols);
  });
}

void Decoder::norm_heads(int64_t layer, Activations& a, Matrix qkv) {
  const int64_t size = config_.head_size;
  const int64_t heads = config_.head_count + config_.kv_head_count;
  const auto epsilon = static_cast<float>(config_.norm_epsilon);
  a.heads.resize(rows_ * heads * size);
  a.head_rstd.resize(rows_ * heads);
  parallel_ranges(threads_, rows_, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float* before = a.heads.data() + r * heads * size;
      std::copy_n(qkv.row(r), heads * size, before);
      for (int64_t h = 0; h < heads; ++h) {
        const float* weight = h < config_.head_count ? weights_.query_norm(layer) : weights_.key_norm(layer);
        a.head_rstd[r * heads + h] = kernel_.rms_norm(before + h * size, weight, epsilon, qkv.row(r) + h * size, size);
      }
    }
  });
}

void Decoder::norm_heads_backward(int64_t layer, const Activations& a, Adapter& adapter, Matrix dqkv) {
  const int64_t size = config_.head_size;
  const int64_t heads = config_.head_count + config_.kv_head_count;
  for (int64_t r = 0; r < rows_ && adapter.trains_all(); ++r) {
    const ConstMatrix before{a.heads.data() + r * heads * size, heads, size, size};
    const ConstMatrix after{dqkv.row(r), heads, size, size};
    const float* rstd = a.head_rstd.data() + r * heads;
    const int64_t queries = config_.head_count;
    const int64_t keys = config_.kv_head_count;
    adapter.norm_backward(Norm::query, layer, {before.data, queries, size, size}, rstd,
                          {after.data, queries, size, size});
    adapter.norm_backward(Norm::key, layer, {before.row(queries), keys, size, size}, rstd + queries,
                          {after.row(queries), keys, size, size});
  }
  parallel_ranges(threads_, rows_, [&](int64_t begin, int64_t end) {
    Buffer<float> dy(size);
    for (int64_t r = begin; r < end; ++r)
      for (int64_t h = 0; h < heads; ++h) {
        const float* weight = h < config_.head_count ? weights_.query_norm(layer) : weights_.key_norm(layer);
        float* slot = dqkv.row(r) + h * size;
        std::copy_n(slot, size, dy.data());
        std::fill_n(slot, size, 0.0f);
        kernel_.rms_norm_backward(a.heads.data() + (r * heads + h) * size, weight, a.head_rstd[r * heads + h],
                                  dy.data(), slot, size);
      }
  });
}

void Decoder::linear(int64_t layer, MapGroup group, Adapter& adapter, ConstMatrix x, Matrix y, bool holds_value) {
  const std::vector<MapColumns> maps = columns_of(config_, group);
  std::vector<bool> wrote;
  for (const MapColumns& m : maps)
    wrote.push_back(adapter.forward({layer, m.map}, x, y.columns(m.first, m.count), holds_value));
  for (size_t i = 0; i < maps.size(); ++i) {
    const float* bias = weights_.bias(layer, maps[i].map);
    if (bias == nullptr) continue;
    parallel_ranges(threads_, y.rows, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        float* row = y.row(r) + maps[i].first;
        if (wrote[i])
          kernel_.axpy(1.0f, bias, row, maps[i].count);
        else
          std::copy_n(bias, maps[i].count, row);
      }
    });
    wrote[i] = true;
  }
  const bool any = std::find(wrote.begin(), wrote.end(), true) != wrote.end();
  for (size_t i = 0; i < maps.size() && any; ++i)
    if (!wrote[i])
      for (int64_t r = 0; r < y.rows; ++r) std::fill_n(y.row(r) + maps[i].first, maps[i].count, 0.0f);
  products_.forward(x, weights_.group(layer, group), y, any);
}

void Decoder::linear_backward(int64_t layer, MapGroup group, Adapter& adapter, ConstMatrix x, ConstMatrix dy,
                              Matrix dx) {
  products_.backward(dy, weights_.group(layer, group), dx, false);
  for (const MapColumns& m : columns_of(config_, group))
    adapter.backward({layer, m.map}, x, dy.columns(m.first, m.count), dx);
}

void Decoder::layer_forward(int64_t layer, const Pass& pass, Adapter& adapter, ConstMatrix x, Activations& a,
                            Matrix out) {
  const int64_t room = Products::round_rows(rows_);
  const int64_t q_width = config_.query_width();
  const int64_t kv_width = config_.kv_width();
  const int64_t half = config_.head_size / 2;
  normed_.resize(room * config_.hidden_size);
  Buffer<float>& attended_rows = adapter.reads_inputs() ? a.attended : attended_;
  attended_rows.resize(room * q_width);
  hidden_.resize(room * config_.intermediate_size);
  a.qkv.resize(room * config_.qkv_width());
  a.logsum.resize(rows_ * config_.head_count);
  a.middle.resize(room * config_.hidden_size);
  a.gate_up.resize(room * 2 * config_.intermediate_size);
  Matrix normed = matrix(normed_, rows_, config_.hidden_size);
  Matrix attended = matrix(attended_rows, rows_, q_width);
  const Matrix qkv = matrix(a.qkv, rows_, config_.qkv_width());
  Matrix middle = matrix(a.middle, rows_, config_.hidden_size);

  norm(x, weights_.attention_norm(layer), a.attention_rstd, normed);
  linear(layer, MapGroup::qkv, adapter, normed, qkv, false);
  if (config_.query_key_norm) norm_heads(layer, a, qkv);
  const auto l = static_cast<size_t>(layer);
  parallel_ranges(threads_, rows_, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t position = pass.positions[static_cast<size_t>(r)];
      kernel_.rotate(qkv.row(r), config_.head_count + config_.kv_head_count, config_.head_size,
                     cosine_.data() + position * half, sine_.data() + position * half, 1.0f);
      std::copy_n(x.row(r), x.cols, middle.row(r));
      if (pass.cache == nullptr) continue;
      const int64_t slot = (*pass.cache_rows)[static_cast<size_t>(r)] * kv_width;
      std::copy_n(qkv.row(r) + q_width, kv_width, pass.cache->keys[l].data() + slot);
      std::copy_n(qkv.row(r) + q_width + kv_width, kv_width, pass.cache->values[l].data() + slot);
    }
  });
  ConstMatrix keys = qkv.columns(q_width, kv_width);
  ConstMatrix values = qkv.columns(q_width + kv_width, kv_width);
  if (pass.cache != nullptr) {
    const int64_t cached = pass.cache->keys[l].size() / kv_width;
    keys = {pass.cache->keys[l].data(), cached, kv_width, kv_width};
    values = {pass.cache->values[l].data(), cached, kv_width, kv_width};
  }
  attention_.forward(pass.items, qkv.columns(0, q_width), keys, values, attended,
                     matrix(a.logsum, rows_, config_.head_count));

  if (const auto* rows = outputs(layer, pass)) {
    attended = take_rows(attended, *rows);
    middle = take_rows(middle, *rows);
    normed.rows = middle.rows;
  }
  const Matrix hidden = matrix(hidden_, middle.rows, config_.intermediate_size);
  const Matrix gate_up = matrix(a.gate_up, middle.rows, 2 * config_.intermediate_size);
  linear(layer, MapGroup::o, adapter, attended, middle, true);

  norm(middle, weights_.mlp_norm(layer), a.mlp_rstd, normed);
  linear(layer, MapGroup::gate_up, adapter, normed, gate_up, false);
  if (out.data == nullptr) return;
  out.rows = middle.rows;
  const int64_t width = config_.intermediate_size;
  parallel_ranges(threads_, middle.rows, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      kernel_.swiglu(gate_up.row(r), gate_up.row(r) + width, hidden.row(r), width);
      std::copy_n(middle.row(r), middle.cols, out.row(r));
    }
  });
  linear(layer, MapGroup::down, adapter, hidden, out, true);
}

void Decoder::backward(const std::vector<int32_t>& tokens, const Pass& pass, Adapter& adapter, Matrix dout) {
  if (keep_ == Keep::nothing) fail("internal", "backward without a forward that kept its activations");
  for (int64_t layer = config_.layer_count; layer-- > 0;) {
    cancellation_.check();
    Activations& a = activations_[static_cast<size_t>(keep_ == Keep::all ? layer : 0)];
    if (keep_ == Keep::inputs) layer_forward(layer, pass, adapter, input(layer), a, {});
    layer_backward(layer, pass, adapter, input(layer), a, dout);
  }
  for (int64_t r = 0; r < rows_; ++r) {
    const int32_t token = tokens[static_cast<size_t>(r)];
    if (token < 0)
      adapter.embed_backward(-1 - int64_t{token}, dout.row(r));
    else if (adapter.trains_all())
      adapter.token_backward(token, dout.row(r));
  }
}

void Decoder::layer_backward(int64_t layer, const Pass& pass, Adapter& adapter, ConstMatrix x, Activations& a,
                             Matrix dx) {
  const int64_t room = Products::round_rows(rows_);
  const int64_t q_width = config_.query_width();
  const int64_t kv_width = config_.kv_width();
  const int64_t width = config_.intermediate_size;
  const int64_t half = config_.head_size / 2;
  dwide_.resize(room * width);
  dnormed_.resize(room * config_.hidden_size);
  dattended_.resize(room * q_width);
  dqkv_.resize(room * config_.qkv_width());
  const auto* rows = outputs(layer, pass);
  const int64_t count = rows == nullptr ? rows_ : static_cast<int64_t>(rows->size());
  const Matrix dhidden = matrix(dwide_, count, width);
  const Matrix dnormed = matrix(dnormed_, rows_, config_.hidden_size);
  const Matrix dmlp = matrix(dnormed_, count, config_.hidden_size);
  const Matrix dattended = matrix(dattended_, rows_, q_width);
  const Matrix dqkv = matrix(dqkv_, rows_, config_.qkv_width());
  const Matrix gate_up = matrix(a.gate_up, count, 2 * width);
  const Matrix qkv = matrix(a.qkv, rows_, config_.qkv_width());
  const Matrix middle = matrix(a.middle, count, config_.hidden_size);
  const Matrix dout{dx.data, count, dx.cols, dx.stride};
  // What the maps were given, computed again or kept, where the adapter reads it.
  const bool inputs = adapter.reads_inputs();
  Matrix hidden, mlp_input, attended, input;
  if (inputs) {
    hidden = matrix(hidden_, count, width);
    parallel_ranges(threads_, count, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        kernel_.swiglu(gate_up.row(r), gate_up.row(r) + width, hidden.row(r), width);
    });
    attended = matrix(a.attended, count, q_width);
  }

  linear_backward(layer, MapGroup::down, adapter, hidden, dout, dhidden);
  parallel_ranges(threads_, count, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      kernel_.swiglu_backward(gate_up.row(r), gate_up.row(r) + width, dhidden.row(r), width);
  });
  if (inputs) {
    mlp_input = matrix(normed_, count, config_.hidden_size);
    norm(middle, weights_.mlp_norm(layer), a.mlp_rstd, mlp_input);
  }
  linear_backward(layer, MapGroup::gate_up, adapter, mlp_input, gate_up, dmlp);
  if (adapter.trains_all()) adapter.norm_backward(Norm::mlp, layer, middle, a.mlp_rstd.data(), dmlp);
  norm_backward(middle, weights_.mlp_norm(layer), a.mlp_rstd, dmlp, dout);

  linear_backward(layer, MapGroup::o, adapter, attended, dout, matrix(dattended_, count, q_width));
  if (rows != nullptr) {
    spread_rows(dx, *rows);
    spread_rows(dattended, *rows);
  }
  parallel_ranges(threads_, rows_, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) std::fill_n(dqkv.row(r) + q_width, 2 * kv_width, 0.0f);
  });
  attention_.backward(pass.items, qkv.columns(0, q_width), qkv.columns(q_width, kv_width),
                      qkv.columns(q_width + kv_width, kv_width), matrix(a.logsum, rows_, config_.head_count), dattended,
                      dqkv.columns(0, q_width), dqkv.columns(q_width, kv_width),
                      dqkv.columns(q_width + kv_width, kv_width));
  parallel_ranges(threads_, rows_, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t position = pass.positions[static_cast<size_t>(r)];
      kernel_.rotate(dqkv.row(r), config_.head_count + config_.kv_head_count, config_.head_size,
                     cosine_.data() + position * half, sine_.data() + position * half, -1.0f);
    }
  });
  if (config_.query_key_norm) norm_heads_backward(layer, a, adapter, dqkv);
  if (inputs) {
    input = matrix(normed_, rows_, config_.hidden_size);
    norm(x, weights_.attention_norm(layer), a.attention_rstd, input);
  }
  linear_backward(layer, MapGroup::qkv, adapter, input, dqkv, dnormed);
  if (adapter.trains_all()) adapter.norm_backward(Norm::attention, layer, x, a.attention_rstd.data(), dnormed);
  norm_backward(x, weights_.attention_norm(layer), a.attention_rstd, dnormed, dx);
}

int64_t Decoder::activation_bytes(const DecoderConfig& config, int64_t rows, int64_t longest, Keep keep, bool inputs,
                                  int threads) {
  const int64_t room = Products::round_rows(rows);
  const int64_t hidden = config.hidden_size;
  const int64_t head_norms =
      config.query_key_norm ? config.query_width() + config.kv_width() + config.head_count + config.kv_head_count : 0;
  const int64_t layer = config.qkv_width() + head_norms + (inputs ? config.query_width() : 0) + config.head_count +
                        hidden + 2 + 2 * config.intermediate_size;
  const int64_t streams = keep == Keep::nothing ? 2 : config.layer_count + 1;
  const int64_t stored = keep == Keep::all ? config.layer_count : 1;
  int64_t floats = streams * hidden + stored * layer + hidden + config.query_width() + config.intermediate_size;
  if (keep != Keep::nothing)
    floats += config.intermediate_size + 2 * hidden + config.query_width() + config.qkv_width();
  return room * floats * int64_t{4} +
         Attention::scratch_bytes({config.head_count, config.kv_head_count, config.head_size}, threads, longest);
}

}  // namespace plumb

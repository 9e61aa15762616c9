#include "model/weights.h"

#include <algorithm>

namespace plumb {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

}  // namespace

ModelWeights::ModelWeights(const ModelTable& table, Device& device, bool keep)
    : config_(table.config),
      precision_(device.precision()),
      keep_(keep),
      device_(device),
      kernel_(kernels()),
      head_scratch_(device) {
  config_.check();
  for (const std::string& file : table.files) files_.push_back(std::make_unique<MappedFile>(file));
  std::map<std::string, const TensorEntry*> names;
  for (const TensorEntry& entry : table.tensors)
    if (!names.emplace(entry.name, &entry).second) fail("model-tensor", "tensor " + entry.name + " is there twice");

  const int64_t hidden = config_.hidden_size;
  const auto load_row = [&](const std::string& name, int64_t width) {
    const Stored stored = find(names, name, 1, width);
    Buffer<float> row(width);
    kernel_.dequantize(stored.encoded.type, stored.encoded.data, row.data(), width);
    DeviceBuffer<float> there(device_, width);
    there.write(row.data(), width);
    return there;
  };
  for (int64_t layer = 0; layer < config_.layer_count; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    norms_.push_back(load_row(prefix + "input_layernorm.weight", hidden));
    norms_.push_back(load_row(prefix + "post_attention_layernorm.weight", hidden));
    if (config_.query_key_norm)
      for (const char* name : {"self_attn.q_norm.weight", "self_attn.k_norm.weight"})
        head_norms_.push_back(load_row(prefix + name, config_.head_size));
    std::array<Stored, kLinearMaps> maps{};
    biases_.emplace_back();
    kept_.emplace_back();
    for (int g = 0; g < kMapGroups; ++g) kept_.back().emplace_back(device_);
    for (int m = 0; m < kLinearMaps; ++m) {
      const auto map = static_cast<LinearMap>(m);
      const int64_t in = config_.input_width(map);
      maps[static_cast<size_t>(m)] =
          find(names, prefix + names_of(map).module + ".weight", config_.output_width(map), in);
      const std::string bias = prefix + names_of(map).module + ".bias";
      biases_.back().push_back(names.count(bias) > 0 ? load_row(bias, config_.output_width(map))
                                                     : DeviceBuffer<float>(device_));
    }
    layers_.push_back(maps);
  }
  norms_.push_back(load_row("model.norm.weight", hidden));
  embedding_ = find(names, "model.embed_tokens.weight", config_.vocabulary_size, hidden);
  head_ = config_.tied_head ? embedding_ : find(names, "lm_head.weight", config_.vocabulary_size, hidden);
  for (int g = 0; g < kMapGroups; ++g) scratch_.emplace_back(device_);
}

ModelWeights::Stored ModelWeights::find(const std::map<std::string, const TensorEntry*>& table, const std::string& name,
                                        int64_t rows, int64_t cols) const {
  const auto found = table.find(name);
  if (found == table.end()) fail("model-tensor", "the model has no tensor " + name);
  const TensorEntry& entry = *found->second;
  const std::vector<int64_t> expected = rows == 1 ? std::vector<int64_t>{cols} : std::vector<int64_t>{rows, cols};
  if (entry.shape != expected)
    fail("model-tensor", "tensor " + name + " has the shape " + shape_text(entry.shape) +
                             ", the model's config asks for " + shape_text(expected));
  if (entry.file < 0 || entry.file >= static_cast<int64_t>(files_.size()))
    fail("model-tensor",
         "tensor " + name + " lies in file number " + std::to_string(entry.file) + ", which is not given");
  const ElementLayout& layout = layout_of(entry.type);
  if (cols % layout.block_elements != 0)
    fail("model-tensor", "tensor " + name + " has rows of " + std::to_string(cols) +
                             " elements, no multiple of the block of " + layout.name);
  const MappedFile& file = *files_[static_cast<size_t>(entry.file)];
  const int64_t bytes = rows * (cols / layout.block_elements * layout.block_bytes);  // both below 2^31: no overflow
  if (entry.offset < 0 || entry.offset > file.size() || bytes > file.size() - entry.offset)
    fail("model-file", file.path() + ": tensor " + name + " ends outside the file (offset " +
                           std::to_string(entry.offset) + ", " + std::to_string(bytes) + " bytes, file has " +
                           std::to_string(file.size()) + "); the file is cut short or damaged");
  if (entry.interleaved_rows && rows % config_.head_size != 0)
    fail("model-tensor", "tensor " + name + " has " + std::to_string(rows) + " rows, no multiple of the head size");
  return {{file.data() + entry.offset, entry.type, rows, cols, entry.interleaved_rows ? config_.head_size : 0}, &file};
}

void ModelWeights::decode_map(int64_t layer, LinearMap map, float* out) {
  const Stored& matrix = layers_[static_cast<size_t>(layer)][static_cast<size_t>(map)];
  decode(matrix, 0, matrix.rows(), Precision::float32, out);
}

std::vector<float> ModelWeights::decoded(const Stored& matrix) const {
  const Encoded& source = matrix.encoded;
  std::vector<float> out(static_cast<size_t>(source.rows * source.cols));
  for (int64_t r = 0; r < source.rows; ++r)
    kernel_.dequantize(source.type, source.data + source.stored_row(r) * source.row_bytes(),
                       out.data() + r * source.cols, source.cols);
  return out;
}

std::vector<float> ModelWeights::read(const std::string& name) const {
  if (name == "model.embed_tokens.weight") return decoded(embedding_);
  if (name == "lm_head.weight" && !config_.tied_head) return decoded(head_);
  if (name == "model.norm.weight") return norms_.back().read();
  for (int64_t layer = 0; layer < config_.layer_count; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    if (name.rfind(prefix, 0) != 0) continue;
    const std::string rest = name.substr(prefix.size());
    const auto l = static_cast<size_t>(layer);
    if (rest == "input_layernorm.weight") return norms_[2 * l].read();
    if (rest == "post_attention_layernorm.weight") return norms_[2 * l + 1].read();
    if (config_.query_key_norm && rest == "self_attn.q_norm.weight") return head_norms_[2 * l].read();
    if (config_.query_key_norm && rest == "self_attn.k_norm.weight") return head_norms_[2 * l + 1].read();
    for (int m = 0; m < kLinearMaps; ++m) {
      const auto map = static_cast<LinearMap>(m);
      const std::string module = names_of(map).module;
      if (rest == module + ".weight") return decoded(layers_[l][static_cast<size_t>(m)]);
      if (rest == module + ".bias" && bias(layer, map) != nullptr) return biases_[l][static_cast<size_t>(m)].read();
    }
  }
  fail("argument", "the model has no parameter " + name);
}

Encoded ModelWeights::placed(const Stored& matrix) {
  if (device_.shared()) return matrix.encoded;
  Encoded there = matrix.encoded;
  const auto found = placed_.find(there.data);
  if (found != placed_.end()) {
    there.data = found->second.data();
    return there;
  }
  Converted copy(device_, there.bytes());
  copy.write(there.data, there.bytes());
  matrix.file->release(there.data, there.bytes());
  return {placed_.emplace(there.data, std::move(copy)).first->second.data(), there.type, there.rows, there.cols,
          there.interleaved_head};
}

void ModelWeights::decode(const Stored& matrix, int64_t first, int64_t count, Precision precision, void* out) {
  const bool passing = keep_ && !device_.shared() && placed_.count(matrix.encoded.data) == 0;
  device_.decode(placed(matrix), first, count, precision, out);
  if (passing) placed_.erase(matrix.encoded.data);
}

bool ModelWeights::in_place(const Stored& matrix) const {
  const auto type = precision_ == Precision::bfloat16 ? ElementType::bf16 : ElementType::f32;
  const Encoded& source = matrix.encoded;
  return device_.shared() && source.type == type && source.interleaved_head == 0 &&
         reinterpret_cast<uintptr_t>(source.data) % static_cast<uintptr_t>(product_bytes()) == 0;
}

Weights ModelWeights::gather(const Stored* matrices, size_t count, Converted& target) {
  Weights weights{0, matrices[0].cols(), {}};
  for (size_t i = 0; i < count; ++i) weights.out += matrices[i].rows();
  if (std::all_of(matrices, matrices + count, [&](const Stored& m) { return in_place(m); })) {
    int64_t column = 0;
    for (size_t i = 0; i < count; ++i) {
      weights.parts.push_back({matrices[i].encoded.data, matrices[i].rows(), column});
      column += matrices[i].rows();
    }
    return weights;
  }
  if (!keep_ || target.empty()) {
    target.resize(weights.out * weights.in * product_bytes());
    uint8_t* out = target.data();
    for (size_t i = 0; i < count; ++i) {
      decode(matrices[i], 0, matrices[i].rows(), precision_, out);
      out += matrices[i].rows() * weights.in * product_bytes();
      // The system keeps the file's pages as long as it has room; this process need not hold them besides.
      matrices[i].file->release(matrices[i].encoded.data, matrices[i].encoded.bytes());
    }
  }
  weights.parts.push_back({target.data(), weights.out, 0});
  return weights;
}

Weights ModelWeights::group(int64_t layer, MapGroup group) {
  const auto l = static_cast<size_t>(layer);
  const auto g = static_cast<size_t>(group);
  const GroupMaps maps = maps_of(group);
  return gather(&layers_[l][static_cast<size_t>(maps.first)], static_cast<size_t>(maps.count),
                keep_ ? kept_[l][g] : scratch_[g]);
}

int64_t ModelWeights::head_block() const {
  return keep_ ? config_.vocabulary_size : std::min<int64_t>(config_.vocabulary_size, 4096);
}

Weights ModelWeights::head(int64_t first, int64_t count) {
  Weights weights{count, head_.cols(), {}};
  if (in_place(head_)) {
    weights.parts.push_back({head_.encoded.data + first * head_.encoded.row_bytes(), count, 0});
    return weights;
  }
  const int64_t row = head_.cols() * product_bytes();
  if (keep_) {
    if (!head_kept_) {
      head_scratch_.resize(head_.rows() * row);
      decode(head_, 0, head_.rows(), precision_, head_scratch_.data());
      head_kept_ = true;
    }
    weights.parts.push_back({head_scratch_.data() + first * row, count, 0});
  } else {
    head_scratch_.resize(count * row);
    decode(head_, first, count, precision_, head_scratch_.data());
    weights.parts.push_back({head_scratch_.data(), count, 0});
  }
  return weights;
}

void ModelWeights::embedding_row(int64_t token, float* out) const {
  const Encoded& table = embedding_.encoded;
  kernel_.dequantize(table.type, table.data + token * table.row_bytes(), out, table.cols);
}

int64_t ModelWeights::placed_bytes() const {
  int64_t bytes = embedding_.encoded.bytes() + (config_.tied_head ? 0 : head_.encoded.bytes());
  int64_t largest = 0;  // of those that pass through, one is there at a time
  for (const auto& maps : layers_)
    for (const Stored& map : maps) {
      largest = std::max(largest, map.encoded.bytes());
      if (!keep_) bytes += map.encoded.bytes();
    }
  return keep_ ? bytes + largest : bytes;
}

int64_t ModelWeights::converted_bytes(bool head) const {
  int64_t bytes = 0;
  for (const auto& maps : layers_) {
    int64_t layer = 0;
    for (int g = 0; g < kMapGroups; ++g) {
      const GroupMaps group = maps_of(static_cast<MapGroup>(g));
      const auto* begin = &maps[static_cast<size_t>(group.first)];
      const auto* end = begin + group.count;
      if (std::all_of(begin, end, [&](const Stored& m) { return in_place(m); })) continue;
      for (const auto* m = begin; m != end; ++m) layer += m->rows() * m->cols() * product_bytes();
    }
    bytes = keep_ ? bytes + layer : std::max(bytes, layer);
  }
  if (head && !in_place(head_)) bytes += head_block() * head_.cols() * product_bytes();
  if (!device_.shared()) bytes += placed_bytes();
  return bytes;
}

}  // namespace plumb

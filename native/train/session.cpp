#include "train/session.h"

#include <algorithm>
#include <string>

#include "adapter/full.h"
#include "ops/cpu/cpu_device.h"
#include "ops/parallel.h"
#include "train/sampler.h"

namespace plumb {
namespace {

std::unique_ptr<Adapter> make_adapter(Model& model, const MethodSpec& method) {
  const auto each_once = [](std::vector<LinearMap> maps, const char* field) {
    std::sort(maps.begin(), maps.end());
    if (std::adjacent_find(maps.begin(), maps.end()) != maps.end())
      fail("argument", std::string("method: ") + field + " names a linear map twice");
    return maps;
  };
  const auto biases = each_once(method.biases, "biases");
  if (method.full) {
    if (method.lora || method.prompt.left + method.prompt.right > 0 || !biases.empty())
      fail("argument", "method: where all parameters train, nothing else does");
    return std::make_unique<Full>(*model.device, model.weights);
  }
  if (method.lora) {
    if (method.prompt.left + method.prompt.right > 0 || !biases.empty())
      fail("argument", "method: low-rank updates go without prompt vectors and biases");
    LoraSpec spec = *method.lora;
    spec.maps = each_once(spec.maps, "lora.maps");
    return std::make_unique<Lora>(*model.device, model.config(), std::move(spec));
  }
  return std::make_unique<PromptBias>(*model.device, model.config(), method.prompt, biases);
}

}  // namespace

Precision best_precision() {
  return cpu_features().avx512_bf16 ? Precision::bfloat16 : Precision::float32;
}

Model::Model(const ModelTable& table, const ModelOptions& options)
    : Model(table, std::make_unique<CpuDevice>(options.precision, team_size(options.threads)), options) {}

Model::Model(const ModelTable& table, std::unique_ptr<Device> where, const ModelOptions& options)
    : threads(team_size(options.threads)), device(std::move(where)), weights(table, *device, options.keep_weights) {}

int64_t Model::forecast(int64_t rows, int64_t longest, int64_t targets, Keep keep, bool inputs) const {
  int64_t bytes = weights.converted_bytes(targets > 0) + Head::scratch_bytes(config(), targets) +
                  Decoder::activation_bytes(*device, config(), rows, longest, keep, inputs) +
                  device->product_bytes(rows, std::max(config().qkv_width(), 2 * config().intermediate_size));
  if (keep != Keep::nothing) bytes += 4 * rows * config().hidden_size;
  return bytes;
}

Session::Session(std::shared_ptr<Model> model, const MethodSpec& method, const SessionOptions& options,
                 std::shared_ptr<Cancellation> cancellation)
    : model_(std::move(model)),
      cancellation_(cancellation == nullptr ? std::make_shared<Cancellation>() : std::move(cancellation)),
      adapter_(make_adapter(*model_, method)),
      keep_(options.checkpoint ? Keep::inputs : Keep::all),
      decoder_(*model_->device, weights(), *cancellation_),
      head_(*model_->device, weights()),
      optimizer_(*model_->device, *adapter_, options.moments),
      dhidden_(*model_->device),
      asked_(*model_->device) {}

WeightSource& Session::weights() {
  WeightSource* own = adapter_->weights();
  return own == nullptr ? static_cast<WeightSource&>(model_->weights) : *own;
}

void Session::prepare(Batch& batch) {
  const DecoderConfig& config = model_->config();
  batch.tree.index(config.vocabulary_size, adapter_->prompt_length(), config.context_length);
  batch.questions.check(batch.tree.rows(), config.vocabulary_size);
  set_product_threads(model_->threads);
}

double Session::accumulate(Batch& batch, int64_t number) {
  try {
    cancellation_->check();
    prepare(batch);
    adapter_->gradients();  // where there is no room for them, nothing need be computed
    const Tree& tree = batch.tree;
    passes_ = number + 1;
    adapter_->begin(true, static_cast<uint64_t>(optimizer_.steps) << 20 | static_cast<uint64_t>(number));
    const std::vector<int64_t> asked = batch.questions.rows();
    const Pass pass{tree.positions, tree.items, nullptr, nullptr, &asked};
    const ConstMatrix hidden = decoder_.forward(tree.tokens, pass, *adapter_, keep_);
    dhidden_.resize(Device::round_rows(hidden.rows) * hidden.cols);
    Matrix dhidden = matrix(dhidden_, hidden.rows, hidden.cols);
    head_.ask(batch.questions, asked, hidden, &dhidden, *adapter_);
    decoder_.backward(*adapter_, dhidden);
    adapter_->end();
    return head_.answers(batch.questions).loss;
  } catch (...) {
    adapter_->drop_gradients();
    throw;
  }
}

Answers Session::score(Batch& batch) {
  prepare(batch);
  adapter_->begin(false, 0);
  const std::vector<int64_t> asked = batch.questions.rows();
  const Pass pass{batch.tree.positions, batch.tree.items, nullptr, nullptr, &asked};
  const ConstMatrix hidden = decoder_.forward(batch.tree.tokens, pass, *adapter_, Keep::nothing);
  head_.ask(batch.questions, asked, hidden, nullptr, *adapter_);
  return head_.answers(batch.questions);
}

std::vector<float> Session::prompt() {
  adapter_->begin(false, 0);
  const ConstMatrix prompt = adapter_->prompt();
  std::vector<float> vectors(static_cast<size_t>(prompt.rows * prompt.cols));
  if (!vectors.empty())
    model_->device->download(prompt.data, vectors.data(), bytes_of<float>(prompt.rows * prompt.cols));
  return vectors;
}

std::vector<std::vector<int32_t>> Session::generate(Tree& tree, const GenerateOptions& options) {
  const DecoderConfig& config = model_->config();
  tree.index(config.vocabulary_size, adapter_->prompt_length(), config.context_length);
  set_product_threads(model_->threads);
  if (options.max_tokens < 0 || options.max_tokens > config.context_length)
    fail("argument", "generate: maxTokens is " + std::to_string(options.max_tokens) + ", expected 0 to " +
                         std::to_string(config.context_length));
  adapter_->begin(false, 0);
  Sampler sampler(options.temperature, options.top_p, options.seed, options.leaves.size());

  struct Sequence {
    size_t leaf;  // index into options.leaves
    size_t segment;
    int64_t position;  // of the next token
    int64_t first_slot;
    int64_t room;  // tokens it may still get
    int64_t row;   // of the returned hidden states: the one that predicts the next token
  };
  std::vector<Sequence> live;
  for (size_t i = 0; i < options.leaves.size(); ++i) {
    const int32_t leaf = options.leaves[i];
    const auto segment = static_cast<size_t>(leaf);
    if (leaf < 0 || segment >= tree.items.size() || tree.items[segment].count == 0)
      fail("argument", "generate: leaves[" + std::to_string(i) + "] is " + std::to_string(leaf) +
                           ", expected a segment that has tokens");
    const AttentionItem& item = tree.items[segment];
    const int64_t last = item.query + item.count - 1;
    const int64_t position = tree.positions[static_cast<size_t>(last)] + 1;
    const int64_t room = std::min(options.max_tokens, config.context_length - position);
    live.push_back({i, segment, position, tree.rows() + static_cast<int64_t>(i) * options.max_tokens, room, last});
  }
  std::vector<std::vector<int32_t>> texts(options.leaves.size());
  if (live.empty() || options.max_tokens == 0) return texts;

  const int64_t slots = tree.rows() + static_cast<int64_t>(live.size()) * options.max_tokens;
  for (auto* side : {&cache_.keys, &cache_.values}) {
    while (side->size() < static_cast<size_t>(config.layer_count)) side->emplace_back(*model_->device);
    for (DeviceBuffer<float>& layer : *side) layer.resize(slots * config.kv_width());
  }

  std::vector<int64_t> cache_rows(static_cast<size_t>(tree.rows()));
  for (size_t r = 0; r < cache_rows.size(); ++r) cache_rows[r] = static_cast<int64_t>(r);
  std::vector<int64_t> last_rows;
  for (const Sequence& sequence : live) last_rows.push_back(sequence.row);
  std::sort(last_rows.begin(), last_rows.end());
  last_rows.erase(std::unique(last_rows.begin(), last_rows.end()), last_rows.end());
  for (Sequence& sequence : live)
    sequence.row = std::lower_bound(last_rows.begin(), last_rows.end(), sequence.row) - last_rows.begin();
  const Pass first{tree.positions, tree.items, &cache_, &cache_rows, &last_rows};
  ConstMatrix hidden = decoder_.forward(tree.tokens, first, *adapter_, Keep::nothing);
  Tables tables(*model_->device);
  while (!live.empty()) {
    std::vector<int64_t> rows;
    for (const Sequence& sequence : live) rows.push_back(sequence.row);
    tables.clear();
    const Tables::Place place = tables.add(rows);
    tables.upload();
    asked_.resize(static_cast<int64_t>(live.size()) * config.hidden_size);
    const Matrix asked = matrix(asked_, static_cast<int64_t>(live.size()), config.hidden_size);
    model_->device->gather_rows(hidden, tables.ints(place), asked);
    const float* logits = head_.logits(asked).data();

    std::vector<Sequence> next;
    std::vector<int32_t> tokens;
    std::vector<int64_t> positions;
    std::vector<AttentionItem> items;
    cache_rows.clear();
    for (size_t i = 0; i < live.size(); ++i) {
      Sequence sequence = live[i];
      if (sequence.room == 0) continue;
      const int32_t token = sampler.pick(logits + static_cast<int64_t>(i) * config.vocabulary_size,
                                         config.vocabulary_size, sequence.leaf);
      if (std::find(options.end_tokens.begin(), options.end_tokens.end(), token) != options.end_tokens.end()) continue;
      auto& text = texts[sequence.leaf];
      text.push_back(token);
      const auto made = static_cast<int64_t>(text.size());
      if (--sequence.room == 0) continue;
      const AttentionItem& leaf = tree.items[sequence.segment];
      sequence.row = static_cast<int64_t>(tokens.size());
      AttentionItem item{sequence.row, 1, leaf.ancestors, {sequence.first_slot, made}};
      item.ancestors.push_back(leaf.own);
      items.push_back(std::move(item));
      tokens.push_back(token);
      positions.push_back(sequence.position++);
      cache_rows.push_back(sequence.first_slot + made - 1);
      next.push_back(sequence);
    }
    live = std::move(next);
    if (!live.empty())
      hidden = decoder_.forward(tokens, {positions, items, &cache_, &cache_rows}, *adapter_, Keep::nothing);
  }
  return texts;
}

void Session::write(const std::vector<float>& values) {
  if (static_cast<int64_t>(values.size()) != adapter_->size())
    fail("argument", "write: " + std::to_string(values.size()) + " values given, the method has " +
                         std::to_string(adapter_->size()));
  adapter_->values().write(values.data(), adapter_->size());
  adapter_->changed();
}

std::vector<StateList> Session::state() {
  std::vector<StateList> all = optimizer_.lists();
  all.insert(all.begin(), {"parameters", &adapter_->values()});
  return all;
}

void Session::resume(int64_t steps) {
  if (steps < 0) fail("state", "resume: steps is below 0");
  optimizer_.steps = steps;
  adapter_->changed();
  passes_ = 0;
  adapter_->gradients().clear();
}

}  // namespace plumb

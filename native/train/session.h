#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "adapter/adapter.h"
#include "adapter/lora.h"
#include "adapter/prompt_bias.h"
#include "model/decoder.h"
#include "model/head.h"
#include "model/tree.h"
#include "model/weights.h"
#include "tensor/cancellation.h"
#include "train/adamw.h"

namespace plumb {

struct ModelOptions {
  int threads = 0;  ///< 0: all that OpenMP offers
  Precision precision = Precision::float32;
  bool keep_weights = true;
};

/// A base model ready for products. Shared by its sessions; used from one thread at a time.
class Model {
 public:
  /// On the processor.
  Model(const ModelTable& table, const ModelOptions& options);
  /// On a device of any kind, whose own precision counts.
  Model(const ModelTable& table, std::unique_ptr<Device> device, const ModelOptions& options);

  const DecoderConfig& config() const { return weights.config(); }
  /// Bytes of memory for weights and one micro-batch.
  /// `inputs`: the method reads the maps' inputs.
  int64_t forecast(int64_t rows, int64_t longest, int64_t targets, Keep keep, bool inputs) const;

  const int threads;
  const std::unique_ptr<Device> device;
  ModelWeights weights;
};

/// The product type that "auto" stands for on this processor.
Precision best_precision();

/// What trains: prompt vectors and biases, or low-rank updates, or all of the model's own parameters.
struct MethodSpec {
  PromptSpec prompt;
  std::vector<LinearMap> biases;
  std::optional<LoraSpec> lora = std::nullopt;
  bool full = false;
};

struct Batch {
  Tree tree;
  Questions questions;
};

struct GenerateOptions {
  std::vector<int32_t> leaves;
  int64_t max_tokens = 0;
  std::vector<int32_t> end_tokens;
  double temperature = 0;
  double top_p = 1;
  uint64_t seed = 0;
};

/// How a session trains; the same for all methods.
struct SessionOptions {
  bool checkpoint = false;  ///< keep each layer's input only, and compute the layer again on the way back
  MomentBits moments = MomentBits::all32;
};

/// One adapter on one model: training, scoring and generation. Used from one thread at a time, but for
/// cancellation().request().
class Session {
 public:
  /// `cancellation`: what several sessions that work as one are called off by; null: one of its own.
  Session(std::shared_ptr<Model> model, const MethodSpec& method, const SessionOptions& options,
          std::shared_ptr<Cancellation> cancellation = nullptr);

  Cancellation& cancellation() { return *cancellation_; }
  Adapter& adapter() { return *adapter_; }

  /// Adds the gradient of the batch's loss, and returns the loss. An error drops all that was accumulated.
  double accumulate(Batch& batch) { return accumulate(batch, passes_); }
  /// The same as the pass of that number since the last step, which says what is drawn at random in it.
  double accumulate(Batch& batch, int64_t number);
  StepResult step(const StepOptions& options) {
    passes_ = 0;
    return optimizer_.step(*adapter_, options);
  }
  Answers score(Batch& batch);
  /// The prompt vectors as they enter the model, [prompt length, hidden].
  std::vector<float> prompt();
  std::vector<std::vector<int32_t>> generate(Tree& tree, const GenerateOptions& options);
  /// Sets all parameters, in the order of the adapter's. Throws "argument" for another number of values.
  void write(const std::vector<float>& values);
  /// All that going on to the bit needs, besides the number of steps done.
  std::vector<StateList> state();
  int64_t steps() const { return optimizer_.steps; }
  /// Goes on behind a step whose state was written into the lists.
  void resume(int64_t steps);

 private:
  void prepare(Batch& batch);
  /// What decoder and head compute with.
  WeightSource& weights();

  std::shared_ptr<Model> model_;
  std::shared_ptr<Cancellation> cancellation_;
  std::unique_ptr<Adapter> adapter_;
  Keep keep_;
  Decoder decoder_;
  Head head_;
  AdamW optimizer_;
  int64_t passes_ = 0;  ///< number of the next training pass since the last step
  DeviceBuffer<float> dhidden_, asked_;
  KeyValueCache cache_;
};

}  // namespace plumb

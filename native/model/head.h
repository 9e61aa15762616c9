#pragma once
#include <cstdint>
#include <vector>

#include "adapter/adapter.h"
#include "model/weight_source.h"
#include "ops/cpu/kernels.h"
#include "ops/cpu/product.h"

namespace plumb {

/// What a batch's rows are asked for. A choice restricts the next-token logits of its row to its candidates; a target
/// is a token under the softmax of the whole vocabulary.
struct Questions {
  std::vector<int32_t> choice_row;
  std::vector<int32_t> choice_start;  ///< one more than choices
  std::vector<int32_t> candidates;
  std::vector<int32_t> choice_answer;  ///< -1: scored, carries no loss
  std::vector<float> choice_weight;
  std::vector<int32_t> target_row;
  std::vector<int32_t> target_token;
  std::vector<float> target_weight;

  /// Throws "batch" naming the field and the index.
  void check(int64_t rows, int64_t vocabulary) const;
  /// The rows that are asked, ascending, each once.
  std::vector<int64_t> rows() const;
};

struct Answers {
  double loss = 0;             ///< sum of weight * -log P(answer)
  std::vector<float> choices;  ///< log P(candidate) within its choice
  std::vector<float> targets;  ///< log P(token)
};

/// Final norm, output head and losses, for the rows that carry a question and no others.
class Head {
 public:
  Head(WeightSource& weights, Products& products, int threads);

  /// `hidden` [rows of the questions, hidden size] as the last layer left them. `dhidden`, where not empty, is
  /// overwritten with the gradient of the loss, and the adapter is told of the head's own where it trains all.
  Answers answer(const Questions& questions, const std::vector<int64_t>& rows, ConstMatrix hidden, Matrix dhidden,
                 Adapter& adapter);

  /// Logits over the vocabulary, [rows, vocabulary], for sampling; valid until the next call.
  ConstMatrix logits(ConstMatrix hidden);

  static int64_t scratch_bytes(const DecoderConfig& config, int64_t targets);

 private:
  void choose(const Questions& questions, const std::vector<int64_t>& slot, Adapter* training, Answers& answers);
  void predict(const Questions& questions, const std::vector<int64_t>& slot, Adapter* training, Answers& answers);
  void vocabulary_product(ConstMatrix x, Matrix logits);

  WeightSource& weights_;
  Products& products_;
  int threads_;
  const Kernels& kernel_;
  Buffer<float> normed_, dnormed_, rstd_, logits_, gathered_, dgathered_;
};

}  // namespace plumb

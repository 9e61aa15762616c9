#pragma once
#include <cstdint>
#include <vector>

#include "adapter/adapter.h"
#include "model/weight_source.h"
#include "ops/tables.h"

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
  Head(Device& device, WeightSource& weights);

  /// Asks the questions of `hidden` [rows, hidden size], their rows() as the last layer left them. Where dhidden is not
  /// null it becomes the gradient of the loss, and the adapter's gradients of the head are added to.
  void ask(const Questions& questions, const std::vector<int64_t>& rows, ConstMatrix hidden, Matrix* dhidden,
           Adapter& adapter);
  /// What came out. Waits for the device, so that it is called once all else is under way.
  Answers answers(const Questions& questions) const;

  /// Logits over the vocabulary, [rows, vocabulary], for sampling; valid until the next call.
  const std::vector<float>& logits(ConstMatrix hidden);

  static int64_t scratch_bytes(const DecoderConfig& config, int64_t targets);

 private:
  /// A block of targets whose logits are held at once, and where their gradients go.
  struct Block {
    int64_t first, count;
    Tables::Sums sums;
  };
  /// Lists of the questions, on the device. Slots are rows of `hidden`.
  struct Lists {
    Tables::Place choice_slots, choice_starts, choice_places, choice_answers, choice_weights, unique;
    int64_t unique_count = 0;
    Tables::Sums to_slots, to_head;  ///< candidates' slopes
    Tables::Place target_slots, target_tokens, target_weights;
    std::vector<Block> blocks;
  };
  void prepare(const Questions& questions, const std::vector<int64_t>& rows);
  void choose(const Questions& questions, Adapter* training);
  void predict(Adapter* training);
  void vocabulary_product(ConstMatrix x, Matrix logits);
  Matrix normed() { return matrix(normed_, slots_, weights_.config().hidden_size); }
  Matrix dnormed() { return matrix(dnormed_, slots_, weights_.config().hidden_size); }

  Device& device_;
  WeightSource& weights_;
  Tables tables_;
  Lists lists_;
  int64_t slots_ = 0;
  DeviceBuffer<float> normed_, dnormed_, rstd_, logits_, gathered_, dgathered_, slopes_, choices_, targets_;
  std::vector<float> host_logits_;
};

}  // namespace plumb

#include "model/head.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "ops/parallel.h"

namespace plumb {
namespace {

/// Target rows whose logits over the whole vocabulary are held at once.
constexpr int64_t kTargetBlock = 64;

void check_index(const char* field, size_t i, int64_t value, int64_t low, int64_t end) {
  if (value < low || value >= end)
    fail("batch", std::string("batch: ") + field + "[" + std::to_string(i) + "] is " + std::to_string(value) +
                      ", expected " + std::to_string(low) + " to " + std::to_string(end - 1));
}

void check_length(const char* field, size_t found, size_t expected) {
  if (found != expected)
    fail("batch", std::string("batch: ") + field + " has " + std::to_string(found) + " entries, expected " +
                      std::to_string(expected));
}

}  // namespace

void Questions::check(int64_t rows, int64_t vocabulary) const {
  const size_t choices = choice_row.size();
  check_length("choiceStart", choice_start.size(), choices + 1);
  check_length("choiceAnswer", choice_answer.size(), choices);
  check_length("choiceWeight", choice_weight.size(), choices);
  check_length("targetToken", target_token.size(), target_row.size());
  check_length("targetWeight", target_weight.size(), target_row.size());
  const auto end = static_cast<int64_t>(candidates.size());
  check_index("choiceStart", 0, choice_start[0], 0, 1);
  check_index("choiceStart", choices, choice_start[choices], end, end + 1);
  for (size_t i = 0; i < choices; ++i) {
    check_index("choiceRow", i, choice_row[i], 0, rows);
    check_index("choiceStart", i + 1, choice_start[i + 1], choice_start[i] + 1, end + 1);
    check_index("choiceAnswer", i, choice_answer[i], -1, choice_start[i + 1] - choice_start[i]);
    if (!std::isfinite(choice_weight[i])) fail("batch", "batch: choiceWeight[" + std::to_string(i) + "] is not finite");
  }
  for (size_t i = 0; i < candidates.size(); ++i) check_index("candidates", i, candidates[i], 0, vocabulary);
  for (size_t i = 0; i < target_row.size(); ++i) {
    check_index("targetRow", i, target_row[i], 0, rows);
    check_index("targetToken", i, target_token[i], 0, vocabulary);
    if (!std::isfinite(target_weight[i])) fail("batch", "batch: targetWeight[" + std::to_string(i) + "] is not finite");
  }
}

std::vector<int64_t> Questions::rows() const {
  std::vector<int64_t> rows(choice_row.begin(), choice_row.end());
  rows.insert(rows.end(), target_row.begin(), target_row.end());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

Head::Head(WeightSource& weights, Products& products, int threads)
    : weights_(weights), products_(products), threads_(threads), kernel_(kernels()) {}

Answers Head::answer(const Questions& questions, const std::vector<int64_t>& rows, ConstMatrix hidden, Matrix dhidden,
                     Adapter& adapter) {
  const int64_t width = weights_.config().hidden_size;
  const bool gradient = dhidden.data != nullptr;
  const auto count = static_cast<int64_t>(rows.size());
  std::vector<int64_t> slot(rows.empty() ? 0 : static_cast<size_t>(rows.back()) + 1, -1);
  for (size_t i = 0; i < rows.size(); ++i) slot[static_cast<size_t>(rows[i])] = static_cast<int64_t>(i);
  normed_.resize(count * width);
  rstd_.resize(count);
  const auto epsilon = static_cast<float>(weights_.config().norm_epsilon);
  const float* weight = weights_.final_norm();
  parallel_ranges(threads_, count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      rstd_[i] = kernel_.rms_norm(hidden.row(i), weight, epsilon, normed_.data() + i * width, width);
  });
  if (gradient) {
    dnormed_.resize(count * width);
    std::fill_n(dnormed_.data(), count * width, 0.0f);
  }
  Answers answers;
  Adapter* training = gradient ? &adapter : nullptr;
  choose(questions, slot, training, answers);
  predict(questions, slot, training, answers);
  if (gradient && adapter.trains_all())
    adapter.norm_backward(Norm::last, 0, hidden, rstd_.data(), {dnormed_.data(), count, width, width});
  for (int64_t i = 0; i < count && gradient; ++i) {
    std::fill_n(dhidden.row(i), width, 0.0f);
    kernel_.rms_norm_backward(hidden.row(i), weight, rstd_[i], dnormed_.data() + i * width, dhidden.row(i), width);
  }
  return answers;
}

void Head::choose(const Questions& questions, const std::vector<int64_t>& slot, Adapter* training, Answers& answers) {
  const int64_t width = weights_.config().hidden_size;
  const size_t choices = questions.choice_row.size();
  answers.choices.resize(questions.candidates.size());
  if (choices == 0) return;
  // Rows of the head are turned to float32 once for each candidate that occurs.
  std::unordered_map<int32_t, int64_t> place;
  std::vector<int32_t> unique;
  for (const int32_t token : questions.candidates)
    if (place.emplace(token, static_cast<int64_t>(unique.size())).second) unique.push_back(token);
  gathered_.resize(static_cast<int64_t>(unique.size()) * width);
  parallel_ranges(threads_, static_cast<int64_t>(unique.size()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      weights_.head_row(unique[static_cast<size_t>(i)], gathered_.data() + i * width);
  });
  const auto head_row = [&](size_t candidate) {
    return gathered_.data() + place.at(questions.candidates[candidate]) * width;
  };
  parallel_ranges(threads_, static_cast<int64_t>(choices), [&](int64_t begin, int64_t end) {
    for (auto c = static_cast<size_t>(begin); c < static_cast<size_t>(end); ++c) {
      const float* x = normed_.data() + slot[static_cast<size_t>(questions.choice_row[c])] * width;
      const auto first = static_cast<size_t>(questions.choice_start[c]);
      const auto last = static_cast<size_t>(questions.choice_start[c + 1]);
      double top = -HUGE_VAL;
      for (size_t i = first; i < last; ++i) {
        answers.choices[i] = kernel_.dot(x, head_row(i), width);
        top = std::max(top, static_cast<double>(answers.choices[i]));
      }
      double sum = 0;
      for (size_t i = first; i < last; ++i) sum += std::exp(static_cast<double>(answers.choices[i]) - top);
      const double logsum = top + std::log(sum);
      for (size_t i = first; i < last; ++i)
        answers.choices[i] = static_cast<float>(static_cast<double>(answers.choices[i]) - logsum);
    }
  });
  for (size_t c = 0; c < choices; ++c) {
    if (questions.choice_answer[c] < 0) continue;
    const auto first = static_cast<size_t>(questions.choice_start[c]);
    const auto last = static_cast<size_t>(questions.choice_start[c + 1]);
    const size_t truth = first + static_cast<size_t>(questions.choice_answer[c]);
    const float weight = questions.choice_weight[c];
    answers.loss -= static_cast<double>(weight) * static_cast<double>(answers.choices[truth]);
    if (training == nullptr) continue;
    float* dx = dnormed_.data() + slot[static_cast<size_t>(questions.choice_row[c])] * width;
    for (size_t i = first; i < last; ++i) {
      const float slope = weight * (std::exp(answers.choices[i]) - (i == truth ? 1.0f : 0.0f));
      kernel_.axpy(slope, head_row(i), dx, width);
      if (training->trains_all())
        training->head_row_backward(questions.candidates[i],
                                    normed_.data() + slot[static_cast<size_t>(questions.choice_row[c])] * width, slope);
    }
  }
}

void Head::vocabulary_product(ConstMatrix x, Matrix logits) {
  const int64_t vocabulary = weights_.config().vocabulary_size;
  const int64_t block = weights_.head_block();
  for (int64_t first = 0; first < vocabulary; first += block) {
    const int64_t count = std::min(block, vocabulary - first);
    products_.forward(x, weights_.head(first, count), logits.columns(first, count), false);
  }
}

void Head::predict(const Questions& questions, const std::vector<int64_t>& slot, Adapter* training, Answers& answers) {
  const int64_t width = weights_.config().hidden_size;
  const int64_t vocabulary = weights_.config().vocabulary_size;
  const auto targets = static_cast<int64_t>(questions.target_row.size());
  answers.targets.resize(static_cast<size_t>(targets));
  for (int64_t begin = 0; begin < targets; begin += kTargetBlock) {
    const int64_t count = std::min(kTargetBlock, targets - begin);
    const int64_t room = Products::round_rows(count);
    gathered_.resize(room * width);
    logits_.resize(room * vocabulary);
    const Matrix x = matrix(gathered_, count, width);
    const Matrix logits = matrix(logits_, count, vocabulary);
    const auto slot_of = [&](int64_t i) {
      return slot[static_cast<size_t>(questions.target_row[static_cast<size_t>(begin + i)])] * width;
    };
    for (int64_t i = 0; i < count; ++i) std::copy_n(normed_.data() + slot_of(i), width, x.row(i));
    vocabulary_product(x, logits);
    parallel_ranges(threads_, count, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const auto t = static_cast<size_t>(begin + i);
        float* row = logits.row(i);
        const float logit = row[questions.target_token[t]];
        answers.targets[t] = logit - kernel_.softmax(row, vocabulary, vocabulary);
        if (training == nullptr) continue;
        row[questions.target_token[t]] -= 1.0f;
        const float weight = questions.target_weight[t];
        for (int64_t v = 0; v < vocabulary; ++v) row[v] *= weight;
      }
    });
    for (int64_t i = 0; i < count; ++i) {
      const auto t = static_cast<size_t>(begin + i);
      answers.loss -= static_cast<double>(questions.target_weight[t]) * static_cast<double>(answers.targets[t]);
    }
    if (training == nullptr) continue;
    dgathered_.resize(room * width);
    const Matrix dx = matrix(dgathered_, count, width);
    const int64_t block = weights_.head_block();
    for (int64_t first = 0; first < vocabulary; first += block) {
      const int64_t part = std::min(block, vocabulary - first);
      products_.backward(logits.columns(first, part), weights_.head(first, part), dx, first > 0);
      if (training->trains_all()) training->head_backward(first, x, logits.columns(first, part));
    }
    for (int64_t i = 0; i < count; ++i) kernel_.axpy(1.0f, dx.row(i), dnormed_.data() + slot_of(i), width);
  }
}

ConstMatrix Head::logits(ConstMatrix hidden) {
  const int64_t vocabulary = weights_.config().vocabulary_size;
  const int64_t room = Products::round_rows(hidden.rows);
  normed_.resize(room * hidden.cols);
  logits_.resize(room * vocabulary);
  const auto epsilon = static_cast<float>(weights_.config().norm_epsilon);
  for (int64_t r = 0; r < hidden.rows; ++r)
    kernel_.rms_norm(hidden.row(r), weights_.final_norm(), epsilon, normed_.data() + r * hidden.cols, hidden.cols);
  const Matrix out = matrix(logits_, hidden.rows, vocabulary);
  vocabulary_product(matrix(normed_, hidden.rows, hidden.cols), out);
  return out;
}

int64_t Head::scratch_bytes(const DecoderConfig& config, int64_t targets) {
  const int64_t rows = Products::round_rows(std::min(targets, kTargetBlock));
  return int64_t{4} * rows * (config.vocabulary_size + 2 * config.hidden_size);
}

}  // namespace plumb

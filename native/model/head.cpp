#include "model/head.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <unordered_map>

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

Head::Head(Device& device, WeightSource& weights)
    : device_(device),
      weights_(weights),
      tables_(device),
      normed_(device),
      dnormed_(device),
      rstd_(device),
      logits_(device),
      gathered_(device),
      dgathered_(device),
      slopes_(device),
      choices_(device),
      targets_(device) {}

void Head::prepare(const Questions& questions, const std::vector<int64_t>& rows) {
  lists_ = {};
  tables_.clear();
  slots_ = static_cast<int64_t>(rows.size());
  const auto slots_of = [&](const std::vector<int32_t>& asked) {
    std::vector<int64_t> slots;
    for (const int32_t row : asked) slots.push_back(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin());
    return slots;
  };
  // Rows of the head are turned to float32 once for each candidate that occurs.
  std::unordered_map<int32_t, int64_t> place;
  std::vector<int32_t> unique;
  std::vector<int64_t> places;
  for (const int32_t token : questions.candidates) {
    const auto [found, fresh] = place.emplace(token, static_cast<int64_t>(unique.size()));
    if (fresh) unique.push_back(token);
    places.push_back(found->second);
  }
  const std::vector<int64_t> choice_slots = slots_of(questions.choice_row);
  std::vector<int64_t> slot_of_candidate, answered_slot, answered_token;  // -1: no loss, so nothing goes back
  for (size_t c = 0; c < questions.choice_row.size(); ++c)
    for (auto i = static_cast<size_t>(questions.choice_start[c]);
         i < static_cast<size_t>(questions.choice_start[c + 1]); ++i) {
      const bool answered = questions.choice_answer[c] >= 0;
      slot_of_candidate.push_back(choice_slots[c]);
      answered_slot.push_back(answered ? choice_slots[c] : -1);
      answered_token.push_back(answered ? int64_t{questions.candidates[i]} : -1);
    }
  lists_.unique_count = static_cast<int64_t>(unique.size());
  lists_.unique = tables_.add(unique);
  lists_.choice_slots = tables_.add(choice_slots);
  lists_.choice_starts = tables_.add(questions.choice_start);
  lists_.choice_places = tables_.add(places);
  lists_.choice_answers = tables_.add(questions.choice_answer);
  lists_.choice_weights = tables_.add(questions.choice_weight);
  lists_.to_slots = tables_.add_sums(answered_slot, places);
  lists_.to_head = tables_.add_sums(answered_token, slot_of_candidate);

  const std::vector<int64_t> target_slots = slots_of(questions.target_row);
  lists_.target_slots = tables_.add(target_slots);
  lists_.target_tokens = tables_.add(questions.target_token);
  lists_.target_weights = tables_.add(questions.target_weight);
  const auto targets = static_cast<int64_t>(target_slots.size());
  for (int64_t first = 0; first < targets; first += kTargetBlock) {
    const int64_t count = std::min(kTargetBlock, targets - first);
    std::vector<int64_t> sources(static_cast<size_t>(count));
    std::iota(sources.begin(), sources.end(), 0);
    const std::vector<int64_t> slots(target_slots.begin() + first, target_slots.begin() + first + count);
    lists_.blocks.push_back({first, count, tables_.add_sums(slots, sources)});
  }
  tables_.upload();
}

void Head::ask(const Questions& questions, const std::vector<int64_t>& rows, ConstMatrix hidden, Matrix* dhidden,
               Adapter& adapter) {
  const int64_t width = weights_.config().hidden_size;
  prepare(questions, rows);
  normed_.resize(slots_ * width);
  rstd_.resize(slots_);
  const float* weight = weights_.final_norm();
  device_.rms_norm(hidden, weight, static_cast<float>(weights_.config().norm_epsilon), normed(), rstd_.data());
  if (dhidden != nullptr) {
    dnormed_.resize(slots_ * width);
    device_.zero(dnormed());
  }
  Adapter* training = dhidden == nullptr ? nullptr : &adapter;
  choose(questions, training);
  predict(training);
  if (training == nullptr) return;
  if (float* gradient = adapter.norm_gradient(Norm::last, 0))
    device_.rms_norm_weight_backward(hidden, rstd_.data(), dnormed(), gradient);
  device_.zero(*dhidden);
  device_.rms_norm_backward(hidden, weight, rstd_.data(), dnormed(), *dhidden);
}

void Head::choose(const Questions& questions, Adapter* training) {
  const int64_t width = weights_.config().hidden_size;
  const auto candidates = static_cast<int64_t>(questions.candidates.size());
  choices_.resize(candidates);
  slopes_.resize(candidates);
  if (candidates == 0) return;
  gathered_.resize(lists_.unique_count * width);
  const Matrix heads = matrix(gathered_, lists_.unique_count, width);
  device_.embed(weights_.head_table(), {}, tables_.ints(lists_.unique), heads);
  const Choices choices{static_cast<int64_t>(questions.choice_row.size()),
                        tables_.ints(lists_.choice_slots),
                        tables_.ints(lists_.choice_starts),
                        tables_.ints(lists_.choice_places),
                        tables_.ints(lists_.choice_answers),
                        tables_.floats(lists_.choice_weights)};
  device_.choose(choices, normed(), heads, choices_.data(), training == nullptr ? nullptr : slopes_.data());
  if (training == nullptr) return;
  device_.add_rows(tables_.sums(lists_.to_slots), slopes_.data(), heads, dnormed());
  const Matrix gradient = training->head_gradient();
  if (gradient.rows > 0) device_.add_rows(tables_.sums(lists_.to_head), slopes_.data(), normed(), gradient);
}

void Head::vocabulary_product(ConstMatrix x, Matrix logits) {
  const int64_t vocabulary = weights_.config().vocabulary_size;
  const int64_t block = weights_.head_block();
  for (int64_t first = 0; first < vocabulary; first += block) {
    const int64_t count = std::min(block, vocabulary - first);
    device_.product_forward(x, weights_.head(first, count), logits.columns(first, count), false);
  }
}

void Head::predict(Adapter* training) {
  const int64_t width = weights_.config().hidden_size;
  const int64_t vocabulary = weights_.config().vocabulary_size;
  const int64_t part = weights_.head_block();
  targets_.resize(lists_.blocks.empty() ? 0 : lists_.blocks.back().first + lists_.blocks.back().count);
  for (const Block& block : lists_.blocks) {
    const int64_t room = Device::round_rows(block.count);
    gathered_.resize(room * width);
    logits_.resize(room * vocabulary);
    const Matrix x = matrix(gathered_, block.count, width);
    const Matrix logits = matrix(logits_, block.count, vocabulary);
    device_.gather_rows(normed(), tables_.ints(lists_.target_slots) + block.first, x);
    vocabulary_product(x, logits);
    device_.cross_entropy(logits, tables_.ints(lists_.target_tokens) + block.first,
                          training == nullptr ? nullptr : tables_.floats(lists_.target_weights) + block.first,
                          targets_.data() + block.first);
    if (training == nullptr) continue;
    dgathered_.resize(room * width);
    const Matrix dx = matrix(dgathered_, block.count, width);
    const Matrix gradient = training->head_gradient();
    for (int64_t first = 0; first < vocabulary; first += part) {
      const int64_t count = std::min(part, vocabulary - first);
      const Matrix dlogits = logits.columns(first, count);
      device_.product_backward(dlogits, weights_.head(first, count), dx, first > 0);
      if (gradient.rows > 0) device_.product_gradient(dlogits, x, {gradient.row(first), count, width, gradient.stride});
    }
    device_.add_rows(tables_.sums(block.sums), nullptr, dx, dnormed());
  }
}

Answers Head::answers(const Questions& questions) const {
  Answers answers{0, choices_.read(), targets_.read()};
  for (size_t c = 0; c < questions.choice_row.size(); ++c)
    if (questions.choice_answer[c] >= 0)
      answers.loss -= static_cast<double>(questions.choice_weight[c]) *
                      static_cast<double>(
                          answers.choices[static_cast<size_t>(questions.choice_start[c] + questions.choice_answer[c])]);
  for (size_t t = 0; t < questions.target_row.size(); ++t)
    answers.loss -= static_cast<double>(questions.target_weight[t]) * static_cast<double>(answers.targets[t]);
  return answers;
}

const std::vector<float>& Head::logits(ConstMatrix hidden) {
  const int64_t vocabulary = weights_.config().vocabulary_size;
  const int64_t room = Device::round_rows(hidden.rows);
  normed_.resize(room * hidden.cols);
  rstd_.resize(hidden.rows);
  logits_.resize(room * vocabulary);
  slots_ = hidden.rows;
  device_.rms_norm(hidden, weights_.final_norm(), static_cast<float>(weights_.config().norm_epsilon), normed(),
                   rstd_.data());
  vocabulary_product(normed(), matrix(logits_, hidden.rows, vocabulary));
  host_logits_.resize(static_cast<size_t>(hidden.rows * vocabulary));
  logits_.read(host_logits_.data(), hidden.rows * vocabulary);
  return host_logits_;
}

int64_t Head::scratch_bytes(const DecoderConfig& config, int64_t targets) {
  const int64_t rows = Device::round_rows(std::min(targets, kTargetBlock));
  return int64_t{4} * rows * (config.vocabulary_size + 2 * config.hidden_size);
}

}  // namespace plumb

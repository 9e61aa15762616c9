#include "adapter/full.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "test/open_model.h"
#include "test/random_model.h"
#include "test/state.h"
#include "train/session.h"

using namespace plumb;
using test::Random;
using test::RandomModel;

namespace {

MethodSpec all_parameters() {
  MethodSpec method;
  method.full = true;
  return method;
}

std::unique_ptr<Session> session_on(const RandomModel& random, const MethodSpec& method,
                                    const SessionOptions& options = {}, Precision precision = Precision::float32) {
  return std::make_unique<Session>(test::open_model(random.table, ModelOptions{2, precision, true}), method, options);
}

/// A prefix with two texts; a choice and two targets behind them.
Batch sample() {
  Batch b;
  b.tree.lengths = {4, 5, 7};
  b.tree.parents = {-1, 0, 0};
  Random random(42);
  while (b.tree.tokens.size() < 16) b.tree.tokens.push_back(static_cast<int32_t>(random.below(50)));
  b.questions.choice_row = {8};
  b.questions.choice_start = {0, 3};
  b.questions.candidates = {3, 9, 12};
  b.questions.choice_answer = {2};
  b.questions.choice_weight = {0.5f};
  b.questions.target_row = {14, 15};
  b.questions.target_token = {33, 2};
  b.questions.target_weight = {0.7f, 0.3f};
  return b;
}

const StepOptions kStep{{{"full", 0.003}}, 1.0, 0.9, 0.999, 1e-8, 0.01};

std::vector<double> losses(Session& session, int steps) {
  std::vector<double> result;
  for (int i = 0; i < steps; ++i) {
    Batch batch = sample();
    result.push_back(session.accumulate(batch));
    session.step(kStep);
  }
  return result;
}

}  // namespace

TEST_CASE("all parameters: the gradient of each tensor equals the numeric one, head tied or not") {
  for (const bool tied : {true, false}) {
    const RandomModel random(tied);
    const auto session = session_on(random, all_parameters());
    Batch batch = sample();
    session->accumulate(batch);
    const std::vector<float> gradient = session->adapter().gradients().read();
    Random probe(43);
    for (const Parameter& parameter : session->adapter().parameters())
      for (int i = 0; i < 4; ++i) {
        const int64_t at = parameter.offset + probe.below(parameter.size);
        const double numeric = test::slope_at(*session, at, 1.0f / 256, [&] { return session->accumulate(batch); });
        INFO(parameter.name);
        CHECK(std::abs(static_cast<double>(gradient[static_cast<size_t>(at)]) - numeric) <=
              3e-3 + 1e-3 * std::abs(numeric));
      }
  }
}

TEST_CASE("all parameters: before the first step it is the base model, in either type of product") {
  const RandomModel random;
  for (const Precision precision : test::precisions()) {
    Batch batch = sample();
    const Answers expected = session_on(random, {{}, {}}, {}, precision)->score(batch);
    const Answers found = session_on(random, all_parameters(), {}, precision)->score(batch);
    for (size_t i = 0; i < expected.choices.size(); ++i)
      CHECK(found.choices[i] == doctest::Approx(expected.choices[i]).epsilon(1e-5));
    for (size_t i = 0; i < expected.targets.size(); ++i)
      CHECK(found.targets[i] == doctest::Approx(expected.targets[i]).epsilon(1e-5));
  }
}

TEST_CASE("all parameters: the loss falls, checkpointing changes no bit, a resumed session goes on to the bit") {
  const RandomModel random;
  for (const Precision precision : test::precisions()) {
    const auto straight = session_on(random, all_parameters(), {}, precision);
    const auto expected = losses(*straight, 6);
    CHECK(expected[5] < expected[0] - 0.05);
    CHECK(losses(*session_on(random, all_parameters(), {true}, precision), 6) == expected);
    const auto first = session_on(random, all_parameters(), {}, precision);
    auto found = losses(*first, 3);
    const auto resumed = session_on(random, all_parameters(), {}, precision);
    test::go_on(*resumed, *first);
    const auto rest = losses(*resumed, 3);
    found.insert(found.end(), rest.begin(), rest.end());
    CHECK(found == expected);
  }
}

TEST_CASE(
    "all parameters with moments of 8 bits: the loss falls as with 32, and a resumed session goes on to the bit") {
  const RandomModel random(false, 176);  // wide enough that the maps of the MLP are rounded
  const SessionOptions lean{false, MomentBits::most8};
  const auto plain = losses(*session_on(random, all_parameters()), 8);
  const auto straight = session_on(random, all_parameters(), lean);
  const auto expected = losses(*straight, 8);
  CHECK(straight->state().size() == 7);
  CHECK(expected != plain);
  for (size_t i = 0; i < plain.size(); ++i) CHECK(std::abs(expected[i] - plain[i]) <= 0.02 * (plain[0] - plain[7]));
  const auto first = session_on(random, all_parameters(), lean);
  auto found = losses(*first, 3);
  const auto resumed = session_on(random, all_parameters(), lean);
  test::go_on(*resumed, *first);
  const auto rest = losses(*resumed, 5);
  found.insert(found.end(), rest.begin(), rest.end());
  CHECK(found == expected);
  CHECK(test::same_state(*resumed, *straight));
}

#include <doctest/doctest.h>

#include <cmath>
#include <memory>

#include "test/open_model.h"
#include "test/random_model.h"
#include "train/session.h"

using namespace plumb;
using test::Random;
using test::RandomModel;

namespace {

/// Two left vectors, a text, three right ones; a choice behind them.
Batch sample() {
  Batch b;
  b.tree.tokens = {1, -1, -2, 7, 8, 9, -3, -4, -5};
  b.tree.lengths = {3, 6};
  b.tree.parents = {-1, 0};
  b.questions.choice_row = {8};
  b.questions.choice_start = {0, 3};
  b.questions.candidates = {3, 9, 12};
  b.questions.choice_answer = {1};
  b.questions.choice_weight = {1.0f};
  return b;
}

std::unique_ptr<Session> session_on(const RandomModel& random, EncoderKind encoder) {
  const auto model = test::open_model(random.table, ModelOptions{2, Precision::float32, true});
  auto session = std::make_unique<Session>(
      model, MethodSpec{PromptSpec{2, 3, encoder}, {LinearMap::q, LinearMap::down}}, SessionOptions{});
  test::write_random(*session, 31, 0.4f);
  return session;
}

}  // namespace

TEST_CASE("prompt vectors left and right, from an encoder or not: the gradient equals the numeric one") {
  const RandomModel random(true);
  for (const EncoderKind encoder : {EncoderKind::none, EncoderKind::mlp, EncoderKind::lstm}) {
    const auto session = session_on(random, encoder);
    Batch batch = sample();
    session->accumulate(batch);
    const std::vector<float> gradient = session->adapter().gradients().read();
    Random probe(32);
    int compared = 0;
    for (int i = 0; i < 80; ++i) {
      const int64_t at = probe.below(session->adapter().size());
      const auto slope = [&](float step) {
        return test::slope_at(*session, at, step, [&] { return session->accumulate(batch); });
      };
      const double wide = slope(1.0f / 128);
      const double narrow = slope(1.0f / 512);
      if (std::abs(wide - narrow) > 2e-3) continue;  // a ReLU has its kink there
      ++compared;
      CHECK(std::abs(static_cast<double>(gradient[static_cast<size_t>(at)]) - wide) <= 2e-3);
    }
    CHECK(compared >= 70);
  }
}

TEST_CASE("the vectors that an encoder made do by themselves what they did with it") {
  const RandomModel random;
  for (const EncoderKind encoder : {EncoderKind::mlp, EncoderKind::lstm}) {
    const auto encoded = session_on(random, encoder);
    const auto plain = session_on(random, EncoderKind::none);
    const std::vector<float> vectors = encoded->prompt();
    const std::vector<float> trained = encoded->adapter().values().read();
    const int64_t biases = plain->adapter().size() - static_cast<int64_t>(vectors.size());
    std::vector<float> values = vectors;
    values.insert(values.end(), trained.end() - biases, trained.end());
    plain->write(values);
    Batch batch = sample();
    CHECK(encoded->score(batch).choices == plain->score(batch).choices);
  }
}

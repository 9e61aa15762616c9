#include <doctest/doctest.h>

#include <cmath>
#include <memory>

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
  const auto model = std::make_shared<Model>(random.table, ModelOptions{2, Precision::float32, true});
  auto session = std::make_unique<Session>(
      model, MethodSpec{PromptSpec{2, 3, encoder}, {LinearMap::q, LinearMap::down}}, SessionOptions{});
  Random draw(31);
  for (int64_t i = 0; i < session->adapter().size(); ++i) session->adapter().values().data()[i] = 0.4f * draw.value();
  return session;
}

}  // namespace

TEST_CASE("prompt vectors left and right, from an encoder or not: the gradient equals the numeric one") {
  const RandomModel random(true);
  for (const EncoderKind encoder : {EncoderKind::none, EncoderKind::mlp, EncoderKind::lstm}) {
    const auto session = session_on(random, encoder);
    Batch batch = sample();
    session->accumulate(batch);
    const auto& gradients = session->adapter().gradients();
    const std::vector<float> gradient(gradients.data(), gradients.data() + gradients.size());
    Random probe(32);
    int compared = 0;
    for (int i = 0; i < 80; ++i) {
      const int64_t at = probe.below(session->adapter().size());
      float& value = session->adapter().values().data()[at];
      const float before = value;
      const auto loss = [&](float moved) {
        value = before + moved;
        return session->accumulate(batch);
      };
      const auto slope = [&](float step) {
        return (8 * (loss(step) - loss(-step)) - (loss(2 * step) - loss(-2 * step))) / (12 * static_cast<double>(step));
      };
      const double wide = slope(1.0f / 128);
      const double narrow = slope(1.0f / 512);
      value = before;
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
    std::copy(vectors.begin(), vectors.end(), plain->adapter().values().data());
    const int64_t biases = plain->adapter().size() - static_cast<int64_t>(vectors.size());
    std::copy_n(encoded->adapter().values().data() + encoded->adapter().size() - biases, biases,
                plain->adapter().values().data() + vectors.size());
    Batch batch = sample();
    CHECK(encoded->score(batch).choices == plain->score(batch).choices);
  }
}

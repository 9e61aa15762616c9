#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "test/open_model.h"
#include "test/random_model.h"
#include "test/state.h"
#include "train/session.h"

using namespace plumb;
using test::Random;
using test::RandomModel;

namespace {

const std::vector<LinearMap> kAll = {LinearMap::q,    LinearMap::k,  LinearMap::v,   LinearMap::o,
                                     LinearMap::gate, LinearMap::up, LinearMap::down};
constexpr int64_t kPrompt = 3;

std::shared_ptr<Model> open(const RandomModel& random, int threads = 2, bool keep = true,
                            Precision precision = Precision::float32) {
  return test::open_model(random.table, ModelOptions{threads, precision, keep});
}

std::unique_ptr<Session> session_on(const std::shared_ptr<Model>& model, bool checkpoint = false,
                                    const MethodSpec& method = {{kPrompt}, kAll}) {
  auto session = std::make_unique<Session>(model, method, SessionOptions{checkpoint});
  test::write_random(*session, 12, 0.3f);
  return session;
}

/// A prefix with three texts; the second has two continuations. Choices and targets on several rows.
Batch sample() {
  Batch b;
  b.tree.lengths = {5, 4, 3, 7, 2, 1};
  b.tree.parents = {-1, 0, 0, 0, 2, 2};
  Random random(13);
  b.tree.tokens = {1, -1, -2, -3, 7};
  while (b.tree.tokens.size() < 22) b.tree.tokens.push_back(static_cast<int32_t>(random.below(50)));
  b.questions.choice_row = {8, 11, 18, 20, 21};
  b.questions.choice_start = {0, 2, 5, 7, 9, 12};
  b.questions.candidates = {3, 4, 3, 9, 12, 0, 49, 5, 6, 7, 8, 9};
  b.questions.choice_answer = {1, 0, -1, 1, 2};
  b.questions.choice_weight = {0.5f, 1.0f, 1.0f, 0.25f, 2.0f};
  b.questions.target_row = {18, 4, 20};
  b.questions.target_token = {33, 2, 0};
  b.questions.target_weight = {0.7f, 0.2f, 1.0f};
  return b;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}

const StepOptions kStep{{{"prompt", 0.01}, {"bias", 0.003}}, 1.0, 0.9, 0.999, 1e-8, 0.01};

std::vector<double> losses(Session& session, int steps) {
  std::vector<double> result;
  for (int i = 0; i < steps; ++i) {
    Batch batch = sample();
    result.push_back(session.accumulate(batch));
    session.step(kStep);
  }
  return result;
}

template <typename F>
std::string code_of(F&& call) {
  try {
    call();
  } catch (const EngineError& error) {
    return error.code;
  }
  return "";
}

}  // namespace

TEST_CASE("the gradient equals the numeric one") {
  const RandomModel random(true);
  const auto session = session_on(open(random));
  Batch batch = sample();
  session->accumulate(batch);
  const auto gradient = session->adapter().gradients().read();
  Random probe(14);
  for (int i = 0; i < 60; ++i) {
    const int64_t at = i < 12 ? i * 5 : probe.below(session->adapter().size());
    // A float32 loss of about 10 has an error of 1e-6, which a step of 1/128 turns into 1e-4.
    const double numeric = test::slope_at(*session, at, 1.0f / 128, [&] { return session->accumulate(batch); });
    CHECK(std::abs(static_cast<double>(gradient[static_cast<size_t>(at)]) - numeric) <= 2e-3);
  }
}

TEST_CASE("a packed batch equals its texts one at a time") {
  const RandomModel random;
  const auto model = open(random);
  const auto packed = session_on(model);
  Batch batch = sample();
  const Answers scores = packed->score(batch);
  const double loss = packed->accumulate(batch);
  const auto single = session_on(model);
  double sum = 0;
  const Batch whole = sample();
  // Each question alone, on the path of tokens that its row sees and nothing else.
  const auto path_of = [&](int32_t row) {
    Batch one;
    int32_t segment = 0;
    int32_t first = 0;
    while (row >= first + whole.tree.lengths[static_cast<size_t>(segment)])
      first += whole.tree.lengths[static_cast<size_t>(segment++)];
    std::vector<int32_t> tokens(whole.tree.tokens.begin() + first, whole.tree.tokens.begin() + row + 1);
    for (int32_t s = whole.tree.parents[static_cast<size_t>(segment)]; s >= 0;
         s = whole.tree.parents[static_cast<size_t>(s)]) {
      int32_t begin = 0;
      for (int32_t i = 0; i < s; ++i) begin += whole.tree.lengths[static_cast<size_t>(i)];
      const auto at = whole.tree.tokens.begin() + begin;
      tokens.insert(tokens.begin(), at, at + whole.tree.lengths[static_cast<size_t>(s)]);
    }
    one.tree.tokens = tokens;
    one.tree.lengths = {static_cast<int32_t>(tokens.size())};
    one.tree.parents = {-1};
    one.questions.choice_start = {0};
    return one;
  };
  const Questions& q = whole.questions;
  for (size_t c = 0; c < q.choice_row.size(); ++c) {
    Batch one = path_of(q.choice_row[c]);
    one.questions.choice_row = {static_cast<int32_t>(one.tree.tokens.size()) - 1};
    one.questions.candidates.assign(q.candidates.begin() + q.choice_start[c],
                                    q.candidates.begin() + q.choice_start[c + 1]);
    one.questions.choice_start = {0, static_cast<int32_t>(one.questions.candidates.size())};
    one.questions.choice_answer = {q.choice_answer[c]};
    one.questions.choice_weight = {q.choice_weight[c]};
    const Answers alone = single->score(one);
    for (size_t i = 0; i < alone.choices.size(); ++i)
      CHECK(alone.choices[i] ==
            doctest::Approx(scores.choices[static_cast<size_t>(q.choice_start[c]) + i]).epsilon(1e-5));
    sum += single->accumulate(one);
  }
  for (size_t t = 0; t < q.target_row.size(); ++t) {
    Batch one = path_of(q.target_row[t]);
    one.questions.target_row = {static_cast<int32_t>(one.tree.tokens.size()) - 1};
    one.questions.target_token = {q.target_token[t]};
    one.questions.target_weight = {q.target_weight[t]};
    sum += single->accumulate(one);
  }
  CHECK(sum == doctest::Approx(loss).epsilon(1e-6));
  CHECK(largest_difference(packed->adapter().gradients().read(), single->adapter().gradients().read()) <= 3e-5);
}

TEST_CASE("checkpointing changes no bit") {
  const RandomModel random;
  const auto model = open(random);
  const auto plain = session_on(model);
  const auto checkpointed = session_on(model, true);
  CHECK(losses(*plain, 3) == losses(*checkpointed, 3));
  CHECK(plain->adapter().values().read() == checkpointed->adapter().values().read());
}

TEST_CASE("the same seed gives the same bits, and a stopped and resumed session those of an uninterrupted one") {
  const RandomModel random;
  const auto straight = session_on(open(random));
  const auto expected = losses(*straight, 6);
  const auto first = session_on(open(random));
  auto found = losses(*first, 3);
  const auto resumed = session_on(open(random));
  test::go_on(*resumed, *first);
  const auto rest = losses(*resumed, 3);
  found.insert(found.end(), rest.begin(), rest.end());
  CHECK(found == expected);
  CHECK(test::same_state(*resumed, *straight));
}

TEST_CASE("what a session did before leaves no trace in later results, in either type of product") {
  const RandomModel random;
  for (const Precision precision : test::precisions())
    for (const bool keep : {true, false}) {
      const auto fresh = session_on(open(random, 2, keep, precision));
      const auto used = session_on(open(random, 2, keep, precision));
      Batch large = sample();
      for (int32_t text = 0; text < 20; ++text) {
        large.tree.lengths.push_back(4);
        large.tree.parents.push_back(0);
        for (int32_t i = 0; i < 4; ++i) large.tree.tokens.push_back((text * 7 + i) % 50);
        large.questions.target_row.push_back(static_cast<int32_t>(large.tree.tokens.size()) - 1);
        large.questions.target_token.push_back(text);
        large.questions.target_weight.push_back(1);
      }
      CHECK(used->accumulate(large) > 0);
      used->generate(large.tree, {{1, 2, 3, 7, 8}, 5, {}, 1, 1, 0});
      used->adapter().gradients().clear();
      Batch batch = sample();
      const GenerateOptions options{{1, 4}, 6, {}, 0, 1, 0};
      CHECK(used->score(batch).choices == fresh->score(batch).choices);
      CHECK(used->generate(batch.tree, options) == fresh->generate(batch.tree, options));
      CHECK(used->accumulate(batch) == fresh->accumulate(batch));
      CHECK(used->adapter().gradients().read() == fresh->adapter().gradients().read());
    }
}

TEST_CASE("micro-batches add up, and training lowers the loss") {
  const RandomModel random;
  const auto session = session_on(open(random));
  Batch batch = sample();
  session->accumulate(batch);
  const auto once = session->adapter().gradients().read();
  session->accumulate(batch);
  auto twice = session->adapter().gradients().read();
  for (float& g : twice) g /= 2;
  CHECK(largest_difference(once, twice) <= 1e-5);
  session->step(kStep);
  const auto course = losses(*session, 30);
  CHECK(course.back() < course.front() / 2);
}

TEST_CASE("frozen weights keep their bytes, in the file and in what was converted from it") {
  const RandomModel random;
  const auto file = random.file_bytes();
  for (const Precision precision : test::precisions()) {
    const auto model = open(random, 2, true, precision);
    const auto values = [&] {
      std::vector<std::vector<float>> all;
      for (const TensorEntry& tensor : random.table.tensors) all.push_back(model->weights.read(tensor.name));
      return all;
    };
    // Converted weights show in what the base model answers.
    const auto answers = [&] {
      Session bare(model, MethodSpec{{}, {}}, SessionOptions{});
      Batch batch = sample();
      for (int32_t& token : batch.tree.tokens) token = std::abs(token);
      const Answers all = bare.score(batch);
      return std::make_pair(all.choices, all.targets);
    };
    const auto values_before = values();
    const auto answers_before = answers();
    losses(*session_on(model), 3);
    CHECK(values() == values_before);
    CHECK(answers() == answers_before);
  }
  CHECK(random.file_bytes() == file);
}

TEST_CASE("with zero biases and token embeddings for a prompt the base model is untouched") {
  const RandomModel random;
  const auto model = open(random);
  const auto adapted = std::make_unique<Session>(model, MethodSpec{{kPrompt}, kAll}, SessionOptions{});
  const auto bare = std::make_unique<Session>(model, MethodSpec{{}, {}}, SessionOptions{});
  std::vector<float> values(static_cast<size_t>(adapted->adapter().size()));
  for (int32_t i = 0; i < kPrompt; ++i) model->weights.embedding_row(20 + i, values.data() + i * 24);
  adapted->write(values);
  Batch with = sample();
  Batch without = sample();
  for (int32_t& token : without.tree.tokens)
    if (token < 0) token = 20 + (-1 - token);
  CHECK(adapted->score(with).choices == bare->score(without).choices);
}

TEST_CASE("greedy generation picks what scoring finds likeliest, whatever stands beside it") {
  const RandomModel random;
  const auto session = session_on(open(random));
  Batch batch = sample();
  const GenerateOptions options{{1, 4, 3}, 6, {}, 0, 1, 0};
  const auto texts = session->generate(batch.tree, options);
  for (size_t s = 0; s < options.leaves.size(); ++s) {
    // The same text, grown token by token with a whole forward pass each time.
    Tree tree = sample().tree;
    const auto leaf = static_cast<int32_t>(options.leaves[s]);
    std::vector<int32_t> made;
    for (int n = 0; n < 6; ++n) {
      Batch grown;
      grown.tree.tokens = tree.tokens;
      grown.tree.lengths = tree.lengths;
      grown.tree.parents = tree.parents;
      int32_t row = -1;
      for (int32_t i = 0; i <= leaf; ++i) row += tree.lengths[static_cast<size_t>(i)];
      if (!made.empty()) {
        grown.tree.tokens.insert(grown.tree.tokens.end(), made.begin(), made.end());
        grown.tree.lengths.push_back(static_cast<int32_t>(made.size()));
        grown.tree.parents.push_back(leaf);
        row = static_cast<int32_t>(grown.tree.tokens.size()) - 1;
      }
      grown.questions.choice_row = {row};
      for (int32_t v = 0; v < 50; ++v) grown.questions.candidates.push_back(v);
      grown.questions.choice_start = {0, 50};
      grown.questions.choice_answer = {-1};
      grown.questions.choice_weight = {0};
      const auto p = session->score(grown).choices;
      made.push_back(static_cast<int32_t>(std::max_element(p.begin(), p.end()) - p.begin()));
    }
    CHECK(texts[s] == made);
  }
}

TEST_CASE("generation ends before an end token, at the limit, and samples by its seed") {
  const RandomModel random;
  const auto session = session_on(open(random));
  Tree tree = sample().tree;
  const auto whole = session->generate(tree, {{1}, 8, {}, 0, 1, 0})[0];
  CHECK(whole.size() == 8);
  const auto cut = session->generate(tree, {{1}, 8, {whole[3]}, 0, 1, 0})[0];
  CHECK(cut == std::vector<int32_t>(whole.begin(), std::find(whole.begin(), whole.end(), whole[3])));
  const auto sampled = session->generate(tree, {{1, 3}, 8, {}, 5, 1, 77});
  CHECK(sampled == session->generate(tree, {{1, 3}, 8, {}, 5, 1, 77}));
  CHECK(sampled != session->generate(tree, {{1, 3}, 8, {}, 5, 1, 78}));
  CHECK(session->generate(tree, {{1}, 8, {}, 5, 1e-9, 3})[0] == whole);
  CHECK(session->generate(tree, {{1}, 0, {}, 0, 1, 0})[0].empty());
}

TEST_CASE("a model whose outputs are not numbers generates no text") {
  const RandomModel random;
  const auto session = session_on(open(random));
  const float none = NAN;
  session->adapter().values().write(&none, 1);
  Tree tree = sample().tree;
  for (const double temperature : {0.0, 1.0})
    CHECK(code_of([&] { session->generate(tree, {{1}, 4, {}, temperature, 1, 0}); }) == "not-finite");
}

TEST_CASE("a model's number of threads is its own, whatever another was given") {
  const RandomModel random;
  const int all = open(random, 0)->threads;
  losses(*session_on(open(random, all + 1)), 1);
  CHECK(open(random, 0)->threads == all);
}

TEST_CASE("methods name their parameters, and what is not named does not move") {
  const RandomModel random;
  const auto model = open(random);
  const auto prompt = session_on(model, false, {{4}, {}});
  CHECK(prompt->adapter().parameters().size() == 1);
  const auto biases = session_on(model, false, {{}, {LinearMap::k, LinearMap::down}});
  CHECK(biases->adapter().parameters().size() == 6);
  CHECK(biases->adapter().parameters()[1].name == "model.layers.0.mlp.down_proj.bias");
  const auto both = session_on(model);
  const auto before = both->adapter().values().read();
  Batch batch = sample();
  both->accumulate(batch);
  StepOptions only_prompt = kStep;
  only_prompt.rates = {{"prompt", 0.1}};
  both->step(only_prompt);
  const auto after = both->adapter().values().read();
  const int64_t prompt_size = both->adapter().parameters()[0].size;
  CHECK(std::equal(before.begin() + prompt_size, before.end(), after.begin() + prompt_size));
  CHECK(before[0] != after[0]);
}

TEST_CASE("the first step moves what begins at nothing by the rate itself, whatever its gradient") {
  const RandomModel random;
  const auto session = session_on(open(random), false, {{}, {LinearMap::k, LinearMap::down}});
  std::vector<float> gradient(session->adapter().values().read().size());
  const std::vector<float> nothing(gradient.size());
  session->adapter().values().write(nothing.data(), static_cast<int64_t>(nothing.size()), 0);
  for (size_t i = 0; i < gradient.size(); ++i)
    gradient[i] = (i % 2 == 0 ? 1.0f : -1.0f) * (0.01f + 0.001f * static_cast<float>(i % 64));
  session->adapter().gradients().write(gradient.data(), static_cast<int64_t>(gradient.size()), 0);
  StepOptions step = kStep;
  step.rates = {{"bias", 0.1}};
  step.epsilon = 1e-12;
  session->step(step);
  const auto moved = session->adapter().values().read();
  for (size_t i = 0; i < moved.size(); ++i)
    CHECK(std::abs(static_cast<double>(moved[i]) / (gradient[i] > 0 ? -0.1 : 0.1) - 1) <= 2e-6);
}

TEST_CASE("a gradient that is not finite moves nothing") {
  const RandomModel random;
  const auto session = session_on(open(random));
  const auto before = session->adapter().values().read();
  const float none = NAN;
  session->adapter().gradients().write(&none, 1, 5);
  CHECK(std::isnan(session->step(kStep).gradient_norm));
  CHECK(session->adapter().values().read() == before);
  CHECK(session->steps() == 0);
  CHECK(session->adapter().gradients().read()[5] == 0.0f);
}

TEST_CASE("a request to cancel ends the call and drops its gradient") {
  const RandomModel random;
  const auto session = session_on(open(random));
  session->cancellation().begin(session->cancellation().epoch());
  session->cancellation().request();
  Batch batch = sample();
  CHECK(code_of([&] { session->accumulate(batch); }) == "cancelled");
  for (const float value : session->adapter().gradients().read()) REQUIRE(value == 0.0f);
  session->cancellation().begin(session->cancellation().epoch());
  CHECK(session->accumulate(batch) > 0);
}

TEST_CASE("a batch that makes no sense is refused by name") {
  const RandomModel random;
  const auto session = session_on(open(random));
  const auto refused = [&](auto&& spoil) {
    Batch batch = sample();
    spoil(batch);
    return code_of([&] { session->accumulate(batch); });
  };
  CHECK(refused([](Batch& b) { b.tree.tokens[3] = 50; }) == "batch");
  CHECK(refused([](Batch& b) { b.tree.tokens[3] = -4; }) == "batch");
  CHECK(refused([](Batch& b) { b.tree.parents[1] = 1; }) == "batch");
  CHECK(refused([](Batch& b) { b.tree.parents[1] = -2; }) == "batch");
  CHECK(refused([](Batch& b) { b.tree.lengths[1] = -1; }) == "batch");
  CHECK(refused([](Batch& b) { b.tree.lengths.back() = 2; }) == "batch");
  CHECK(refused([](Batch& b) { b.tree.lengths.pop_back(); }) == "batch");
  CHECK(refused([](Batch& b) { b.questions.choice_row[0] = 22; }) == "batch");
  CHECK(refused([](Batch& b) { b.questions.choice_row[0] = -1; }) == "batch");
  CHECK(refused([](Batch& b) { b.questions.choice_start[1] = 0; }) == "batch");
  CHECK(refused([](Batch& b) { b.questions.choice_start.back() = 13; }) == "batch");
  CHECK(refused([](Batch& b) { b.questions.candidates[0] = 50; }) == "batch");
  CHECK(refused([](Batch& b) { b.questions.choice_answer[0] = 2; }) == "batch");
  CHECK(refused([](Batch& b) { b.questions.choice_weight[0] = NAN; }) == "batch");
  CHECK(refused([](Batch& b) { b.questions.target_token[0] = -1; }) == "batch");
  CHECK(refused([](Batch& b) { b.questions.target_weight.pop_back(); }) == "batch");
  CHECK(refused([](Batch&) {}).empty());
  // An empty batch, and one without questions, are no errors.
  Batch empty;
  empty.questions.choice_start = {0};
  CHECK(session->accumulate(empty) == 0);
  Batch silent = sample();
  silent.questions = {};
  silent.questions.choice_start = {0};
  CHECK(session->accumulate(silent) == 0);
}

TEST_CASE("a table that does not fit its file or config is refused by name") {
  const auto refused = [](auto&& spoil) {
    RandomModel random;
    spoil(random.table);
    return code_of([&] { open(random); });
  };
  CHECK(refused([](ModelTable&) {}).empty());
  CHECK(refused([](ModelTable& t) { t.tensors.pop_back(); }) == "model-tensor");
  CHECK(refused([](ModelTable& t) { t.tensors.push_back(t.tensors[0]); }) == "model-tensor");
  CHECK(refused([](ModelTable& t) { t.tensors[0].shape = {50, 25}; }) == "model-tensor");
  CHECK(refused([](ModelTable& t) { t.tensors[0].file = 1; }) == "model-tensor");
  CHECK(refused([](ModelTable& t) { t.tensors[0].type = ElementType::q4_0; }) == "model-tensor");
  CHECK(refused([](ModelTable& t) { t.tensors.back().offset += 4; }) == "model-file");
  CHECK(refused([](ModelTable& t) { t.tensors[0].offset = -4; }) == "model-file");
  CHECK(refused([](ModelTable& t) { t.tensors[0].offset = INT64_MAX; }) == "model-file");
  CHECK(refused([](ModelTable& t) { t.files[0] += ".gone"; }) == "model-file");
  CHECK(refused([](ModelTable& t) { t.config.layer_count = 0; }) == "config");
  CHECK(refused([](ModelTable& t) { t.config.layer_count = INT64_MAX; }) == "config");
  CHECK(refused([](ModelTable& t) { t.config.kv_head_count = 3; }) == "config");
  CHECK(refused([](ModelTable& t) { t.config.norm_epsilon = NAN; }) == "config");
}

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "model/tree.h"
#include "ops/cpu/attention.h"
#include "test/random.h"

using namespace plumb;
using test::Random;

namespace {

struct Problem {
  Problem(AttentionShape shape_in, const std::vector<int32_t>& lengths, const std::vector<int32_t>& parents)
      : shape(shape_in) {
    tree.lengths = lengths;
    tree.parents = parents;
    for (const int32_t n : lengths) tree.tokens.insert(tree.tokens.end(), static_cast<size_t>(n), 1);
    tree.index(10, 0, 1 << 20);
    rows = tree.rows();
    Random random(8);
    q = random.values(rows * shape.heads * shape.head_size);
    k = random.values(rows * shape.kv_heads * shape.head_size);
    v = random.values(rows * shape.kv_heads * shape.head_size);
    dout = random.values(rows * shape.heads * shape.head_size);
  }
  int64_t q_width() const { return shape.heads * shape.head_size; }
  int64_t kv_width() const { return shape.kv_heads * shape.head_size; }
  static ConstMatrix view(const std::vector<float>& values, int64_t cols) {
    return {values.data(), static_cast<int64_t>(values.size()) / cols, cols, cols};
  }
  static Matrix view(std::vector<float>& values, int64_t cols) {
    return {values.data(), static_cast<int64_t>(values.size()) / cols, cols, cols};
  }

  /// sum(out * dout) by the definition, in double precision: each row looks at every row that it may see.
  double objective(const std::vector<float>& queries, const std::vector<float>& keys,
                   const std::vector<float>& values) const {
    std::vector<int> segment;
    for (size_t s = 0; s < tree.lengths.size(); ++s)
      segment.insert(segment.end(), static_cast<size_t>(tree.lengths[s]), static_cast<int>(s));
    const auto sees = [&](int64_t row, int64_t other) {
      for (int s = segment[static_cast<size_t>(row)]; s >= 0; s = tree.parents[static_cast<size_t>(s)])
        if (segment[static_cast<size_t>(other)] == s) return s != segment[static_cast<size_t>(row)] || other <= row;
      return false;
    };
    const int64_t size = shape.head_size;
    double total = 0;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t h = 0; h < shape.heads; ++h) {
        const int64_t kv = h / shape.group() * size;
        double sum = 0;
        double value = 0;
        for (int64_t other = 0; other < rows; ++other) {
          if (!sees(row, other)) continue;
          double score = 0;
          double part = 0;
          for (int64_t i = 0; i < size; ++i) {
            score += static_cast<double>(queries[static_cast<size_t>(row * q_width() + h * size + i)]) *
                     static_cast<double>(keys[static_cast<size_t>(other * kv_width() + kv + i)]);
            part += static_cast<double>(values[static_cast<size_t>(other * kv_width() + kv + i)]) *
                    static_cast<double>(dout[static_cast<size_t>(row * q_width() + h * size + i)]);
          }
          const double weight = std::exp(score / std::sqrt(static_cast<double>(size)));
          sum += weight;
          value += weight * part;
        }
        total += value / sum;
      }
    return total;
  }

  AttentionShape shape;
  Tree tree;
  int64_t rows = 0;
  std::vector<float> q, k, v, dout;
};

struct Gradients {
  std::vector<float> out, q, k, v;
};

Gradients run(const Problem& p, int threads) {
  Attention attention(p.shape, threads);
  Gradients g{std::vector<float>(p.q.size()), std::vector<float>(p.q.size()), std::vector<float>(p.k.size()),
              std::vector<float>(p.v.size())};
  std::vector<float> logsum(static_cast<size_t>(p.rows * p.shape.heads));
  const auto q = Problem::view(p.q, p.q_width());
  const auto k = Problem::view(p.k, p.kv_width());
  const auto v = Problem::view(p.v, p.kv_width());
  attention.forward(p.tree.items, q, k, v, Problem::view(g.out, p.q_width()), Problem::view(logsum, p.shape.heads));
  attention.backward(p.tree.items, q, k, v, Problem::view(logsum, p.shape.heads), Problem::view(p.dout, p.q_width()),
                     Problem::view(g.q, p.q_width()), Problem::view(g.k, p.kv_width()),
                     Problem::view(g.v, p.kv_width()));
  return g;
}

const std::vector<Problem>& problems() {
  static const std::vector<Problem> all = {
      {{1, 1, 2}, {1}, {-1}},
      {{6, 2, 10}, {5, 3, 1, 0, 4, 2}, {-1, 0, 0, 0, 1, 4}},
      {{4, 4, 8}, {3, 70, 2}, {-1, 0, -1}},  // more rows than one block of queries; a second root
      {{3, 1, 16}, {9, 65, 1, 1}, {-1, 0, 1, 1}},
      {{2, 1, 100}, {66, 5, 3}, {-1, 0, 0}},  // the head size of OpenLLaMA-3B: whole vectors and a rest
  };
  return all;
}

}  // namespace

TEST_CASE("attention over a tree equals its definition") {
  for (const Problem& p : problems()) {
    const Gradients g = run(p, 2);
    double found = 0;
    for (size_t i = 0; i < g.out.size(); ++i) found += static_cast<double>(g.out[i]) * static_cast<double>(p.dout[i]);
    CHECK(std::abs(found - p.objective(p.q, p.k, p.v)) <= 1e-5 * std::sqrt(static_cast<double>(g.out.size())));
  }
}

TEST_CASE("the gradient of attention equals the numeric one") {
  for (const Problem& p : problems()) {
    const Gradients g = run(p, 2);
    const auto check = [&](const std::vector<float> Problem::* input, const std::vector<float>& gradient) {
      Random random(9);
      for (int probe = 0; probe < 12; ++probe) {
        const auto i = static_cast<size_t>(random.below(static_cast<int64_t>(gradient.size())));
        Problem moved = p;
        auto& values = const_cast<std::vector<float>&>(moved.*input);
        const float at = values[i];
        const auto objective = [&](float step) {
          values[i] = at + step;
          return moved.objective(moved.q, moved.k, moved.v);
        };
        const float step = 0.0009765625f;  // a power of two: added without rounding
        const double numeric = (objective(step) - objective(-step)) / (2 * static_cast<double>(step));
        CHECK(std::abs(static_cast<double>(gradient[i]) - numeric) <= 2e-5);
      }
    };
    check(&Problem::q, g.q);
    check(&Problem::k, g.k);
    check(&Problem::v, g.v);
  }
}

TEST_CASE("attention gives the same bits each time, with any number of threads") {
  for (const Problem& p : problems()) {
    const Gradients once = run(p, 2);
    for (const int threads : {1, 2, 3}) {
      const Gradients again = run(p, threads);
      CHECK(again.out == once.out);
      CHECK(again.q == once.q);
      CHECK(again.k == once.k);
      CHECK(again.v == once.v);
    }
  }
}

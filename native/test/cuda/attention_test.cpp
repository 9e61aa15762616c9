#include "ops/cuda/attention.h"

#include <string>
#include <vector>

#include "model/tree.h"
#include "ops/cpu/attention.h"
#include "ops/cuda/kernels.h"
#include "test/cuda/on_device.h"

using namespace plumb;
using test::at;
using test::check_near;
using test::DeviceMatrix;
using test::Random;

namespace {

struct Problem {
  AttentionShape shape;
  std::vector<int32_t> lengths, parents;
};

Tree tree_of(const Problem& problem) {
  Tree tree;
  tree.lengths = problem.lengths;
  tree.parents = problem.parents;
  for (const int32_t n : problem.lengths) tree.tokens.insert(tree.tokens.end(), at(n), 1);
  tree.index(10, 0, 1 << 20);
  return tree;
}

struct Result {
  std::vector<float> out, logsum, dqkv;
};

struct Data {
  Data(const AttentionShape& shape, int64_t rows_in) : rows(rows_in) {
    Random random(8);
    width = shape.query_width() + 2 * shape.kv_width();
    qkv = random.values(rows * width);
    dout = random.values(rows * shape.query_width());
  }
  int64_t rows, width;
  std::vector<float> qkv, dout;
};

Result on_processor(const AttentionShape& shape, const Tree& tree, Data& data) {
  plumb::Attention attention(shape, 1);
  const int64_t q = shape.query_width(), kv = shape.kv_width();
  Result result;
  result.out.resize(at(data.rows * q));
  result.logsum.resize(at(data.rows * shape.heads));
  result.dqkv.assign(data.qkv.size(), 0.0f);
  const Matrix qkv{data.qkv.data(), data.rows, data.width, data.width};
  const Matrix dqkv{result.dqkv.data(), data.rows, data.width, data.width};
  const Matrix logsum{result.logsum.data(), data.rows, shape.heads, shape.heads};
  attention.forward(tree.items, qkv.columns(0, q), qkv.columns(q, kv), qkv.columns(q + kv, kv),
                    {result.out.data(), data.rows, q, q}, logsum);
  attention.backward(tree.items, qkv.columns(0, q), qkv.columns(q, kv), qkv.columns(q + kv, kv), logsum,
                     {data.dout.data(), data.rows, q, q}, dqkv.columns(0, q), dqkv.columns(q, kv),
                     dqkv.columns(q + kv, kv));
  return result;
}

Result on_device(cuda::Queue& queue, Precision precision, const AttentionShape& shape, const Tree& tree,
                 const Data& data, int tile) {
  const int64_t q = shape.query_width(), kv = shape.kv_width();
  cuda::Staging staging(queue);
  const cuda::Attention attention(queue, staging, precision, shape, tree.items, tile);
  DeviceMatrix qkv(queue, data.rows, data.width, data.qkv), dout(queue, data.rows, q, data.dout);
  DeviceMatrix out(queue, data.rows, q, std::vector<float>(data.dout.size(), NAN));
  DeviceMatrix logsum(queue, data.rows, shape.heads, std::vector<float>(at(data.rows * shape.heads), NAN));
  DeviceMatrix dqkv(queue, data.rows, data.width, std::vector<float>(data.qkv.size(), NAN));
  cuda::rounded_rows(queue, qkv.view());  // a copy, where the queue keeps any
  attention.forward(qkv.view().columns(0, q), qkv.view().columns(q, kv), qkv.view().columns(q + kv, kv), out.view(),
                    logsum.view());
  attention.backward(qkv.view(), out.view(), logsum.view(), dout.view(), dqkv.view());
  return {out.read(), logsum.read(), dqkv.read()};
}

const std::vector<Problem>& problems() {
  static const std::vector<Problem> all = {
      {{1, 1, 2}, {1}, {-1}},
      {{2, 2, 16}, {0, 3}, {-1, 0}},  // a prefix of no rows
      {{6, 2, 10}, {5, 3, 1, 0, 4, 2}, {-1, 0, 0, 0, 1, 4}},
      {{3, 1, 20}, {7, 33, 2, 1}, {-1, 0, -1, 1}},  // several tiles of keys; a second root
      {{2, 2, 32}, {17, 16, 15, 31}, {-1, 0, 0, 1}},
      {{2, 1, 24}, {9, 70, 40}, {-1, 0, 1}},  // several tiles of 64
  };
  return all;
}

}  // namespace

void check_both(cuda::Queue& queue, const Problem& problem, int tile) {
  CAPTURE(problem.shape.head_size);
  CAPTURE(tile);
  const Tree tree = tree_of(problem);
  Data data(problem.shape, tree.rows());
  const Result expected = on_processor(problem.shape, tree, data);
  const Result exact = on_device(queue, Precision::float32, problem.shape, tree, data, tile);
  check_near(exact.out, expected.out, 1e-6);
  check_near(exact.logsum, expected.logsum, 1e-6);
  check_near(exact.dqkv, expected.dqkv, 3e-6);
  const Result rounded = on_device(queue, Precision::bfloat16, problem.shape, tree, data, tile);
  check_near(rounded.out, expected.out, 2e-2);  // eight bits, in queries, keys, values and weights
  check_near(rounded.logsum, expected.logsum, 2e-2);
  check_near(rounded.dqkv, expected.dqkv, 4e-2);
  cuda::Queue with_copies;
  with_copies.keep_copies();
  const Result copied = on_device(with_copies, Precision::bfloat16, problem.shape, tree, data, tile);
  CHECK(copied.out == rounded.out);
  CHECK(copied.logsum == rounded.logsum);
  CHECK(copied.dqkv == rounded.dqkv);
}

TEST_CASE("CUDA: attention over a tree and its gradient equal the processor's, for short texts and long") {
  cuda::Queue queue;
  test::in_each_order([&] {
    for (const Problem& problem : problems()) check_both(queue, problem, 16);
  });
}

TEST_CASE("CUDA: attention with all head sizes and tiles") {
  cuda::Queue queue;
  for (const int64_t size : {64, 80, 96, 100, 128})
    for (const int tile : {32, 64}) check_both(queue, {{3, 1, size}, {4, 40, 2}, {-1, 0, 1}}, tile);
}

#ifndef __CUDACC__
TEST_CASE("CUDA: attention fits into the shared memory of older devices") {
  const size_t limit = emulation::options().shared_limit;
  emulation::options().shared_limit = size_t{64} << 10;
  {
    cuda::Queue queue;
    check_both(queue, {{2, 1, 128}, {30, 50}, {-1, 0}}, 0);
  }
  emulation::options().shared_limit = limit;
  CHECK(emulation::take_errors().empty());
}
#endif

TEST_CASE("CUDA: what many texts give a prefix is added up in parts, in the same order each time") {
  cuda::Queue queue;
  Problem problem{{2, 1, 8}, {20}, {-1}};
  for (int i = 0; i < 80; ++i) {
    problem.lengths.push_back(1 + i % 3);
    problem.parents.push_back(0);
  }
  const Tree tree = tree_of(problem);
  Data data(problem.shape, tree.rows());
  const Result expected = on_processor(problem.shape, tree, data);
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    const double bound = precision == Precision::float32 ? 2e-6 : 4e-2;
    Result first;
    test::in_each_order([&] {
      const Result found = on_device(queue, precision, problem.shape, tree, data, 16);
      check_near(found.dqkv, expected.dqkv, bound);
      if (first.dqkv.empty()) first = found;
      CHECK(found.dqkv == first.dqkv);
      CHECK(found.out == first.out);
    });
  }
}

TEST_CASE("CUDA: plans are made without waiting, in memory that queued work of earlier ones still reads") {
  cuda::Queue queue;
  cuda::Staging staging(queue);
  const AttentionShape shape{2, 1, 8};
  const int64_t q = shape.query_width(), kv = shape.kv_width(), rows = 12;
  Data data(shape, rows);
  DeviceMatrix qkv(queue, rows, data.width, data.qkv), logsum(queue, rows, shape.heads, std::vector<float>(24));
  const std::vector<float> nothing(at(rows * q));
  DeviceMatrix outs[] = {{queue, rows, q, nothing}, {queue, rows, q, nothing}, {queue, rows, q, nothing}};
  const Tree trees[] = {tree_of({shape, {12}, {-1}}), tree_of({shape, {4, 8}, {-1, 0}}),
                        tree_of({shape, {4, 5, 3}, {-1, 0, 0}})};
  for (int i = 0; i < 3; ++i) {
    const cuda::Attention attention(queue, staging, Precision::float32, shape, trees[i].items, 16);
    attention.forward(qkv.view().columns(0, q), qkv.view().columns(q, kv), qkv.view().columns(q + kv, kv),
                      outs[i].view(), logsum.view());
  }
#ifndef __CUDACC__
  CHECK(queue.stream()->waiting.size() >= 6);  // an upload and a kernel of each
#endif
  for (int i = 0; i < 3; ++i) check_near(outs[i].read(), on_processor(shape, trees[i], data).out, 1e-6);
}

TEST_CASE("CUDA: new queries see the keys and values of a cache") {
  cuda::Queue queue;
  const AttentionShape shape{4, 2, 12};
  const int64_t cached = 60;
  Random random(4);
  const std::vector<float> q = random.values(3 * shape.query_width());
  const std::vector<float> k = random.values(cached * shape.kv_width()), v = random.values(cached * shape.kv_width());
  // Two texts behind one prefix: one with its last of nine rows, one with its last two of three.
  const std::vector<AttentionItem> items = {{0, 1, {{3, 20}, {40, 1}}, {23, 9}}, {1, 2, {{3, 20}}, {50, 3}}};
  plumb::Attention processor(shape, 1);
  std::vector<float> out(at(3 * shape.query_width()));
  const auto view = [](const std::vector<float>& values, int64_t cols) {
    return ConstMatrix{values.data(), static_cast<int64_t>(values.size()) / cols, cols, cols};
  };
  processor.forward(items, view(q, shape.query_width()), view(k, shape.kv_width()), view(v, shape.kv_width()),
                    {out.data(), 3, shape.query_width(), shape.query_width()}, {});
  cuda::Staging staging(queue);
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    const cuda::Attention attention(queue, staging, precision, shape, items, 16);
    DeviceMatrix queries(queue, 3, shape.query_width(), q), keys(queue, cached, shape.kv_width(), k);
    DeviceMatrix values(queue, cached, shape.kv_width(), v), found(queue, 3, shape.query_width(), out);
    DeviceMatrix logsum(queue, 3, shape.heads, std::vector<float>(12));
    cuda::zero(queue, found.view());
    attention.forward(queries.view(), keys.view(), values.view(), found.view(), logsum.view());
    check_near(found.read(), out, precision == Precision::float32 ? 1e-6 : 2e-2);
  }
}

#include <vector>

#include "ops/cpu/kernels.h"
#include "ops/cuda/kernels.h"
#include "test/cuda/on_device.h"

using namespace plumb;
using test::at;
using test::DeviceMatrix;
using test::in_each_order;
using test::OnDevice;
using test::Random;

namespace {

const std::vector<int64_t> kRows = {0, 1, 3};

/// body(queue, rows, cols) for each shape and order.
template <typename Body>
void for_shapes(Body&& body) {
  cuda::Queue queue;
  in_each_order([&] {
    for (const int64_t cols : test::widths())
      for (const int64_t rows : kRows) {
        CAPTURE(rows);
        CAPTURE(cols);
        body(queue, rows, cols);
      }
  });
}

}  // namespace

TEST_CASE("CUDA: copies, zeros, sums of matrices and biases are exact") {
  for_shapes([](cuda::Queue& queue, int64_t rows, int64_t cols) {
    Random random(3);
    const std::vector<float> a = random.values(rows * cols);
    const std::vector<float> b = random.values(rows * cols);
    const std::vector<float> bias = random.values(cols);
    DeviceMatrix x(queue, rows, cols, a);
    DeviceMatrix y(queue, rows, cols, b, 5);
    OnDevice<float> device_bias(queue, bias);
    std::vector<float> expected = b;
    cuda::add(queue, x.view(), y.view());
    for (size_t i = 0; i < a.size(); ++i) expected[i] += a[i];
    CHECK(y.read() == expected);
    cuda::bias_forward(queue, device_bias.data(), y.view(), true);
    for (size_t i = 0; i < a.size(); ++i) expected[i] += bias[i % at(cols)];
    CHECK(y.read() == expected);
    cuda::bias_forward(queue, device_bias.data(), y.view(), false);
    for (size_t i = 0; i < a.size(); ++i) expected[i] = bias[i % at(cols)];
    CHECK(y.read() == expected);
    cuda::copy(queue, x.view(), y.view());
    CHECK(y.read() == a);
    cuda::zero(queue, y.view());
    CHECK(y.read() == std::vector<float>(a.size(), 0.0f));
    cuda::relu(queue, x.view());
    for (size_t i = 0; i < a.size(); ++i) expected[i] = a[i] > 0 ? a[i] : 0.0f;
    CHECK(x.read() == expected);
    DeviceMatrix slopes(queue, rows, cols, b);
    cuda::relu_backward(queue, x.view(), slopes.view());
    for (size_t i = 0; i < a.size(); ++i) expected[i] = a[i] > 0 ? b[i] : 0.0f;
    CHECK(slopes.read() == expected);
  });
}

TEST_CASE("CUDA: sums of columns, over any number of rows, the same bits each time") {
  cuda::Queue queue;
  std::vector<std::vector<float>> first;
  in_each_order([&] {
    std::vector<std::vector<float>> all;
    for (const int64_t cols : {1, 31, 33, 100})
      for (const int64_t rows : {0, 1, 7, 8, 64, 65, 300}) {
        Random random(4);
        const std::vector<float> dy = random.values(rows * cols);
        const std::vector<float> before = random.values(cols);
        std::vector<float> expected = before;
        kernels().column_sum(dy.data(), rows, cols, cols, expected.data());
        DeviceMatrix device_dy(queue, rows, cols, dy);
        OnDevice<float> sums(queue, before);
        cuda::bias_backward(queue, device_dy.view(), sums.data());
        all.push_back(sums.read());
        test::check_near(all.back(), expected, 2e-6);
      }
    if (first.empty()) first = all;
    CHECK(all == first);
  });
}

TEST_CASE("CUDA: rows are gathered, spread and added up where they belong") {
  for_shapes([](cuda::Queue& queue, int64_t rows, int64_t cols) {
    Random random(5);
    const int64_t all = 3 * rows;
    const std::vector<float> wide = random.values(all * cols);
    const std::vector<float> few = random.values(rows * cols);
    std::vector<int32_t> places;
    for (int64_t i = 0; i < rows; ++i) places.push_back(static_cast<int32_t>(3 * i + i % 2));
    OnDevice<int32_t> device_places(queue, places);
    DeviceMatrix table(queue, all, cols, wide);
    DeviceMatrix some(queue, rows, cols, few);
    std::vector<float> expected(few.size());
    std::vector<float> spread(wide.size(), 0.0f);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) {
        expected[at(r * cols + c)] = wide[at(places[at(r)] * cols + c)];
        spread[at(places[at(r)] * cols + c)] = few[at(r * cols + c)];
      }
    DeviceMatrix gathered(queue, rows, cols, few);
    cuda::gather_rows(queue, table.view(), device_places.data(), gathered.view());
    CHECK(gathered.read() == expected);
    DeviceMatrix target(queue, all, cols, wide);
    cuda::spread_rows(queue, some.view(), device_places.data(), target.view());
    CHECK(target.read() == spread);

    // Target 2t gets all sources from t on, scaled; the last one gets none.
    std::vector<int32_t> targets, starts{0}, sources, scales;
    std::vector<float> sums = wide;
    const std::vector<float> factors = random.values(rows + 1);
    for (int64_t t = 0; t < rows; ++t) {
      targets.push_back(static_cast<int32_t>(2 * t));
      for (int64_t s = t; s < rows && t + 1 < rows; ++s) {
        sources.push_back(static_cast<int32_t>(s));
        scales.push_back(static_cast<int32_t>(rows - s));
      }
      starts.push_back(static_cast<int32_t>(sources.size()));
    }
    OnDevice<int32_t> device_targets(queue, targets), device_starts(queue, starts), device_sources(queue, sources),
        device_scales(queue, scales);
    OnDevice<float> device_factors(queue, factors);
    for (const bool scaled : {false, true}) {
      for (size_t t = 0; t < targets.size(); ++t)
        for (int32_t j = starts[t]; j < starts[t + 1]; ++j)
          for (int64_t c = 0; c < cols; ++c)
            sums[at(targets[t] * cols + c)] +=
                (scaled ? factors[at(scales[at(j)])] : 1.0f) * few[at(sources[at(j)] * cols + c)];
      const RowSums row_sums{rows, device_targets.data(), device_starts.data(), device_sources.data(),
                             device_scales.data()};
      cuda::add_rows(queue, row_sums, scaled ? device_factors.data() : nullptr, some.view(), table.view());
      test::check_near(table.read(), sums, 1e-6);
    }
  });
}

TEST_CASE("CUDA: dropout drops what the generator says, and keeps the mean") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const int64_t cols : {7, 1030}) {
      Random random(6);
      const int64_t rows = 3;
      const std::vector<float> x = random.values(rows * cols);
      std::vector<float> expected = x;
      DeviceMatrix source(queue, rows, cols, x);
      DeviceMatrix out(queue, rows, cols, x);
      const Dropout dropout{77, 0.3};
      const auto threshold = static_cast<uint32_t>(0.3 * 4294967296.0);
      int dropped = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const uint64_t bits = mixed_bits(77 + i / 2);
        const bool drops = static_cast<uint32_t>(i % 2 == 0 ? bits : bits >> 32) < threshold;
        dropped += drops ? 1 : 0;
        expected[i] += drops ? 0.0f : x[i] / 0.7f;
      }
      cuda::dropout(queue, source.view(), dropout, true, out.view());
      test::check_near(out.read(), expected, 1e-6);
      if (cols > 1000) CHECK(std::abs(dropped / static_cast<double>(x.size()) - 0.3) < 0.03);
      cuda::dropout(queue, source.view(), dropout, false, source.view());
      for (size_t i = 0; i < x.size(); ++i) expected[i] -= x[i];
      test::check_near(source.read(), expected, 1e-6);
    }
  });
}

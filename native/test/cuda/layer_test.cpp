#include <vector>

#include "ops/cpu/kernels.h"
#include "ops/cuda/kernels.h"
#include "test/cuda/on_device.h"

using namespace plumb;
using test::at;
using test::check_near;
using test::DeviceMatrix;
using test::in_each_order;
using test::OnDevice;
using test::Random;

namespace {

struct Turns {
  explicit Turns(int64_t rows, int64_t half) {
    Random random(2);
    for (int64_t r = 0; r < rows; ++r) positions.push_back(static_cast<int32_t>((7 * r) % 11));
    cosine = random.values(11 * half);
    sine = random.values(11 * half);
  }
  std::vector<int32_t> positions;
  std::vector<float> cosine, sine;
};

}  // namespace

TEST_CASE("CUDA: RMS norm, its gradient and that of its weight equal the processor's") {
  cuda::Queue queue;
  std::vector<int64_t> widths = test::widths();
  widths.push_back(5003);  // more than the threads keep
  in_each_order([&] {
    for (const int64_t cols : widths)
      for (const int64_t rows : {0, 1, 3, 66}) {
        if (rows > 3 && cols > 33) continue;
        CAPTURE(rows);
        CAPTURE(cols);
        Random random(1);
        const std::vector<float> x = random.values(rows * cols), dy = random.values(rows * cols);
        const std::vector<float> weight = random.values(cols), dx = random.values(rows * cols);
        std::vector<float> out(x.size()), rstd(at(rows)), expected_dx = dx, dweight = weight;
        for (int64_t r = 0; r < rows; ++r) {
          rstd[at(r)] = kernels().rms_norm(&x[at(r * cols)], weight.data(), 1e-5f, &out[at(r * cols)], cols);
          kernels().rms_norm_backward(&x[at(r * cols)], weight.data(), rstd[at(r)], &dy[at(r * cols)],
                                      &expected_dx[at(r * cols)], cols);
          for (int64_t c = 0; c < cols; ++c) dweight[at(c)] += dy[at(r * cols + c)] * x[at(r * cols + c)] * rstd[at(r)];
        }
        DeviceMatrix device_x(queue, rows, cols, x), device_dy(queue, rows, cols, dy, 1);
        DeviceMatrix device_dx(queue, rows, cols, dx), device_out(queue, rows, cols, x);
        OnDevice<float> device_weight(queue, weight), device_rstd(queue, rows), device_dweight(queue, weight);
        cuda::rms_norm(queue, device_x.view(), device_weight.data(), 1e-5f, device_out.view(), device_rstd.data());
        check_near(device_out.read(), out, 1e-6);
        check_near(device_rstd.read(), rstd, 1e-6);
        cuda::rms_norm_backward(queue, device_x.view(), device_weight.data(), device_rstd.data(), device_dy.view(),
                                device_dx.view());
        check_near(device_dx.read(), expected_dx, 2e-6);
        cuda::rms_norm_weight_backward(queue, device_x.view(), device_rstd.data(), device_dy.view(),
                                       device_dweight.data());
        check_near(device_dweight.read(), dweight, 2e-6);
      }
  });
}

TEST_CASE("CUDA: norms of heads equal RMS norms of each head, with their gradients") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const AttentionShape& shape : {AttentionShape{3, 1, 5}, AttentionShape{4, 2, 64}, AttentionShape{2, 2, 100}})
      for (const int64_t rows : {0, 1, 5}) {
        Random random(7);
        const int64_t size = shape.head_size;
        const int64_t width = shape.query_width() + 2 * shape.kv_width();
        const int64_t heads = shape.heads + shape.kv_heads;
        const std::vector<float> qkv = random.values(rows * width), slopes = random.values(rows * width);
        const std::vector<float> query_weight = random.values(size), key_weight = random.values(size);
        std::vector<float> out = qkv, dqkv = slopes, dquery = query_weight, dkey = key_weight;
        std::vector<float> rstd(at(rows * heads)), before(at(rows * heads * size));
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t h = 0; h < heads; ++h) {
            const bool query = h < shape.heads;
            const float* weight = query ? query_weight.data() : key_weight.data();
            const float* x = &qkv[at(r * width + h * size)];
            const float* dy = &slopes[at(r * width + h * size)];
            float* dx = &dqkv[at(r * width + h * size)];
            const float factor = kernels().rms_norm(x, weight, 1e-6f, &out[at(r * width + h * size)], size);
            rstd[at(r * heads + h)] = factor;
            for (int64_t c = 0; c < size; ++c) {
              before[at((r * heads + h) * size + c)] = x[c];
              (query ? dquery : dkey)[at(c)] += dy[c] * x[c] * factor;
              dx[c] = 0;
            }
            kernels().rms_norm_backward(x, weight, factor, dy, dx, size);
          }
        DeviceMatrix device_qkv(queue, rows, width, qkv), device_dqkv(queue, rows, width, slopes);
        OnDevice<float> q_weight(queue, query_weight), k_weight(queue, key_weight);
        OnDevice<float> dq_weight(queue, query_weight), dk_weight(queue, key_weight);
        OnDevice<float> device_before(queue, rows * heads * size), device_rstd(queue, rows * heads);
        cuda::head_norms(queue, shape, device_qkv.view(), q_weight.data(), k_weight.data(), 1e-6f, device_before.data(),
                         device_rstd.data());
        check_near(device_qkv.read(), out, 1e-6);
        check_near(device_rstd.read(), rstd, 1e-6);
        CHECK(device_before.read() == before);
        cuda::head_norms_backward(queue, shape, device_before.data(), device_rstd.data(), q_weight.data(),
                                  k_weight.data(), device_dqkv.view(), dq_weight.data(), dk_weight.data());
        check_near(device_dqkv.read(), dqkv, 4e-6);
        check_near(dq_weight.read(), dquery, 4e-6);
        check_near(dk_weight.read(), dkey, 4e-6);
      }
  });
}

namespace {
std::vector<float> thrice(const std::vector<float>& values) {
  std::vector<float> all;
  for (int i = 0; i < 3; ++i) all.insert(all.end(), values.begin(), values.end());
  return all;
}
}  // namespace

TEST_CASE("CUDA: positions are turned in and out again, keys and values go to the cache") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const AttentionShape& shape : {AttentionShape{3, 1, 2}, AttentionShape{4, 2, 64}, AttentionShape{12, 4, 100}})
      for (const int64_t rows : {0, 1, 5}) {
        const int64_t half = shape.head_size / 2;
        const int64_t heads = shape.heads + shape.kv_heads;
        const int64_t kv = shape.kv_width();
        const int64_t width = shape.query_width() + 2 * kv;
        const Turns turns(rows, half);
        Random random(9);
        const std::vector<float> qkv = random.values(rows * width), x = random.values(rows * 9);
        std::vector<float> turned = qkv, back = qkv, keys(at(2 * rows * kv), -1.0f), values = keys;
        std::vector<int32_t> cache_rows;
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t turn = turns.positions[at(r)] * half;
          kernels().rotate(&turned[at(r * width)], heads, shape.head_size, &turns.cosine[at(turn)],
                           &turns.sine[at(turn)], 1.0f);
          kernels().rotate(&back[at(r * width)], heads, shape.head_size, &turns.cosine[at(turn)], &turns.sine[at(turn)],
                           -1.0f);
          cache_rows.push_back(static_cast<int32_t>(2 * rows - 1 - r));
          for (int64_t c = 0; c < kv; ++c) {
            keys[at(cache_rows.back() * kv + c)] = turned[at(r * width + shape.query_width() + c)];
            values[at(cache_rows.back() * kv + c)] = turned[at(r * width + shape.query_width() + kv + c)];
          }
        }
        OnDevice<int32_t> positions(queue, turns.positions), device_rows(queue, cache_rows);
        OnDevice<float> cosine(queue, turns.cosine), sine(queue, turns.sine);
        OnDevice<float> device_keys(queue, std::vector<float>(keys.size(), -1.0f));
        OnDevice<float> device_values(queue, std::vector<float>(keys.size(), -1.0f));
        DeviceMatrix device_x(queue, rows, 9, x), middle(queue, rows, 9, std::vector<float>(x.size()));
        const Rotation rotation{positions.data(), cosine.data(), sine.data()};
        DeviceMatrix forth(queue, rows, width, qkv), once_back(queue, rows, width, qkv);
        cuda::rotate(queue, shape, rotation, forth.view(),
                     {device_rows.data(), device_keys.data(), device_values.data()}, device_x.view(), middle.view());
        check_near(forth.read(), turned, 1e-6);
        CHECK(middle.read() == x);
        check_near(device_keys.read(), keys, 1e-6);
        CHECK(device_values.read() == values);
        cuda::rotate_backward(queue, shape, rotation, once_back.view());
        check_near(once_back.read(), back, 1e-6);
      }
  });
}

TEST_CASE("CUDA: the gated MLP and its gradient equal the processor's") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const int64_t cols : test::widths())
      for (const int64_t rows : {0, 1, 3}) {
        Random random(1);
        std::vector<float> gate_up = random.values(rows * 2 * cols);
        for (float& value : gate_up) value *= 20;
        const std::vector<float> d = random.values(rows * cols), x = random.values(rows * 3);
        std::vector<float> hidden(d.size()), slopes = gate_up;
        for (int64_t r = 0; r < rows; ++r) {
          kernels().swiglu(&gate_up[at(2 * r * cols)], &gate_up[at((2 * r + 1) * cols)], &hidden[at(r * cols)], cols);
          kernels().swiglu_backward(&slopes[at(2 * r * cols)], &slopes[at((2 * r + 1) * cols)], &d[at(r * cols)], cols);
        }
        DeviceMatrix device_gate_up(queue, rows, 2 * cols, gate_up), device_d(queue, rows, cols, d);
        DeviceMatrix device_hidden(queue, rows, cols, d), middle(queue, rows, 3, x), out(queue, rows, 3, x, 0);
        cuda::zero(queue, out.view());
        cuda::swiglu(queue, device_gate_up.view(), device_hidden.view(), middle.view(), out.view());
        check_near(device_hidden.read(), hidden, 1e-6);
        CHECK(out.read() == x);
        cuda::swiglu_backward(queue, device_gate_up.view(), device_d.view());
        check_near(device_gate_up.read(), slopes, 1e-6);
      }
  });
}

TEST_CASE("CUDA: what the next product takes is there in bfloat16 too, and rows that lie well give the same values") {
  in_each_order([&] {
    for (const int64_t cols : {1, 6, 64, 100, 1032}) {
      CAPTURE(cols);
      const int64_t rows = 3;
      Random random(5);
      const std::vector<float> wide = random.values(rows * 2 * cols), narrow = random.values(rows * cols);
      const std::vector<float> weights = random.values(cols);
      std::vector<std::vector<float>> results[2];
      for (const int gap : {3, 4}) {  // odd strides; whole sixteens where the columns are
        cuda::Queue queue;
        queue.keep_copies();
        auto& found = results[gap - 3];
        const auto keep = [&](DeviceMatrix& matrix) {
          const ConstMatrix view = matrix.view();
          const std::vector<float> values = matrix.read();
          const uint16_t* copy = queue.copy_of(view).data;
          REQUIRE(copy != nullptr);
          std::vector<uint16_t> expected(values.size()), copied(values.size());
          kernels().to_bf16(values.data(), expected.data(), static_cast<int64_t>(values.size()));
          cuda::check(cudaMemcpyAsync(copied.data(), copy, copied.size() * 2, cudaMemcpyDeviceToHost, queue.stream()),
                      "test");
          queue.wait();
          CHECK(copied == expected);
          found.push_back(values);
        };
        OnDevice<float> weight(queue, weights), rstd(queue, rows);
        DeviceMatrix x(queue, rows, cols, narrow, gap), out(queue, rows, cols, narrow, gap);
        cuda::rms_norm(queue, x.view(), weight.data(), 1e-6f, out.view(), rstd.data());
        keep(out);
        DeviceMatrix dx(queue, rows, cols, narrow, gap);
        cuda::rms_norm_backward(queue, x.view(), weight.data(), rstd.data(), out.view(), dx.view());
        keep(dx);
        DeviceMatrix gate_up(queue, rows, 2 * cols, wide, gap), hidden(queue, rows, cols, narrow, gap);
        cuda::swiglu(queue, gate_up.view(), hidden.view(), {}, {});
        keep(hidden);
        cuda::swiglu_backward(queue, gate_up.view(), x.view());
        keep(gate_up);
        CHECK(queue.copy_of(hidden.view()).data != nullptr);
        CHECK(queue.copy_of(dx.view()).data == nullptr);  // there are two copies, of what was written last
        const cuda::Copy part = queue.copy_of(gate_up.view().columns(1, cols));
        CHECK(part.data == queue.copy_of(gate_up.view()).data + 1);
        CHECK(part.stride == 2 * cols);
        if (cols % 2 != 0) continue;
        const Turns turns(rows, cols / 2);
        OnDevice<int32_t> positions(queue, turns.positions);
        OnDevice<float> cosine(queue, turns.cosine), sine(queue, turns.sine);
        DeviceMatrix qkv(queue, rows, 3 * cols, thrice(narrow), gap);
        cuda::rotate_backward(queue, {1, 1, cols}, {positions.data(), cosine.data(), sine.data()}, qkv.view());
        keep(qkv);
      }
      // A compiler may join a product and a sum in one of two ways.
      for (size_t i = 0; i < results[0].size(); ++i) check_near(results[0][i], results[1][i], 1e-6);
    }
  });
}

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "ops/cpu/kernels.h"
#include "ops/cuda/kernels.h"
#include "test/cuda/on_device.h"

using namespace plumb;
using test::DeviceMatrix;
using test::in_each_order;
using test::OnDevice;
using test::Random;

namespace {

/// Blocks of any bytes, but for the scales: there, half-precision numbers that are none would make all of a block none.
std::vector<uint8_t> random_blocks(ElementType type, int64_t bytes) {
  Random random(12);
  std::vector<uint8_t> data(static_cast<size_t>(bytes));
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random.below(256));
  if (type == ElementType::f32 || type == ElementType::bf16) return data;
  const auto block = static_cast<size_t>(layout_of(type).block_bytes);
  for (size_t i = 0; i < data.size(); i += block)
    for (size_t j = 1; j < block; j += 2)
      if ((data[i + j] & 0x7C) == 0x7C) data[i + j] &= 0xBF;
  return data;
}

Encoded encoded(const uint8_t* data, ElementType type, int64_t rows, int64_t cols, int64_t head) {
  Encoded table;
  table.data = data;
  table.type = type;
  table.rows = rows;
  table.cols = cols;
  table.interleaved_head = head;
  return table;
}

/// Equal bits, or one sum's rounding where a minimum is taken off: a GPU fuses the product into it.
void check_values(ElementType type, const std::vector<float>& found, const std::vector<float>& expected) {
  REQUIRE(found.size() == expected.size());
  const std::string name = layout_of(type).name;
  const bool exact = name != "q4_1" && name != "q5_1" && name != "q2_k" && name != "q4_k" && name != "q5_k";
  size_t wrong = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const bool same = std::memcmp(&found[i], &expected[i], sizeof(float)) == 0;
    const bool none = std::isnan(found[i]) && std::isnan(expected[i]);
    const bool near = !exact && std::abs(found[i] - expected[i]) <= 4e-7f * std::abs(expected[i]) + 1e-2f;
    wrong += same || none || near ? 0 : 1;
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("CUDA: every type of a file is decoded as on the processor, in both precisions and both orders of rows") {
  cuda::Queue queue;
  for (int t = 0; t < kElementTypes; ++t) {
    const auto type = static_cast<ElementType>(t);
    CAPTURE(std::string(layout_of(type).name));
    const int64_t cols = layout_of(type).block_elements == 1 ? 37 : 512;
    const int64_t rows = 12;
    for (const int64_t head : {int64_t{0}, int64_t{6}}) {
      const Encoded host = encoded(nullptr, type, rows, cols, head);
      const std::vector<uint8_t> data = random_blocks(type, host.bytes());
      OnDevice<uint8_t> device(queue, data);
      const int64_t first = 1;
      const int64_t count = rows - 2;
      std::vector<float> expected(static_cast<size_t>(count * cols));
      std::vector<uint16_t> rounded(expected.size());
      for (int64_t r = 0; r < count; ++r)
        kernels().dequantize(type, data.data() + host.stored_row(first + r) * host.row_bytes(),
                             expected.data() + r * cols, cols);
      kernels().to_bf16(expected.data(), rounded.data(), count * cols);
      OnDevice<float> out(queue, count * cols);
      OnDevice<uint16_t> short_out(queue, count * cols);
      const Encoded table = encoded(device.data(), type, rows, cols, head);
      cuda::decode(queue, table, first, count, Precision::float32, out.data());
      check_values(type, out.read(), expected);
      cuda::decode(queue, table, first, count, Precision::bfloat16, short_out.data());
      const std::vector<uint16_t> found = short_out.read();
      int64_t different = 0;
      for (size_t i = 0; i < found.size(); ++i) different += found[i] == rounded[i] ? 0 : 1;
      CHECK(different <= static_cast<int64_t>(found.size()) / 500);  // a sum's last bit may turn a tie
    }
  }
}

TEST_CASE("CUDA: rounding to bfloat16 equals the processor's for all kinds of numbers") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{33}, int64_t{1024}, int64_t{2100}}) {
      Random random(3);
      std::vector<float> x = random.values(count);
      if (count > 20) {
        const float odd[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 3.4e38f, 1e-40f, 1.00390625f, 1.01171875f};
        std::copy(std::begin(odd), std::end(odd), x.begin() + 5);
      }
      std::vector<uint16_t> expected(x.size());
      kernels().to_bf16(x.data(), expected.data(), count);
      OnDevice<float> device(queue, x);
      OnDevice<uint16_t> out(queue, count);
      cuda::round(queue, device.data(), out.data(), count);
      std::vector<uint16_t> found = out.read();
      // What is no number stays none; a GPU chooses its bits.
      if (count > 20) {
        CHECK((found[9] & 0x7FFF) > 0x7F80);
        found[9] = expected[9];
      }
      CHECK(found == expected);
    }
  });
}

TEST_CASE("CUDA: rows of tokens come from the table, those of the prompt from the prompt") {
  cuda::Queue queue;
  in_each_order([&] {
    for (const ElementType type : {ElementType::f32, ElementType::q8_0, ElementType::q6_k}) {
      const int64_t cols = 256;
      const Encoded host = encoded(nullptr, type, 5, cols, 0);
      const std::vector<uint8_t> data = random_blocks(type, host.bytes());
      Random random(3);
      const std::vector<float> prompt = random.values(3 * cols);
      const std::vector<int32_t> tokens = {-1, -3, 4, 0, 2, 2};
      std::vector<float> expected(tokens.size() * static_cast<size_t>(cols));
      for (size_t i = 0; i < tokens.size(); ++i) {
        float* to = expected.data() + static_cast<int64_t>(i) * cols;
        if (tokens[i] < 0)
          std::copy_n(prompt.data() + (-1 - tokens[i]) * cols, cols, to);
        else
          kernels().dequantize(type, data.data() + tokens[i] * host.row_bytes(), to, cols);
      }
      OnDevice<uint8_t> device(queue, data);
      OnDevice<int32_t> device_tokens(queue, tokens);
      DeviceMatrix device_prompt(queue, 3, cols, prompt);
      DeviceMatrix out(queue, 6, cols, std::vector<float>(expected.size()));
      cuda::embed(queue, encoded(device.data(), type, 5, cols, 0), device_prompt.view(), device_tokens.data(),
                  out.view());
      check_values(type, out.read(), expected);
      Matrix none = out.view();
      none.rows = 0;
      cuda::embed(queue, encoded(device.data(), type, 5, cols, 0), device_prompt.view(), nullptr, none);
    }
  });
}

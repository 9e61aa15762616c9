// The matrix products of one training step of a LLaMA-style decoder and nothing else, called bare: for each layer and
// each of the seven linear maps Y = X·Wᵀ and dX = dY·W once. The floor for the engine's step of the same rows.
//
//   plumb_products HIDDEN INTERMEDIATE LAYERS QUERY_WIDTH KV_WIDTH ROWS float32|bfloat16 THREADS REPEATS
//
// Prints for each repeat the milliseconds that it took, and those that all threads computed.
#include <oneapi/dnnl/dnnl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "ops/parallel.h"
#include "tensor/buffer.h"

namespace {

using plumb::Buffer;

/// One map's two products, in the library's own form.
class Map {
 public:
  Map(dnnl::engine engine, int64_t rows, int64_t out, int64_t in, bool bfloat)
      : rows_(rows), out_(out), in_(in), weight_(out * in * (bfloat ? 2 : 4)) {
    std::fill_n(weight_.data(), weight_.size(), uint8_t{0x3c});
    if (!bfloat) return;
    using dnnl::memory;
    const auto make = [&](int64_t k, int64_t n, memory::format_tag layout) {
      const memory::desc a({rows, k}, memory::data_type::bf16, memory::format_tag::ab);
      const memory::desc b({k, n}, memory::data_type::bf16, layout);
      const memory::desc c({rows, n}, memory::data_type::f32, memory::format_tag::ab);
      return Product{dnnl::matmul(dnnl::matmul::primitive_desc(engine, a, b, c)), memory(a, engine, nullptr),
                     memory(b, engine, weight_.data()), memory(c, engine, nullptr)};
    };
    forward_ = std::make_unique<Product>(make(in, out, memory::format_tag::ba));
    backward_ = std::make_unique<Product>(make(out, in, memory::format_tag::ab));
  }

  void run(dnnl::stream& stream, float* x, float* y) {
    if (forward_) {
      forward_->run(stream, x, y);
      backward_->run(stream, y, x);
      return;
    }
    const auto* w = reinterpret_cast<const float*>(weight_.data());
    dnnl_sgemm('N', 'T', rows_, out_, in_, 1.0f, x, in_, w, in_, 0.0f, y, out_);
    dnnl_sgemm('N', 'N', rows_, in_, out_, 1.0f, y, out_, w, in_, 0.0f, x, in_);
  }

 private:
  struct Product {
    dnnl::matmul product;
    dnnl::memory source, weight, result;
    void run(dnnl::stream& stream, void* from, void* to) {
      source.set_data_handle(from);
      result.set_data_handle(to);
      product.execute(stream, {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, weight}, {DNNL_ARG_DST, result}});
      stream.wait();
    }
  };
  int64_t rows_, out_, in_;
  Buffer<uint8_t> weight_;
  std::unique_ptr<Product> forward_, backward_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 10) {
    std::fprintf(stderr,
                 "usage: %s HIDDEN INTERMEDIATE LAYERS QUERY_WIDTH KV_WIDTH ROWS float32|bfloat16 THREADS REPEATS\n",
                 arguments[0]);
    return 2;
  }
  const auto number = [&](int i) { return std::atoll(arguments[i]); };
  const int64_t hidden = number(1), wide = number(2), layers = number(3), query = number(4), kv = number(5),
                rows = number(6);
  const bool bfloat = std::string(arguments[7]) == "bfloat16";
  plumb::set_product_threads(static_cast<int>(number(8)));

  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  std::vector<std::unique_ptr<Map>> maps;
  for (int64_t layer = 0; layer < layers; ++layer)
    for (const auto& [out, in] : {std::pair{query, hidden},
                                  {kv, hidden},
                                  {kv, hidden},
                                  {hidden, query},
                                  {wide, hidden},
                                  {wide, hidden},
                                  {hidden, wide}})
      maps.push_back(std::make_unique<Map>(engine, rows, out, in, bfloat));
  const int64_t widest = std::max(std::max(hidden, wide), query);
  Buffer<float> x(rows * widest), y(rows * widest);
  std::fill_n(x.data(), x.size(), 0.5f);
  std::fill_n(y.data(), y.size(), 0.5f);

  for (int64_t repeat = 0; repeat <= number(9); ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t computed = std::clock();
    for (const auto& map : maps) map->run(stream, x.data(), y.data());
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    const double busy = 1000.0 * static_cast<double>(std::clock() - computed) / CLOCKS_PER_SEC;
    if (repeat > 0) std::printf("%.3f %.3f\n", took.count(), busy);  // the first makes the kernels
    std::fill_n(x.data(), x.size(), 0.5f);                           // results grow from map to map
  }
  return 0;
}

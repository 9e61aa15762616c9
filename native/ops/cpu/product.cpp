#include "ops/cpu/product.h"

#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <tuple>

#include "ops/cpu/kernels.h"
#include "ops/device.h"
#include "ops/parallel.h"

namespace plumb {

void limit_products_isa() {
  if (std::getenv("PLUMB_MAX_ISA") == nullptr) return;
  const CpuFeatures features = cpu_features();
  const auto isa = features.avx512 ? dnnl_cpu_isa_avx512_core : features.avx2 ? dnnl_cpu_isa_avx2 : dnnl_cpu_isa_sse41;
  dnnl_set_max_cpu_isa(isa);
}

void block_product(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                   int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  const dnnl_status_t status =
      dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  if (status != dnnl_success) fail("product", "float32 product failed with oneDNN status " + std::to_string(status));
}

/// oneDNN's matmul with bfloat16 factors. A primitive is made for each shape; rows are rounded up so that few occur.
struct Products::BfloatProducts {
  enum class Kind { forward, backward, gradient };
  /// result[rows, result_cols] = source[rows, source_cols] · weight. The weight is [result_cols, source_cols] in
  /// forward products; the source of a gradient is stored as its transpose.
  struct Shape {
    int64_t rows, source_cols, source_stride, result_cols, result_stride;
    Kind kind;
    bool add;
    auto key() const { return std::tie(rows, source_cols, source_stride, result_cols, result_stride, kind, add); }
    bool operator<(const Shape& other) const { return key() < other.key(); }
  };
  struct Made {
    dnnl::memory source, weight, result;
    dnnl::matmul product;
  };

  BfloatProducts() : engine(dnnl::engine::kind::cpu, 0), stream(engine) {}

  Made& primitive(const Shape& shape) {
    const auto found = made.find(shape);
    if (found != made.end()) return found->second;
    if (made.size() >= kMostPrimitives) made.clear();
    using dnnl::memory;
    constexpr auto bf16 = memory::data_type::bf16;
    const memory::dims strides =
        shape.kind == Kind::forward ? memory::dims{1, shape.source_cols} : memory::dims{shape.result_cols, 1};
    const memory::desc source(
        {shape.rows, shape.source_cols}, bf16,
        shape.kind == Kind::gradient ? memory::dims{1, shape.source_stride} : memory::dims{shape.source_stride, 1});
    const memory::desc weight({shape.source_cols, shape.result_cols}, bf16, strides);
    const memory::desc result({shape.rows, shape.result_cols}, memory::data_type::f32,
                              memory::dims{shape.result_stride, 1});
    dnnl::primitive_attr attributes;
    if (shape.add) {
      dnnl::post_ops sum;
      sum.append_sum(1.0f);
      attributes.set_post_ops(sum);
    }
    const dnnl::matmul::primitive_desc description(engine, source, weight, result, attributes);
    return made
        .emplace(shape, Made{memory(source, engine, nullptr), memory(weight, engine, nullptr),
                             memory(result, engine, nullptr), dnnl::matmul(description)})
        .first->second;
  }

  /// Rounds x to bfloat16 into `target` [padded, cols], with zero rows behind.
  void convert(int threads, ConstMatrix x, int64_t padded, Buffer<uint16_t>& target) {
    target.resize(padded * x.cols);
    parallel_ranges(threads, padded, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) {
        uint16_t* out = target.data() + r * x.cols;
        if (r < x.rows)
          kernel.to_bf16(x.row(r), out, x.cols);
        else
          std::fill(out, out + x.cols, uint16_t{0});
      }
    });
  }

  void run(const Shape& shape, const uint16_t* source, const void* weight, float* result) {
    Made& m = primitive(shape);
    m.source.set_data_handle(const_cast<uint16_t*>(source));
    m.weight.set_data_handle(const_cast<void*>(weight));  // read only: oneDNN has no const handles
    m.result.set_data_handle(result);
    m.product.execute(stream, {{DNNL_ARG_SRC, m.source}, {DNNL_ARG_WEIGHTS, m.weight}, {DNNL_ARG_DST, m.result}});
    stream.wait();
  }

  static constexpr size_t kMostPrimitives = 512;
  const Kernels& kernel = kernels();
  dnnl::engine engine;
  dnnl::stream stream;
  std::map<Shape, Made> made;
  Buffer<uint16_t> scratch, factor;
};

Products::Products(Precision precision, int threads) : precision_(precision), threads_(threads) {
  if (precision == Precision::bfloat16) bfloat_ = std::make_unique<BfloatProducts>();
}

Products::~Products() = default;

void Products::forward(ConstMatrix x, const Weights& w, Matrix y, bool add) {
  if (x.rows == 0) return;
  if (bfloat_) {
    const int64_t padded = Device::round_rows(x.rows);
    bfloat_->convert(threads_, x, padded, bfloat_->scratch);
    for (const WeightPart& part : w.parts)
      bfloat_->run({padded, w.in, w.in, part.rows, y.stride, BfloatProducts::Kind::forward, add},
                   bfloat_->scratch.data(), part.data, y.data + part.column);
    return;
  }
  for (const WeightPart& part : w.parts)
    block_product(false, true, x.rows, part.rows, w.in, 1.0f, x.data, x.stride, static_cast<const float*>(part.data),
                  w.in, add ? 1.0f : 0.0f, y.data + part.column, y.stride);
}

void Products::backward(ConstMatrix dy, const Weights& w, Matrix dx, bool add) {
  if (dy.rows == 0) return;
  const int64_t padded = Device::round_rows(dy.rows);
  if (bfloat_) bfloat_->convert(threads_, dy, padded, bfloat_->scratch);
  for (const WeightPart& part : w.parts) {
    if (bfloat_)
      bfloat_->run({padded, part.rows, dy.cols, w.in, dx.stride, BfloatProducts::Kind::backward, add},
                   bfloat_->scratch.data() + part.column, part.data, dx.data);
    else
      block_product(false, false, dy.rows, w.in, part.rows, 1.0f, dy.data + part.column, dy.stride,
                    static_cast<const float*>(part.data), w.in, add ? 1.0f : 0.0f, dx.data, dx.stride);
    add = true;
  }
}

void Products::gradient(ConstMatrix dy, ConstMatrix x, Matrix dw) {
  if (dy.rows == 0) return;
  const int64_t padded = Device::round_rows(dy.rows);
  bfloat_->convert(threads_, dy, padded, bfloat_->scratch);
  bfloat_->convert(threads_, x, padded, bfloat_->factor);
  bfloat_->run({dy.cols, padded, dy.cols, x.cols, dw.stride, BfloatProducts::Kind::gradient, true},
               bfloat_->scratch.data(), bfloat_->factor.data(), dw.data);
}

}  // namespace plumb

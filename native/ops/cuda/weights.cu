#include "ops/cuda/element.cuh"
#include "ops/cuda/kernels.h"
#include "ops/cuda/row_grid.cuh"

namespace plumb::cuda {
namespace {

// What a kernel needs of Encoded, whose own functions are the processor's.
struct Table {
  const uint8_t* data;
  int64_t row_bytes;
  int64_t cols;
  int64_t block_elements;
  int64_t block_bytes;
  int64_t interleaved_head;

  __device__ const uint8_t* row(int64_t r) const {
    if (interleaved_head > 0) {
      const int64_t within = r % interleaved_head;
      const int64_t half = interleaved_head / 2;
      r = r - within + 2 * (within % half) + within / half;
    }
    return data + r * row_bytes;
  }
};

Table table_of(const Encoded& source) {
  const ElementLayout& layout = layout_of(source.type);
  return {source.data,           source.row_bytes(), source.cols,
          layout.block_elements, layout.block_bytes, source.interleaved_head};
}

template <ElementType kType>
__device__ __forceinline__ float value_at(const Table& table, const uint8_t* row, int64_t c) {
  return block_value<kType>(row + c / table.block_elements * table.block_bytes,
                            static_cast<int>(c % table.block_elements));
}

__device__ __forceinline__ void store(float* to, float value) {
  *to = value;
}
__device__ __forceinline__ void store(uint16_t* to, float value) {
  *to = to_bfloat16(value);
}

template <ElementType kType, typename Out>
__global__ void decode_kernel(Table table, int64_t first, Out* out) {
  const uint8_t* row = table.row(first + row_index());
  for (int64_t c = first_column(); c < end_column(table.cols); c += blockDim.x)
    store(out + row_index() * table.cols + c, value_at<kType>(table, row, c));
}

template <ElementType kType>
__global__ void embed_kernel(Table table, ConstMatrix prompt, const int32_t* tokens, Matrix out) {
  const int32_t token = tokens[row_index()];
  float* to = out.data + row_index() * out.stride;
  if (token < 0) {
    const float* from = prompt.data + (-1 - int64_t{token}) * prompt.stride;
    for (int64_t c = first_column(); c < end_column(out.cols); c += blockDim.x) to[c] = from[c];
    return;
  }
  const uint8_t* row = table.row(token);
  for (int64_t c = first_column(); c < end_column(out.cols); c += blockDim.x) to[c] = value_at<kType>(table, row, c);
}

__global__ void round_kernel(ConstMatrix x, uint16_t* out) {
  const int64_t c = first_of_four();
  if (c < x.cols)
    store_four(out + row_index() * x.cols, c, x.cols, load_four(x.data + row_index() * x.stride, c, x.cols));
}

/// Calls body(std::integral_constant of the type).
template <typename Body>
void with_type(ElementType type, Body&& body) {
  using E = ElementType;
  switch (type) {
    case E::f32:
      return body(std::integral_constant<E, E::f32>());
    case E::f16:
      return body(std::integral_constant<E, E::f16>());
    case E::bf16:
      return body(std::integral_constant<E, E::bf16>());
    case E::q8_0:
      return body(std::integral_constant<E, E::q8_0>());
    case E::q4_0:
      return body(std::integral_constant<E, E::q4_0>());
    case E::q4_1:
      return body(std::integral_constant<E, E::q4_1>());
    case E::q5_0:
      return body(std::integral_constant<E, E::q5_0>());
    case E::q5_1:
      return body(std::integral_constant<E, E::q5_1>());
    case E::iq4_nl:
      return body(std::integral_constant<E, E::iq4_nl>());
    case E::q2_k:
      return body(std::integral_constant<E, E::q2_k>());
    case E::q3_k:
      return body(std::integral_constant<E, E::q3_k>());
    case E::q4_k:
      return body(std::integral_constant<E, E::q4_k>());
    case E::q5_k:
      return body(std::integral_constant<E, E::q5_k>());
    case E::q6_k:
      return body(std::integral_constant<E, E::q6_k>());
  }
}

template <typename Type, typename Out>
void launch_decode(Queue& queue, const Table& table, int64_t first, int64_t count, Out* out) {
  const auto kernel = &decode_kernel<Type::value, Out>;
  LAUNCH(kernel, row_grid(count, table.cols), row_threads(table.cols), 0, queue.stream(), table, first, out);
}

template <typename Type>
void launch_embed(Queue& queue, const Table& table, ConstMatrix prompt, const int32_t* tokens, Matrix out) {
  const auto kernel = &embed_kernel<Type::value>;
  LAUNCH(kernel, row_grid(out.rows, out.cols), row_threads(out.cols), 0, queue.stream(), table, prompt, tokens, out);
}

}  // namespace

void decode(Queue& queue, const Encoded& source, int64_t first, int64_t count, Precision precision, void* out) {
  if (count == 0 || source.cols == 0) return;
  const Table table = table_of(source);
  with_type(source.type, [&](auto type) {
    if (precision == Precision::bfloat16)
      launch_decode<decltype(type)>(queue, table, first, count, static_cast<uint16_t*>(out));
    else
      launch_decode<decltype(type)>(queue, table, first, count, static_cast<float*>(out));
  });
  check(cudaGetLastError(), "decode");
}

void embed(Queue& queue, const Encoded& table, ConstMatrix prompt, const int32_t* tokens, Matrix out) {
  if (out.rows == 0 || out.cols == 0) return;
  with_type(table.type, [&](auto type) { launch_embed<decltype(type)>(queue, table_of(table), prompt, tokens, out); });
  check(cudaGetLastError(), "embed");
}

void round(Queue& queue, const float* x, uint16_t* out, int64_t count) {
  // As rows of a block's width, and what is left.
  const int64_t rows = count / kColumns;
  const int64_t rest = count - rows * kColumns;
  round_rows(queue, {x, rows, kColumns, kColumns}, out);
  round_rows(queue, {x + rows * kColumns, 1, rest, rest}, out + rows * kColumns);
}

Copy rounded_rows(Queue& queue, ConstMatrix x) {
  if (const Copy copy = queue.copy_of(x); copy.data != nullptr) return copy;
  uint16_t* rounded = queue.round_room(x);
  round_rows(queue, x, rounded);
  return {rounded, x.cols};
}

void round_rows(Queue& queue, ConstMatrix x, uint16_t* out) {
  if (x.rows == 0 || x.cols == 0) return;
  LAUNCH(round_kernel, row_grid(x.rows, x.cols), four_threads(x.cols), 0, queue.stream(), x, out);
  check(cudaGetLastError(), "round");
}

}  // namespace plumb::cuda

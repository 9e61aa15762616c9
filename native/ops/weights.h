#pragma once
#include <cstdint>
#include <vector>

#include "tensor/element_type.h"

namespace plumb {

enum class Precision { float32, bfloat16 };

inline int64_t bytes_of(Precision precision) {
  return precision == Precision::bfloat16 ? 2 : 4;
}

/// Rows of a weight matrix W [rows, cols] in the product's type, row-major; they make or take columns
/// [column, column + rows) of the output side.
struct WeightPart {
  const void* data = nullptr;
  int64_t rows = 0;
  int64_t column = 0;
};

/// A linear map [out, in] as one part, or as several that stand apart in memory (q, k and v of a mapped file).
struct Weights {
  int64_t out = 0;
  int64_t in = 0;
  std::vector<WeightPart> parts;
};

/// A matrix as a file has it, row-major, in blocks of its type.
struct Encoded {
  const uint8_t* data = nullptr;
  ElementType type = ElementType::f32;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t interleaved_head = 0;  ///< head size where rows stand in GGUF's order of q and k, else 0

  int64_t row_bytes() const { return cols / layout_of(type).block_elements * layout_of(type).block_bytes; }
  int64_t bytes() const { return rows * row_bytes(); }
  /// Where row r of Hugging Face's order stands: GGUF keeps the pair (j, j + size / 2) of a head in rows 2j and 2j + 1.
  int64_t stored_row(int64_t r) const {
    if (interleaved_head == 0) return r;
    const int64_t within = r % interleaved_head;
    const int64_t half = interleaved_head / 2;
    return r - within + 2 * (within % half) + within / half;
  }
};

}  // namespace plumb

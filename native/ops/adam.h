#pragma once
#include <cstdint>

namespace plumb {

/// What one step of Adam does to every value of a parameter.
struct AdamConstants {
  float rate;
  float beta1;
  float beta2;
  float epsilon;
  float decay;        ///< 1 - rate * weight decay
  float correction1;  ///< 1 - beta1^t
  float correction2;  ///< 1 - beta2^t
  float scale;        ///< factor on the gradient (clipping)
  float rest1;        ///< 1 - beta1, rounded from double precision: 1.0f - 0.999f is 5e-5 off
  float rest2;        ///< 1 - beta2
};

/// Both moments of Adam for one tensor, in a byte each (ops/dynamic_map.h), in blocks with a scale of their own.
struct Moments8 {
  static constexpr int64_t kBlock = 256;
  static int64_t blocks(int64_t count) { return (count + kBlock - 1) / kBlock; }

  uint8_t* first = nullptr;  ///< codes, room for whole blocks
  uint8_t* second = nullptr;
  float* first_scale = nullptr;  ///< one a block
  float* second_scale = nullptr;
};

}  // namespace plumb

#pragma once
#include "ops/cuda/platform.h"
#include "tensor/element_type.h"

/// Single values of a file's types, as ops/cpu/kernels_body.h lays its blocks out.
namespace plumb::cuda {

/// To nearest even; what is no number stays none.
__device__ __forceinline__ uint16_t to_bfloat16(float value) {
  const uint32_t bits = __float_as_uint(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

__device__ __forceinline__ float from_half(uint32_t h) {
  const uint32_t rest = h & 0x7FFFu;
  // The exponent's bias is put right by a product, which handles subnormals.
  const float value = __uint_as_float(rest << 13) * 5.192296858534828e33f;  // 2^112
  const uint32_t bits = rest >= 0x7C00u ? 0x7F800000u | (rest << 13) : __float_as_uint(value);
  return __uint_as_float((h & 0x8000u) << 16 | bits);
}

__device__ __forceinline__ uint32_t load16(const uint8_t* p) {
  return static_cast<uint32_t>(p[0] | p[1] << 8);
}
__device__ __forceinline__ uint32_t load32(const uint8_t* p) {
  return load16(p) | load16(p + 2) << 16;
}
__device__ __forceinline__ float half_at(const uint8_t* p) {
  return from_half(load16(p));
}

/// Nibble i of 16 bytes: the low ones first.
__device__ __forceinline__ int nibble(const uint8_t* q, int i) {
  return i < 16 ? q[i] & 15 : q[i - 16] >> 4;
}

__device__ __forceinline__ float iq4_value(int i) {
  constexpr int8_t kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  return static_cast<float>(kValues[i]);
}

/// Scale and minimum of a group of q4_k and q5_k: 6 bits each in twelve bytes.
struct PackedScale {
  float scale, minimum;
};
__device__ __forceinline__ PackedScale packed_scale(const uint8_t* packed, int group) {
  if (group < 4) return {static_cast<float>(packed[group] & 63), static_cast<float>(packed[group + 4] & 63)};
  return {static_cast<float>((packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4),
          static_cast<float>(packed[group + 4] >> 4 | (packed[group] >> 6) << 4)};
}

/// Value i of the block at `block`.
template <ElementType kType>
__device__ __forceinline__ float block_value(const uint8_t* block, int i) {
  if constexpr (kType == ElementType::f32) {
    return __uint_as_float(load32(block));
  } else if constexpr (kType == ElementType::f16) {
    return half_at(block);
  } else if constexpr (kType == ElementType::bf16) {
    return __uint_as_float(load16(block) << 16);
  } else if constexpr (kType == ElementType::q8_0) {
    return half_at(block) * static_cast<float>(static_cast<int8_t>(block[2 + i]));
  } else if constexpr (kType == ElementType::q4_0) {
    return half_at(block) * static_cast<float>(nibble(block + 2, i) - 8);
  } else if constexpr (kType == ElementType::q4_1) {
    return half_at(block) * static_cast<float>(nibble(block + 4, i)) + half_at(block + 2);
  } else if constexpr (kType == ElementType::q5_0) {
    const int high = static_cast<int>(load32(block + 2) >> i & 1u) << 4;
    return half_at(block) * static_cast<float>((nibble(block + 6, i) | high) - 16);
  } else if constexpr (kType == ElementType::q5_1) {
    const int high = static_cast<int>(load32(block + 4) >> i & 1u) << 4;
    return half_at(block) * static_cast<float>(nibble(block + 8, i) | high) + half_at(block + 2);
  } else if constexpr (kType == ElementType::iq4_nl) {
    return half_at(block) * iq4_value(nibble(block + 2, i));
  } else if constexpr (kType == ElementType::q2_k) {
    const int group = i / 16;
    const uint8_t part = block[16 + 32 * (group / 8) + 16 * (group % 2) + i % 16];
    const float scale = half_at(block + 80) * static_cast<float>(block[group] & 15);
    const float minimum = half_at(block + 82) * static_cast<float>(block[group] >> 4);
    return scale * static_cast<float>(part >> (2 * (group / 2 % 4)) & 3) - minimum;
  } else if constexpr (kType == ElementType::q3_k) {
    const int group = i / 16;
    const uint8_t* packed = block + 96;
    const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
    const int high = packed[8 + group % 4] >> (2 * (group / 4)) & 3;
    const float scale = half_at(block + 108) * static_cast<float>((low | high << 4) - 32);
    const int place = 16 * (group % 2) + i % 16;
    const int bits = block[32 + 32 * (group / 8) + place] >> (2 * (group / 2 % 4)) & 3;
    return scale * static_cast<float>(bits - ((block[place] >> (group / 2) & 1) != 0 ? 0 : 4));
  } else if constexpr (kType == ElementType::q4_k) {
    const int group = i / 32;
    const PackedScale packed = packed_scale(block + 4, group);
    const float scale = half_at(block) * packed.scale;
    const float minimum = half_at(block + 2) * packed.minimum;
    return scale * static_cast<float>(block[16 + 32 * (group / 2) + i % 32] >> (4 * (group % 2)) & 15) - minimum;
  } else if constexpr (kType == ElementType::q5_k) {
    const int group = i / 32;
    const PackedScale packed = packed_scale(block + 4, group);
    const float scale = half_at(block) * packed.scale;
    const float minimum = half_at(block + 2) * packed.minimum;
    const int low = block[48 + 32 * (group / 2) + i % 32] >> (4 * (group % 2)) & 15;
    return scale * static_cast<float>(low | (block[16 + i % 32] >> group & 1) << 4) - minimum;
  } else {
    static_assert(kType == ElementType::q6_k, "a type without a decoder");
    const int group = i / 16;
    const int quarter = group / 2 % 4;
    const int place = 16 * (group % 2) + i % 16;
    const int low = block[64 * (group / 8) + 32 * (quarter % 2) + place] >> (4 * (quarter / 2)) & 15;
    const int high = block[128 + 32 * (group / 8) + place] >> (2 * quarter) & 3;
    const float scale = half_at(block + 208) * static_cast<float>(static_cast<int8_t>(block[192 + group]));
    return scale * static_cast<float>((low | high << 4) - 32);
  }
}

}  // namespace plumb::cuda

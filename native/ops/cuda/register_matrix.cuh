#pragma once
#include "ops/cuda/element.cuh"

/// Products of bfloat16 matrices whose factors and sums stay in the registers of a warp, laid out as the instructions
/// mma.m16n8k16 and ldmatrix of PTX have them ("Warp-level matrix instructions", PTX ISA). Older devices and the
/// emulation have twins that give registers from lane to lane.
///
/// Lane l has of a left factor [16, 16] two elements side by side in each register: rows l / 4 (registers 0 and 2) and
/// l / 4 + 8 (1 and 3), columns from 2 (l % 4) on (0 and 1) and 8 more (2 and 3). Of a right factor [16, 8], column l /
/// 4: rows from 2 (l % 4) on, and 8 more. Of sums [16, 8], columns from 2 (l % 4) on of row l / 4 (0 and 1), and of row
/// l / 4 + 8 (2 and 3).
namespace plumb::cuda {

// A twin stands in the code once: the compiler would take minutes to unfold all of its uses.
#if PLUMB_TENSOR_CORES
#define PLUMB_TWIN __forceinline__
#elif defined(__CUDACC__)
#define PLUMB_TWIN inline __noinline__
#else
#define PLUMB_TWIN inline
#endif

/// Two values in one register, the first one in the low half.
__device__ __forceinline__ uint32_t pack_bfloat16(float low, float high) {
#if PLUMB_TENSOR_CORES
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
#else
  return static_cast<uint32_t>(to_bfloat16(low)) | static_cast<uint32_t>(to_bfloat16(high)) << 16;
#endif
}

__device__ __forceinline__ float unpack_bfloat16(uint32_t packed, int place) {
  return __uint_as_float(place == 0 ? packed << 16 : packed & 0xFFFF0000u);
}

/// Four matrices [8, 8] in shared memory; lane l names where row l % 8 of matrix l / 8 begins, at a multiple of 16
/// bytes. Register m takes matrix m as the half of a left factor that begins there has it: row l / 4, columns from 2 (l
/// % 4) on; of the matrix turned around where kTransposed.
template <bool kTransposed>
__device__ PLUMB_TWIN void load_matrices(const uint16_t* row, uint32_t (&registers)[4]) {
#if PLUMB_TENSOR_CORES
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address));
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address));
#else
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const auto own = reinterpret_cast<unsigned long long>(row);
  for (int m = 0; m < 4; ++m) {
    const int first = 8 * m + (kTransposed ? lane % 4 * 2 : lane / 4);
    const auto* from = reinterpret_cast<const uint16_t*>(__shfl_sync(0xFFFFFFFFu, own, first));
    if constexpr (kTransposed) {
      const auto* next = reinterpret_cast<const uint16_t*>(__shfl_sync(0xFFFFFFFFu, own, first + 1));
      registers[m] = static_cast<uint32_t>(from[lane / 4]) | static_cast<uint32_t>(next[lane / 4]) << 16;
    } else {
      registers[m] = static_cast<uint32_t>(from[lane % 4 * 2]) | static_cast<uint32_t>(from[lane % 4 * 2 + 1]) << 16;
    }
  }
#endif
}

/// sums += left · right.
__device__ PLUMB_TWIN void add_product(float (&sums)[4], const uint32_t (&left)[4], uint32_t right_low,
                                       uint32_t right_high) {
#if PLUMB_TENSOR_CORES
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right_low), "r"(right_high));
#else
  const int lane = static_cast<int>(threadIdx.x) % 32;
#ifdef __CUDACC__
  const auto of_lane = [&](uint32_t value, int, int source) { return __shfl_sync(0xFFFFFFFFu, value, source); };
#else
  const uint32_t own[6] = {left[0], left[1], left[2], left[3], right_low, right_high};
  const auto* all = ::emulation::warp_registers(own);
  const auto of_lane = [&](uint32_t, int place, int source) { return all[source][place]; };
#endif
  for (int part = 0; part < 4; ++part) {
    // Elements 2 part and 2 part + 1 of k, and 8 more.
    const int rows = lane / 4 * 4 + part;
    const int column = lane % 4 * 8 + part;
    const uint32_t a[4] = {of_lane(left[0], 0, rows), of_lane(left[1], 1, rows), of_lane(left[2], 2, rows),
                           of_lane(left[3], 3, rows)};
    const uint32_t b[2][2] = {{of_lane(right_low, 4, column), of_lane(right_high, 5, column)},
                              {of_lane(right_low, 4, column + 4), of_lane(right_high, 5, column + 4)}};
    for (int i = 0; i < 4; ++i)
      for (int half = 0; half < 2; ++half)
        for (int place = 0; place < 2; ++place)
          sums[i] += unpack_bfloat16(a[i / 2 + 2 * half], place) * unpack_bfloat16(b[i % 2][half], place);
  }
#endif
}

}  // namespace plumb::cuda

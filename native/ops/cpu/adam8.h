#pragma once
#include <cstdint>

#include "ops/adam.h"
#include "ops/cpu/kernels.h"

namespace plumb {

/// Device::adam8 on the processor: each block is widened, moved as with moments of 32 bits, and rounded again. Any
/// number of threads gives the same bits.
void adam8(const Kernels& kernel, const AdamConstants& constants, const float* gradient, const Moments8& moments,
           float* values, int64_t count, int threads);

}  // namespace plumb

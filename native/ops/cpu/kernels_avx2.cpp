#define PLUMB_ISA avx2_kernels
#define PLUMB_ISA_NAME "avx2"
#include "ops/cpu/kernels_body.h"

#define PLUMB_ISA avx512_kernels
#define PLUMB_ISA_NAME "avx512"
#include "ops/cpu/kernels_body.h"

#define PLUMB_ISA generic_kernels
#define PLUMB_ISA_NAME "generic"
#include "ops/cpu/kernels_body.h"

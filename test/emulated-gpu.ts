import path from "node:path";

/** The library for GPUs with its kernels compiled for the processor (native/ops/cuda/emulation). */
export const EMULATED_GPU = path.join(__dirname, "..", "build", "native", "libplumb_cuda_emulated.so");

/** The stand-in for cuBLAS on it. */
export const EMULATED_CUBLAS = path.join(path.dirname(EMULATED_GPU), "emulated", "libcublas.so.13");

/** The stand-in for NCCL, for several of them. */
export const EMULATED_NCCL = path.join(path.dirname(EMULATED_GPU), "emulated", "libnccl.so.2");

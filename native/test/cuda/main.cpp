#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#ifndef __CUDACC__
#include "ops/cuda/emulation/threads.h"
#endif

/// PLUMB_CUDA_WITHOUT_BARRIER=file:line runs the tests as if that barrier were not there; PLUMB_CUDA_BARRIERS=FILE
/// writes down which were met (scripts/lib/barriers.mjs).
int main(int argc, char** argv) {
#ifdef __CUDACC__
  return doctest::Context(argc, argv).run();
#else
  if (const char* site = std::getenv("PLUMB_CUDA_WITHOUT_BARRIER")) emulation::remove_barrier(site);
  // What cuBLAS this machine may have is no part of the emulation.
  setenv("PLUMB_CUBLAS", "none", 0);
  const int result = doctest::Context(argc, argv).run();
  if (const char* path = std::getenv("PLUMB_CUDA_BARRIERS")) {
    std::FILE* file = std::fopen(path, "w");
    if (file == nullptr) return 1;
    for (const std::string& site : emulation::barriers()) std::fprintf(file, "%s\n", site.c_str());
    std::fclose(file);
  }
  return result;
#endif
}

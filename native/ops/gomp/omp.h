#pragma once
// What the engine calls of GCC's OpenMP library, for compilers that come without one. The calls are those that GCC
// itself makes (libgomp's manual, "The libgomp ABI"): a team of threads runs `body(data)`, each thread once.
extern "C" {
void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags);
int omp_get_max_threads();
int omp_get_num_threads();
int omp_get_thread_limit();
int omp_get_thread_num();
void omp_set_dynamic(int dynamic);
void omp_set_num_threads(int count);
}

#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <type_traits>

#include <omp.h>
#ifdef PLUMB_STD_THREADS
#include <thread>
#include <vector>
#endif

namespace plumb {

/// Number of threads that a team of `asked` may have; 0 asks for as many as the processor or the environment gives.
inline int team_size(int asked) {
  // Asked once, before anybody sets the number for the products on the same thread.
  static const int all = omp_get_max_threads();
  return std::min(asked > 0 ? asked : all, omp_get_thread_limit());
}

/// Sets the number of threads of oneDNN's products on the calling thread. oneDNN divides a product among so many and
/// leaves parts out where fewer come, so the number must be one that team_size() allows and is not left to the library.
inline void set_product_threads(int threads) {
#ifndef PLUMB_STD_THREADS  // there oneDNN stays on one thread, see team()
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
#else
  static_cast<void>(threads);
#endif
}

/// Keeps the first exception thrown inside a parallel region, which must not leave it, and throws it again outside.
class FirstError {
 public:
  template <typename F>
  void run(F&& body) noexcept {
    try {
      body();
    } catch (...) {
      const std::lock_guard<std::mutex> hold(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
};

/// Calls body(thread, size) on each thread of a team of `threads`, or of fewer (`size`) where no more are to be had.
template <typename F>
void team(int threads, F&& body) {
#if defined(PLUMB_STD_THREADS)
  // ThreadSanitizer does not see the barriers of the compiler's OpenMP library, so its build has threads that it sees.
  std::vector<std::thread> members;
  for (int t = 0; t < threads; ++t) members.emplace_back([&, t] { body(t, threads); });
  for (std::thread& member : members) member.join();
#elif defined(PLUMB_GOMP)
  const auto call = [](void* data) {
    (*static_cast<std::remove_reference_t<F>*>(data))(omp_get_thread_num(), omp_get_num_threads());
  };
  GOMP_parallel(call, &body, static_cast<unsigned>(threads), 0);
#else
#pragma omp parallel num_threads(threads)
  body(omp_get_thread_num(), omp_get_num_threads());
#endif
}

/// Calls body(task, thread) for each task; tasks are handed out as threads become free, so they must not share results.
template <typename F>
void parallel_tasks(int threads, int64_t count, F&& body) {
  if (count <= 0) return;
  FirstError error;
  std::atomic<int64_t> next{0};
  team(threads, [&](int thread, int) {
    for (int64_t i = next++; i < count; i = next++) error.run([&] { body(i, thread); });
  });
  error.rethrow();
}

/// Calls body(first, last) on contiguous parts of [0, count), one a thread. The parts depend on `count` and `threads`
/// alone, so that sums made inside are the same each time.
template <typename F>
void parallel_ranges(int threads, int64_t count, F&& body) {
  if (count <= 0) return;
  const auto part = [&](int64_t t) {
    const int64_t first = count * t / threads;
    const int64_t last = count * (t + 1) / threads;
    if (first < last) body(first, last);
  };
  if (threads == 1) {
    part(0);
    return;
  }
  FirstError error;
  team(threads, [&](int thread, int size) {
    for (int t = thread; t < threads; t += size) error.run([&] { part(t); });
  });
  error.rethrow();
}

}  // namespace plumb

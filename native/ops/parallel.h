#pragma once
#include <cstdint>
#include <exception>
#include <mutex>

#ifdef PLUMB_STD_THREADS
#include <atomic>
#include <thread>
#include <vector>
#else
#include <omp.h>
#endif

namespace plumb {

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

/// Calls body(task, thread) for each task; tasks are handed out as threads become free, so they must not share results.
template <typename F>
void parallel_tasks(int threads, int64_t count, F&& body) {
  if (count <= 0) return;
  FirstError error;
#ifdef PLUMB_STD_THREADS
  // ThreadSanitizer does not see the barriers of the compiler's OpenMP library, so its build has threads that it sees.
  std::atomic<int64_t> next{0};
  std::vector<std::thread> team;
  for (int t = 0; t < threads; ++t)
    team.emplace_back([&, t] {
      for (int64_t i = next++; i < count; i = next++) error.run([&] { body(i, t); });
    });
  for (std::thread& member : team) member.join();
#else
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int64_t i = 0; i < count; ++i) error.run([&] { body(i, omp_get_thread_num()); });
#endif
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
#ifdef PLUMB_STD_THREADS
  parallel_tasks(threads, threads, [&](int64_t t, int) { part(t); });
#else
  FirstError error;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; ++t) error.run([&] { part(t); });
  error.rethrow();
#endif
}

}  // namespace plumb

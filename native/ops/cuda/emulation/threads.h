#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// Threads of a GPU, one block after the other on one thread of the processor: each CUDA thread is a fiber that runs
/// until it waits for others. What a GPU leaves open (which thread runs next, which block comes first) is chosen by
/// Options, so that a test can try several. Memory that nobody wrote holds NaN. For tests; nothing here is fast.
namespace emulation {

struct Index3 {
  unsigned x, y, z;
  constexpr Index3(unsigned x_in = 1, unsigned y_in = 1, unsigned z_in = 1) : x(x_in), y(y_in), z(z_in) {}
};

enum class Order {
  ascending,
  descending,
  shuffled,    ///< another order each time that all have waited
  warp_ahead,  ///< one warp runs as far as it can before the next begins
  random,      ///< another thread at each wait
};

struct Options {
  Order order = Order::ascending;
  unsigned seed = 1;
  size_t shared_limit = 227 * 1024;  ///< bytes of shared memory that a block may ask for
  bool deferred = true;              ///< work on a stream is done when somebody waits for it, and no earlier
};
Options& options();

/// What a kernel did that it may not do, one sentence each: barriers that not all threads reach, shuffles with lanes
/// that take no part, too much shared memory. Empties the list.
std::vector<std::string> take_errors();

/// Barriers that were met, as "file:line".
std::vector<std::string> barriers();
/// From now on this barrier ("file:line") does nothing, as if it were not there. Empty: all of them are.
void remove_barrier(const std::string& site);

struct Warp;

/// A copy into shared memory that is done when its thread waits for it; `bytes` 0: the end of a group.
struct PendingCopy {
  void* to;
  const void* from;
  int bytes;
};
inline constexpr int kMostCopies = 64;

struct Thread {
  void* stack_pointer = nullptr;
  char* stack = nullptr;
  Warp* warp = nullptr;
  void* tsan_fiber = nullptr;
  void* asan_stack = nullptr;
  Index3 index;
  int number = 0;
  int lane = 0;
  int state = 0;
  const char* file = "";
  int line = 0;
  unsigned mask = 0;
  uint64_t given = 0;
  uint64_t taken = 0;
  int source = 0;
  unsigned ballot = 0;
  int register_turn = 0;
  PendingCopy* copies = nullptr;
  int copy_count = 0;
};

extern Thread* current;
extern Index3 block_index, block_size, grid_size;

/// False where a GPU would refuse the launch.
bool launchable(Index3 grid, Index3 block, size_t shared_bytes);
void launch(const char* name, Index3 grid, Index3 block, size_t shared_bytes, const std::function<void()>& kernel);

void* dynamic_shared();
void* shared_variable(const void* key, size_t bytes);
void block_barrier(const char* file, int line);
void warp_barrier(unsigned mask, const char* file, int line);
/// Each lane of the mask gives a value and takes that of `source`; what comes from a lane that takes no part is NaN.
/// Orders no memory. Results stand in current->taken and current->ballot.
void exchange(unsigned mask, uint64_t value, int source, const char* file, int line);
/// Every lane of a whole warp gives six registers, and sees those of all until two calls later. Orders no memory.
using Registers = uint32_t[6];
const Registers* warp_registers(const Registers& own);

}  // namespace emulation

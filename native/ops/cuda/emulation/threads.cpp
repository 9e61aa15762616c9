// Never compiled with -fsanitize=thread: what runs here switches stacks under the sanitizer, and tells it so.
#include "ops/cuda/emulation/threads.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#if !defined(__x86_64__)
#error "the emulation of CUDA switches stacks in x86-64 assembly"
#endif

extern "C" {  // there in a build with a sanitizer only
__attribute__((weak)) void* __tsan_create_fiber(unsigned);
__attribute__((weak)) void __tsan_switch_to_fiber(void*, unsigned);
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void __tsan_acquire(void*);
__attribute__((weak)) void __tsan_release(void*);
__attribute__((weak)) void __sanitizer_start_switch_fiber(void**, const void*, size_t);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void*, const void**, size_t*);
}

namespace emulation {

struct Warp {
  unsigned waiting = 0;
  unsigned exited = 0;
  unsigned generation = 0;
  char tags[2] = {};  // what the sanitizer orders warp barriers by
  Registers registers[2][32] = {};
};

Thread* current = nullptr;
Index3 block_index, block_size, grid_size;

namespace {

enum State { kReady, kAtBlockBarrier, kAtWarp, kDone };

constexpr size_t kStack =
    size_t{64} << 10;  // kernels have small frames; ThreadSanitizer clears its shadow of all of it
constexpr size_t kMostThreads = 1024;
constexpr size_t kArena = size_t{288} << 10;
constexpr unsigned kNoSync = 1;  // flag of __tsan_switch_to_fiber: switching orders nothing
constexpr size_t kStaticSharedLimit = size_t{48} << 10;

Options chosen;
// What fibers write down is kept without the C++ library: ThreadSanitizer watches that in every file.
struct Failure {
  const char* what;
  const char* kernel;
  const char* file;
  int line, thread;
  Index3 block;
};
Failure failures[20];
int failure_count = 0;
struct Site {
  const char* file;
  int line;
};
Site sites[512];
int site_count = 0;
Site removed{"", 0};
std::string removed_file;

const std::function<void()>* body = nullptr;
const char* kernel_name = "";
std::vector<Thread> threads;
std::vector<Warp> warps;
void* main_stack_pointer = nullptr;
void* main_tsan_fiber = nullptr;
void* main_asan_stack = nullptr;
const void* main_stack_bottom = nullptr;
size_t main_stack_size = 0;
int live = 0;
int at_barrier = 0;
unsigned generation = 0;
char block_tags[2], launch_tags[2];

char* arena = nullptr;
size_t arena_used = 0;
size_t dynamic_bytes = 0;
struct Variable {
  const void* key;
  size_t offset;
};
Variable variables[64];
int variable_count = 0;

uint64_t random_state = 88172645463325252u;
unsigned random_number() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return static_cast<unsigned>(random_state >> 11);
}

std::string site_of(const char* file, int line) {
  const char* slash = std::strrchr(file, '/');
  return std::string(slash == nullptr ? file : slash + 1) + ":" + std::to_string(line);
}

void fail(const char* what, const char* file, int line) {
  if (failure_count == 20) return;
  failures[failure_count++] = {what, kernel_name, file, line, current == nullptr ? -1 : current->number, block_index};
}

const char* name_of(const char* path) {
  const char* name = path;
  for (const char* c = path; *c != 0; ++c)
    if (*c == '/') name = c + 1;
  return name;
}

bool is_removed(const char* file, int line) {
  if (line != removed.line) return false;
  const char* a = name_of(file);
  const char* b = removed.file;
  for (; *a != 0 && *a == *b; ++a) ++b;
  return *a == *b;
}

/// Whether the barrier stands. Remembers it.
bool stands(const char* file, int line) {
  int i = 0;
  while (i < site_count && !(sites[i].file == file && sites[i].line == line)) ++i;
  if (i == site_count && site_count < 512) sites[site_count++] = {file, line};
  return !is_removed(file, line);
}

__attribute__((naked, noinline)) void switch_stack(void**, void*) {
  asm volatile(
      "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15;"
      "movq %rsp, (%rdi); movq %rsi, %rsp;"
      "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret");
}

/// A stack from which switch_stack() returns into `function`.
void* new_stack(char* stack, void (*function)()) {
  void** top = reinterpret_cast<void**>(stack + kStack - 64);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(function);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  return top;
}

void to_main(bool dying = false) {
  Thread* t = current;
  if (__sanitizer_start_switch_fiber != nullptr)
    __sanitizer_start_switch_fiber(dying ? nullptr : &t->asan_stack, main_stack_bottom, main_stack_size);
  if (__tsan_switch_to_fiber != nullptr) __tsan_switch_to_fiber(main_tsan_fiber, kNoSync);
  switch_stack(&t->stack_pointer, main_stack_pointer);
  if (__sanitizer_finish_switch_fiber != nullptr)
    __sanitizer_finish_switch_fiber(t->asan_stack, &main_stack_bottom, &main_stack_size);
}

void to_thread(Thread* t) {
  current = t;
  if (__sanitizer_start_switch_fiber != nullptr) __sanitizer_start_switch_fiber(&main_asan_stack, t->stack, kStack);
  if (__tsan_switch_to_fiber != nullptr) __tsan_switch_to_fiber(t->tsan_fiber, kNoSync);
  switch_stack(&main_stack_pointer, t->stack_pointer);
  if (__sanitizer_finish_switch_fiber != nullptr) __sanitizer_finish_switch_fiber(main_asan_stack, nullptr, nullptr);
  current = nullptr;
}

void release_block() {
  for (Thread& t : threads)
    if (t.state == kAtBlockBarrier) t.state = kReady;
  at_barrier = 0;
  ++generation;
}

/// All live lanes of the mask have come.
void complete_warp(Warp* warp, unsigned mask) {
  const unsigned lanes = mask & ~warp->exited;
  Thread* base = &threads[static_cast<size_t>(warp - warps.data()) * 32];
  const int first = __builtin_ctz(lanes);
  unsigned ballot = 0;
  for (int l = 0; l < 32; ++l) {
    if ((lanes >> l & 1) == 0) continue;
    if (base[l].mask != mask) fail("lanes of one warp operation with different masks", base[l].file, base[l].line);
    if (base[l].line != base[first].line) fail("lanes of one warp wait in different lines", base[l].file, base[l].line);
    if (base[l].given != 0) ballot |= 1u << l;
  }
  for (int l = 0; l < 32; ++l) {
    if ((lanes >> l & 1) == 0) continue;
    const int source = base[l].source & 31;
    base[l].taken = (lanes >> source & 1) != 0 ? base[source].given : ~uint64_t{0};
    base[l].ballot = ballot;
    base[l].state = kReady;
  }
  warp->waiting &= ~mask;
  ++warp->generation;
}

void entry() {
  Thread* t = current;
  if (__sanitizer_finish_switch_fiber != nullptr)
    __sanitizer_finish_switch_fiber(nullptr, &main_stack_bottom, &main_stack_size);
  if (__tsan_acquire != nullptr) __tsan_acquire(&launch_tags[0]);
  (*body)();
  if (__tsan_release != nullptr) __tsan_release(&launch_tags[1]);
  if (t->copy_count > 0) fail("a thread ends with copies that it did not wait for", t->file, t->line);
  t->state = kDone;
  --live;
  t->warp->exited |= 1u << t->lane;
  if (at_barrier > 0) fail("a thread ends while others wait at a barrier of the block", t->file, t->line);
  if (live > 0 && at_barrier == live) release_block();
  for (Thread& other : threads) {
    if (t->warp->waiting == 0) break;
    if (other.warp != t->warp || other.state != kAtWarp) continue;
    const unsigned lanes = other.mask & ~t->warp->exited;
    if ((t->warp->waiting & lanes) == lanes) complete_warp(t->warp, other.mask);
  }
  to_main(true);
}

void wait_in_warp(unsigned mask, uint64_t value, int source, bool orders, const char* file, int line) {
  Thread* t = current;
  Warp* warp = t->warp;
  t->file = file;
  t->line = line;
  t->mask = mask;
  t->given = value;
  t->source = source;
  const unsigned turn = warp->generation & 1;
  if ((mask >> t->lane & 1) == 0) fail("a lane that is not in the mask of its warp operation", file, line);
  if (orders && __tsan_release != nullptr) __tsan_release(&warp->tags[turn]);
  t->state = kAtWarp;
  warp->waiting |= 1u << t->lane;
  const unsigned needed = mask & ~warp->exited;
  if ((warp->waiting & needed) == needed) complete_warp(warp, mask);
  to_main();
  if (orders && __tsan_acquire != nullptr) __tsan_acquire(&warp->tags[turn]);
}

/// Memory of its own for each block, so that ThreadSanitizer knows nothing of earlier users.
void prepare_arena(bool fresh) {
  if (arena == nullptr || fresh) {
    arena = static_cast<char*>(mmap(nullptr, kArena, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (static_cast<void*>(arena) == MAP_FAILED) throw std::bad_alloc();
    arena_used = kArena - 256;
  }
  std::memset(arena, 0xFF, std::min(kArena, std::max(arena_used, dynamic_bytes) + 256));
  variable_count = 0;
  arena_used = dynamic_bytes;
}

void prepare_threads(size_t count, bool tsan) {
  static char* stacks = static_cast<char*>(
      mmap(nullptr, kMostThreads * kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  static std::vector<void*> fibers;
  static std::vector<PendingCopy> copies(kMostThreads * kMostCopies);
  if (static_cast<void*>(stacks) == MAP_FAILED) throw std::bad_alloc();
  while (tsan && fibers.size() < count) fibers.push_back(__tsan_create_fiber(0));
  // A fiber keeps its stack. Turned on with each block: equal threads of different blocks are not one after the other.
  const size_t turn = tsan ? random_number() % count : 0;
  threads.assign(count, Thread());
  warps.assign((count + 31) / 32, Warp());
  for (size_t i = 0; i < count; ++i) {
    Thread& t = threads[i];
    const size_t place = (i + turn) % count;
    const auto n = static_cast<unsigned>(i);
    t.number = static_cast<int>(i);
    t.lane = t.number & 31;
    t.warp = &warps[i / 32];
    t.index = Index3(n % block_size.x, n / block_size.x % block_size.y, n / (block_size.x * block_size.y));
    t.stack = stacks + place * kStack;
    t.stack_pointer = new_stack(t.stack, entry);
    t.copies = copies.data() + place * kMostCopies;
    if (tsan) t.tsan_fiber = fibers[place];
  }
  for (size_t i = count; i < warps.size() * 32; ++i) warps.back().exited |= 1u << (i & 31);
  live = static_cast<int>(count);
  at_barrier = 0;
  generation = 0;
}

bool run_ready(Thread& t) {
  if (t.state != kReady) return false;
  to_thread(&t);
  return true;
}

/// Runs a warp until all of its threads wait for others.
bool run_warp(size_t warp) {
  const size_t first = warp * 32;
  const size_t count = std::min<size_t>(32, threads.size() - first);
  bool ran = false;
  for (bool again = true; again; ran = ran || again) {
    again = false;
    const size_t turn = random_number() % count;
    for (size_t l = 0; l < count; ++l) again = run_ready(threads[first + (l + turn) % count]) || again;
  }
  return ran;
}

/// Lets some thread or threads run; false where all wait.
bool run_some(std::vector<size_t>& order) {
  bool ran = false;
  switch (chosen.order) {
    case Order::warp_ahead: {
      const size_t first = random_number() % warps.size();
      for (size_t w = 0; w < warps.size() && !ran; ++w) ran = run_warp((first + w) % warps.size());
      return ran;
    }
    case Order::random: {
      const size_t first = random_number() % threads.size();
      for (size_t i = 0; i < threads.size() && !ran; ++i) ran = run_ready(threads[(first + i) % threads.size()]);
      return ran;
    }
    case Order::shuffled:
      for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random_number() % (i + 1)]);
      break;
    case Order::ascending:
    case Order::descending:
      break;
  }
  for (const size_t i : order) ran = run_ready(threads[i]) || ran;
  return ran;
}

std::vector<size_t> first_order(size_t count) {
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = chosen.order == Order::descending ? count - 1 - i : i;
  return order;
}

void run_block(size_t count) {
  const bool tsan = __tsan_create_fiber != nullptr;
  prepare_arena(tsan);
  prepare_threads(count, tsan);
  if (__tsan_release != nullptr) __tsan_release(&launch_tags[0]);
  std::vector<size_t> order = first_order(count);
  while (live > 0) {
    if (run_some(order)) continue;
    for (Thread& t : threads) {
      if (t.state == kDone) continue;
      current = &t;
      fail(t.state == kAtBlockBarrier ? "waits for ever at a barrier of the block" : "waits for ever for its warp",
           t.file, t.line);
      break;
    }
    current = nullptr;
    break;
  }
  if (tsan) munmap(arena, kArena);
}

}  // namespace

Options& options() {
  return chosen;
}

std::vector<std::string> take_errors() {
  std::vector<std::string> taken;
  for (int i = 0; i < failure_count; ++i) {
    const Failure& one = failures[i];
    taken.push_back(std::string(one.kernel) + ", block (" + std::to_string(one.block.x) + ", " +
                    std::to_string(one.block.y) + ", " + std::to_string(one.block.z) + "), thread " +
                    std::to_string(one.thread) + ": " + one.what + " (" + site_of(one.file, one.line) + ")");
  }
  failure_count = 0;
  return taken;
}

std::vector<std::string> barriers() {
  std::vector<std::string> names;
  for (int i = 0; i < site_count; ++i) names.push_back(site_of(sites[i].file, sites[i].line));
  return names;
}

void remove_barrier(const std::string& site) {
  const size_t colon = site.find(':');
  removed_file = site.substr(0, colon);
  removed = {removed_file.c_str(), colon == std::string::npos ? 0 : std::atoi(site.c_str() + colon + 1)};
}

bool launchable(Index3 grid, Index3 block, size_t shared_bytes) {
  const size_t count = size_t{block.x} * block.y * block.z;
  return count > 0 && count <= kMostThreads && block.z <= 64 && grid.x > 0 && grid.x <= 0x7FFFFFFFu && grid.y > 0 &&
         grid.z > 0 && grid.y <= 65535 && grid.z <= 65535 && shared_bytes <= chosen.shared_limit;
}

void launch(const char* name, Index3 grid, Index3 block, size_t shared_bytes, const std::function<void()>& kernel) {
  kernel_name = name;
  body = &kernel;
  block_size = block;
  grid_size = grid;
  dynamic_bytes = shared_bytes;
  random_state = 88172645463325252u ^ (uint64_t{chosen.seed} << 20);
  if (__tsan_get_current_fiber != nullptr) main_tsan_fiber = __tsan_get_current_fiber();
  const size_t blocks = size_t{grid.x} * grid.y * grid.z;
  std::vector<size_t> order = first_order(blocks);
  if (chosen.order != Order::ascending && chosen.order != Order::descending)
    for (size_t i = blocks - 1; i > 0; --i) std::swap(order[i], order[random_number() % (i + 1)]);
  for (const size_t i : order) {
    block_index = Index3(static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                         static_cast<unsigned>(i / (size_t{grid.x} * grid.y)));
    run_block(size_t{block.x} * block.y * block.z);
  }
  if (__tsan_acquire != nullptr) __tsan_acquire(&launch_tags[1]);
}

void* dynamic_shared() {
  return arena;
}

void* shared_variable(const void* key, size_t bytes) {
  for (int i = 0; i < variable_count; ++i)
    if (variables[i].key == key) return arena + variables[i].offset;
  const size_t offset = (arena_used + 127) / 128 * 128;
  if (variable_count == 64 || offset + bytes > kArena) {
    fail("more shared memory than any GPU has", kernel_name, 0);
    std::abort();
  }
  arena_used = offset + bytes;
  for (size_t i = 0; i < bytes; ++i) static_cast<volatile char*>(arena)[offset + i] = -1;
  if (arena_used - dynamic_bytes > kStaticSharedLimit) fail("more than 48 KiB of static shared memory", kernel_name, 0);
  variables[variable_count++] = {key, offset};
  return arena + offset;
}

void block_barrier(const char* file, int line) {
  if (!stands(file, line)) return;
  Thread* t = current;
  t->file = file;
  t->line = line;
  const unsigned turn = generation & 1;
  if (live != static_cast<int>(threads.size())) fail("a barrier of the block after a thread has ended", file, line);
  for (const Thread& other : threads) {
    if (other.state != kAtBlockBarrier) continue;
    if (other.line != line) fail("another thread waits at another barrier", file, line);
    break;
  }
  if (__tsan_release != nullptr) __tsan_release(&block_tags[turn]);
  t->state = kAtBlockBarrier;
  if (++at_barrier == live) release_block();
  to_main();
  if (__tsan_acquire != nullptr) __tsan_acquire(&block_tags[turn]);
}

void warp_barrier(unsigned mask, const char* file, int line) {
  if (stands(file, line)) wait_in_warp(mask, 0, 0, true, file, line);
}

void exchange(unsigned mask, uint64_t value, int source, const char* file, int line) {
  wait_in_warp(mask, value, source, false, file, line);
}

const Registers* warp_registers(const Registers& own) {
  Registers* all = current->warp->registers[current->register_turn];
  current->register_turn = 1 - current->register_turn;
  std::memcpy(all[current->lane], own, sizeof own);
  wait_in_warp(0xFFFFFFFFu, 0, current->lane, false, "a product of matrices", 0);
  return all;
}

}  // namespace emulation

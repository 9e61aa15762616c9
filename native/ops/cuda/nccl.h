#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ops/cuda/queue.h"

namespace plumb::cuda {

/// The functions of NCCL that are used, as nccl.h of versions 2.13 to 2.32 declares them ("NCCL API"): communicators
/// are pointers, results and enumerations are int. No header of it is needed to build.
struct NcclLibrary {
  std::string path;
  std::string version;  ///< "2.32.3"

  int (*get_version)(int* version);
  int (*init_all)(void** communicators, int count, const int* devices);
  int (*destroy)(void* communicator);
  int (*abort)(void* communicator);
  int (*async_error)(void* communicator, int* error);
  int (*all_reduce)(const void* from, void* to, size_t count, int type, int operation, void* communicator,
                    cudaStream_t stream);
  int (*group_start)();
  int (*group_end)();
  const char* (*error_string)(int result);
  const char* (*last_error)(void* communicator);

  /// Opens a file, or what the loader finds by that name. It stays in memory to the end. Throws "nccl", with what was
  /// found, where it is none that can be used.
  explicit NcclLibrary(const std::string& name);
};

/// The one that PLUMB_NCCL names (a file or a folder; no other then), else the first that can be used of those that the
/// loader finds, that a toolkit has and that lie in Python's packages. Throws "nccl" with what was found.
NcclLibrary find_nccl();

/// How to get it; a sentence that follows on what find_nccl() threw.
std::string without_nccl();

/// Devices that add up what each of them holds.
class Clique {
 public:
  /// Throws "nccl".
  Clique(NcclLibrary library, std::vector<int> devices);
  ~Clique();
  Clique(const Clique&) = delete;
  Clique& operator=(const Clique&) = delete;

  size_t size() const { return devices_.size(); }
  /// Gives each device the sum of all of theirs, in place; waits for it. `queues` and `values` are in the devices'
  /// order. Where one of them fails, all are called off, and it throws "device"; from then on each call does.
  void all_reduce(const std::vector<Queue*>& queues, float* const* values, int64_t count);

 private:
  /// Ends what any of them still waits for.
  [[noreturn]] void call_off(const std::string& why);
  std::string reason(int result) const;

  NcclLibrary library_;
  std::vector<int> devices_;
  std::vector<void*> communicators_;  ///< none: called off
};

}  // namespace plumb::cuda

#pragma once
#include <atomic>
#include <cstdint>

#include "tensor/error.h"

namespace plumb {

/// Lets one thread call off what another is doing and what it has queued. A call notes the epoch when it is asked for;
/// a request begins a new epoch.
class Cancellation {
 public:
  void request() { ++epoch_; }
  uint64_t epoch() const { return epoch_.load(); }
  /// On the working thread, before a call noted at `epoch` runs.
  void begin(uint64_t epoch) { running_ = epoch; }
  /// On the working thread: throws "cancelled" where the running call was called off.
  void check() const {
    if (epoch_.load(std::memory_order_relaxed) != running_) fail("cancelled", "the call was cancelled");
  }

 private:
  std::atomic<uint64_t> epoch_{0};
  uint64_t running_ = 0;
};

}  // namespace plumb

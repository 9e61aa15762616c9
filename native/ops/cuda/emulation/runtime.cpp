#include "ops/cuda/emulation/runtime.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <vector>

namespace emulation {

struct Event {
  std::shared_ptr<bool> done = std::make_shared<bool>(true);
};

namespace {

/// Held by each call, and while work is done.
std::recursive_mutex world;
using Hold = std::lock_guard<std::recursive_mutex>;

thread_local cudaError_t last_error = cudaSuccess;  // of any call, until cudaGetLastError()
thread_local cudaError_t refused = cudaSuccess;     // of a launch; who waits for the device hears of it, too
thread_local int current_device = 0;
std::map<int, DeviceMemory> memories;
struct Allocation {
  size_t bytes;
  int device;
};
std::map<const void*, Allocation> allocations;

void hold(Stream* stream, std::shared_ptr<bool> until) {
  const Hold held(world);
  stream->waiting.push_back({[] {}, std::move(until)});
}

int device_of(const void* data) {
  const Hold held(world);
  auto next = allocations.upper_bound(data);
  if (next == allocations.begin()) return -1;
  const auto& [begin, allocation] = *--next;
  return data < static_cast<const char*>(begin) + allocation.bytes ? allocation.device : -1;
}

Stream default_stream{{}, 0, &enqueue, &hold, &device_of};
std::vector<Stream*> streams{&default_stream};
std::mt19937 turns(5);
bool has_failed = false;

/// PLUMB_EMULATED_FAULT is the kernel at which the device fails; where it is set no longer, all is well again.
const char* faulty_kernel() {
  const char* kernel = std::getenv("PLUMB_EMULATED_FAULT");
  if (kernel == nullptr) has_failed = false;
  return kernel;
}

/// What a call gives whose work comes later.
cudaError_t state() {
  const Hold held(world);
  return faulty_kernel() != nullptr && has_failed ? cudaErrorLaunchFailure : cudaSuccess;
}

/// Does the first piece of work of some stream that may go on; false where none may.
bool do_one() {
  const size_t first = turns() % streams.size();
  for (size_t i = 0; i < streams.size(); ++i) {
    Stream* stream = streams[(first + i) % streams.size()];
    if (stream->waiting.empty()) continue;
    const Work& next = stream->waiting.front();
    if (next.after != nullptr && !*next.after) continue;
    const Work work = next;
    stream->waiting.pop_front();
    work.run();
    return true;
  }
  return false;
}

template <typename Condition>
cudaError_t wait_until(Condition&& condition) {
  while (!condition())
    if (!do_one()) return state() != cudaSuccess ? state() : cudaErrorInvalidValue;
  return state() != cudaSuccess ? state() : refused;
}

/// PLUMB_EMULATED_DRIVER is the CUDA version that the driver knows, 0 for no driver, or "crash".
int driver_version() {
  const char* version = std::getenv("PLUMB_EMULATED_DRIVER");
  if (version == nullptr) return CUDART_VERSION;
  if (std::strcmp(version, "crash") == 0) std::abort();
  return std::atoi(version);
}

/// PLUMB_EMULATED_GPUS is their number.
int device_count() {
  const char* count = std::getenv("PLUMB_EMULATED_GPUS");
  return count == nullptr ? 1 : std::atoi(count);
}

/// PLUMB_EMULATED_CAPABILITY is the compute capability, 10 * major + minor.
int capability() {
  const char* number = std::getenv("PLUMB_EMULATED_CAPABILITY");
  return number == nullptr ? 90 : std::atoi(number);
}

/// PLUMB_EMULATED_MEMORY is the number of bytes that each device has.
DeviceMemory& memory_now() {
  DeviceMemory& memory = device_memory();
  if (const char* bytes = std::getenv("PLUMB_EMULATED_MEMORY")) memory.limit = std::strtoull(bytes, nullptr, 10);
  return memory;
}

/// PLUMB_EMULATED_OTHERS is the number of bytes that other programs hold of it; it may change at any time.
size_t taken_by_others() {
  const char* bytes = std::getenv("PLUMB_EMULATED_OTHERS");
  return bytes == nullptr ? 0 : std::strtoull(bytes, nullptr, 10);
}

size_t free_of(const DeviceMemory& memory) {
  return memory.limit - std::min(memory.limit, memory.used + taken_by_others());
}

cudaError_t no_memory() {
  return last_error = cudaErrorMemoryAllocation;
}

Stream& stream_of(cudaStream_t stream) {
  return stream == nullptr ? default_stream : *stream;
}

}  // namespace

DeviceMemory& device_memory() {
  const Hold held(world);
  return memories[current_device];
}

bool usable(cudaStream_t stream) {
  return stream == nullptr || stream->device == current_device;
}

bool is_full() {
  const Hold held(world);
  return taken_by_others() > 0 && free_of(memory_now()) == 0;
}

void refuse(cudaError_t error) {
  refused = last_error = error;
}

bool survives(const char* kernel) {
  const Hold held(world);
  const char* faulty = faulty_kernel();
  if (faulty == nullptr || std::strcmp(kernel, faulty) != 0) return true;
  has_failed = true;
  for (Stream* stream : streams) stream->waiting.clear();
  return false;
}

void enqueue(cudaStream_t stream, std::function<void()> work) {
  const Hold held(world);
  if (state() != cudaSuccess) return;
  stream_of(stream).waiting.push_back({std::move(work), nullptr});
  if (!options().deferred) cudaStreamSynchronize(stream);
}

}  // namespace emulation

using namespace emulation;

cudaError_t cudaMalloc(void** data, size_t bytes) {
  const Hold held(world);
  DeviceMemory& memory = memory_now();
  if (state() != cudaSuccess) return state();
  if (bytes > free_of(memory)) return no_memory();
  const size_t whole = (std::max<size_t>(bytes, 1) + 255) / 256 * 256;
  // Not rounded up to 256: AddressSanitizer sees what lies behind the last byte.
  if (posix_memalign(data, 256, std::max<size_t>(bytes, 1)) != 0) return no_memory();
  std::memset(*data, 0xFF, std::max<size_t>(bytes, 1));
  memory.used += whole;
  allocations[*data] = {whole, current_device};
  return cudaSuccess;
}

cudaError_t cudaFree(void* data) {
  if (data == nullptr) return cudaSuccess;
  const Hold held(world);
  const auto found = allocations.find(data);
  if (found == allocations.end()) return cudaErrorInvalidValue;
  cudaDeviceSynchronize();
  memories[found->second.device].used -= found->second.bytes;
  allocations.erase(found);
  std::free(data);
  return state();
}

cudaError_t cudaMallocHost(void** data, size_t bytes) {
  return posix_memalign(data, 256, std::max<size_t>(bytes, 1)) == 0 ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void* data) {
  cudaDeviceSynchronize();
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  const Hold held(world);
  const DeviceMemory& memory = memory_now();
  *free_bytes = free_of(memory);
  *total_bytes = memory.limit;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}

cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                              size_t height, cudaMemcpyKind, cudaStream_t stream) {
  if (width > to_pitch || width > from_pitch) return cudaErrorInvalidValue;
  enqueue(stream, [=] {
    for (size_t r = 0; r < height && width > 0; ++r)
      std::memcpy(static_cast<char*>(to) + r * to_pitch, static_cast<const char*>(from) + r * from_pitch, width);
  });
  return state();
}

cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream) {
  return cudaMemset2DAsync(data, bytes, value, bytes, 1, stream);
}

cudaError_t cudaMemset2DAsync(void* data, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream) {
  if (width > pitch) return cudaErrorInvalidValue;
  enqueue(stream, [=] {
    for (size_t r = 0; r < height && width > 0; ++r) std::memset(static_cast<char*>(data) + r * pitch, value, width);
  });
  return state();
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Hold held(world);
  *stream = new Stream{{}, current_device, &enqueue, &hold, &device_of};
  streams.push_back(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Hold held(world);
  const cudaError_t result = cudaStreamSynchronize(stream);
  streams.erase(std::remove(streams.begin(), streams.end(), stream), streams.end());
  delete stream;
  return result;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Hold held(world);
  return wait_until([stream] { return stream_of(stream).waiting.empty(); });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const Hold held(world);
  if (state() != cudaSuccess) return state();
  if (stream_of(stream).waiting.empty()) return refused;
  do_one();
  return cudaErrorNotReady;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  hold(&stream_of(stream), event->done);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new Event();
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Hold held(world);
  event->done = std::make_shared<bool>(false);
  enqueue(stream, [done = event->done] { *done = true; });
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Hold held(world);
  return wait_until([event] { return *event->done; });
}

cudaError_t cudaDeviceSynchronize() {
  const Hold held(world);
  return wait_until(
      [] { return std::all_of(streams.begin(), streams.end(), [](const Stream* s) { return s->waiting.empty(); }); });
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  refused = last_error = cudaSuccess;
  return state() != cudaSuccess ? state() : error;
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    default:
      return "invalid argument";
  }
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (driver_version() < CUDART_VERSION) return cudaErrorInsufficientDriver;
  *count = device_count();
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= device_count()) return cudaErrorInvalidValue;
  current_device = device;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = driver_version();
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "emulated GPU");
  properties->major = capability() / 10;
  properties->minor = capability() % 10;
  properties->totalGlobalMem = memory_now().limit;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = 4;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = capability() / 10;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = capability() % 10;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(options().shared_limit);
      return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

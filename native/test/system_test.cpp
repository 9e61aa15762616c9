#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>

#include "tensor/buffer.h"
#include "tensor/mapped_file.h"
#include "tensor/shared_library.h"

using namespace plumb;

TEST_CASE("memory begins at a cache line, all of it is there, and what no machine has is refused") {
  for (const int64_t bytes : {1, 63, 64, 65, 1000, 1 << 20}) {
    void* data = allocate_aligned(bytes);
    REQUIRE(data != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(data) % 64 == 0);
    std::memset(data, 1, static_cast<size_t>(bytes));
    free_aligned(data);
  }
  free_aligned(nullptr);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which end the process instead
  Buffer<float> buffer;
  bool refused = false;
  try {
    buffer.resize(int64_t{1} << 58);
  } catch (const EngineError& error) {
    refused = error.code == "out-of-memory";
  }
  CHECK(refused);
  CHECK(buffer.empty());
#endif
}

TEST_CASE("a library that is missing is told from one that is none") {
  const OpenedLibrary missing = open_library("/nowhere/libnone.so");
  CHECK(missing.library == nullptr);
  CHECK(missing.missing);
  CHECK(!missing.why.empty());
  const OpenedLibrary none = open_library("/proc/self/status");
  CHECK(none.library == nullptr);
  CHECK(!none.missing);
  CHECK(!none.why.empty());
  // Without a folder the loader looks in places of its own, and nobody knows which.
  CHECK(!open_library("libplumb_none.so").missing);
}

TEST_CASE("a library's functions are found by their names, and it lies where its functions were loaded from") {
  // The library of products, which this program has loaded.
  const OpenedLibrary itself = open_library("libdnnl.so.3");
  REQUIRE(itself.library != nullptr);
  CHECK(function_in(itself.library, "plumb_no_such_function") == nullptr);
  const void* version = function_in(itself.library, "dnnl_version");
  REQUIRE(version != nullptr);
  const std::string beside = library_beside(version, "plumb_cuda");
  const std::string file = "/libplumb_cuda.so";
  REQUIRE(beside.size() > file.size());
  CHECK(beside.substr(beside.size() - file.size()) == file);
  CHECK(MappedFile(beside.substr(0, beside.size() - file.size()) + "/libdnnl.so.3").size() > 0);
  CHECK(library_beside(nullptr, "plumb_cuda").empty());
}

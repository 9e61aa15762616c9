#include "tensor/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tensor/error.h"

namespace plumb {
namespace {

[[noreturn]] void fail_file(const std::string& path, const char* what) {
  fail("model-file", path + ": " + what + ": " + std::strerror(errno));
}

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // a pipe would wait for a writer
  if (file.value < 0) fail_file(path, "cannot be opened");
  struct stat info{};
  if (::fstat(file.value, &info) != 0) fail_file(path, "cannot be examined");
  if (!S_ISREG(info.st_mode)) fail("model-file", path + ": is not a file");
  if (info.st_size == 0) fail("model-file", path + ": is empty");
  size_ = static_cast<int64_t>(info.st_size);
  void* mapped = ::mmap(nullptr, static_cast<size_t>(size_), PROT_READ, MAP_PRIVATE, file.value, 0);
  if (mapped == MAP_FAILED) fail_file(path, "cannot be mapped into memory");
  data_ = static_cast<uint8_t*>(mapped);
}

MappedFile::~MappedFile() {
  ::munmap(data_, static_cast<size_t>(size_));
}

void MappedFile::release(const uint8_t* first, int64_t bytes) const {
  const auto page = static_cast<int64_t>(::sysconf(_SC_PAGESIZE));
  const int64_t begin = (first - data_ + page - 1) / page * page;
  const int64_t end = (first - data_ + bytes) / page * page;
  if (begin < end) ::madvise(data_ + begin, static_cast<size_t>(end - begin), MADV_DONTNEED);
}

}  // namespace plumb

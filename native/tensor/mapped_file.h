#pragma once
#include <cstdint>
#include <string>

namespace plumb {

/// A file mapped for reading; unmapped when the owner goes. Throws "model-file" with the reason.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const { return data_; }
  int64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  /// Tells the system that this part is not needed in memory now; it comes back from the file when read.
  void release(const uint8_t* first, int64_t bytes) const;

 private:
  std::string path_;
  uint8_t* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace plumb

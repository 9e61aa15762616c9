#pragma once
#include <string>

/// Libraries that are opened at run time. shared_library.cpp has the loader of POSIX; another system brings a file of
/// its own.
namespace plumb {

struct OpenedLibrary {
  void* library = nullptr;  ///< null where it cannot be opened; it stays open for good
  bool missing = false;     ///< there is no such file
  std::string why;          ///< in the loader's words, where it cannot be opened
};
OpenedLibrary open_library(const std::string& path);

/// A function by its name; null where the library has none.
void* function_in(void* library, const char* name);

/// Path of the library `name` as the system calls its file, in the folder of the file that `function` was loaded from.
/// Empty where that is not known.
std::string library_beside(const void* function, const std::string& name);

}  // namespace plumb

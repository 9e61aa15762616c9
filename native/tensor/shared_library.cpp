#include "tensor/shared_library.h"

#include <dlfcn.h>
#include <unistd.h>

namespace plumb {

OpenedLibrary open_library(const std::string& path) {
  OpenedLibrary opened;
  opened.library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened.library != nullptr) return opened;
  opened.why = dlerror();
  opened.missing = path.find('/') != std::string::npos && access(path.c_str(), F_OK) != 0;
  return opened;
}

void* function_in(void* library, const char* name) {
  return dlsym(library, name);
}

std::string library_beside(const void* function, const std::string& name) {
  Dl_info info{};
  if (dladdr(function, &info) == 0 || info.dli_fname == nullptr) return "";
  const std::string file = info.dli_fname;
  return file.substr(0, file.find_last_of('/') + 1) + "lib" + name + ".so";
}

}  // namespace plumb

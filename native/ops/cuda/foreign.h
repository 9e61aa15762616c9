#pragma once
#include <dlfcn.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"

/// Libraries of NVIDIA's that are opened at run time: where they are looked for, and their functions.
namespace plumb::cuda {

struct Foreign {
  const char* code;                         ///< of errors
  const char* name;                         ///< for people
  const char* variable;                     ///< of the environment: a file or a folder, and no other then; or "none"
  std::string file;                         ///< by which the loader knows it
  std::vector<std::string> package_places;  ///< where it lies in Python's packages
};

/// The build's own major version of CUDA.
int cuda_major();

/// Empty where there is none.
std::string environment(const char* name);

/// The file in a folder, or in its lib or lib64; the path itself where it is no folder.
std::string file_at(const std::string& path, const std::string& file);

/// What to open, the first that can be used: a file in `folder` (empty: none), what the loader finds, a toolkit's,
/// Python's packages'.
std::vector<std::string> places_of(const Foreign& foreign, const std::string& folder);

/// The file of one of its functions.
std::string path_of(const void* function, const std::string& otherwise);

template <typename Function>
void take(void* file, const Foreign& foreign, const std::string& path, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(file, name));
  if (function == nullptr) fail(foreign.code, path + " is no " + foreign.name + " that can be used: it has no " + name);
}

/// The one that its variable names, else the first of its places. Throws its code with what was found. `Library` is
/// made of a path, or of what the loader finds by a name, and throws where it is none that can be used.
template <typename Library>
Library open_first(const Foreign& foreign, const std::string& folder) {
  if (const std::string named = environment(foreign.variable); !named.empty()) {
    if (named == "none") fail(foreign.code, std::string(foreign.variable) + "=none leaves " + foreign.name + " out");
    return Library(file_at(named, foreign.file));
  }
  std::string trouble;
  for (const std::string& name : places_of(foreign, folder)) {
    try {
      return Library(name);
    } catch (const EngineError& error) {
      // What the loader does not find is no trouble, but a file that is there is.
      const bool missing = name == foreign.file && std::string(error.what()).find("No such file") != std::string::npos;
      if (trouble.empty() && !missing) trouble = error.what();
    }
  }
  fail(foreign.code, trouble.empty() ? std::string(foreign.name) + " (" + foreign.file + ") was not found" : trouble);
}

}  // namespace plumb::cuda

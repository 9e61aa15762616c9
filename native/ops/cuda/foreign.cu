#include "ops/cuda/foreign.h"

#include <glob.h>

#include <cstdlib>

#include "ops/cuda/platform.h"

namespace plumb::cuda {
namespace {

/// Files that match a pattern, the last first: newer versions have higher numbers.
void add_matches(const std::string& pattern, std::vector<std::string>& files) {
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (size_t i = found.gl_pathc; i-- > 0;) files.emplace_back(found.gl_pathv[i]);
  globfree(&found);
}

}  // namespace

int cuda_major() {
  return CUDART_VERSION / 1000;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string file_at(const std::string& path, const std::string& file) {
  for (const char* inside : {"/", "/lib/", "/lib64/"})
    if (access((path + inside + file).c_str(), F_OK) == 0) return path + inside + file;
  return access((path + "/.").c_str(), F_OK) == 0 ? path + "/" + file : path;
}

std::vector<std::string> places_of(const Foreign& foreign, const std::string& folder) {
  std::vector<std::string> files;
  if (const std::string file = file_at(folder, foreign.file); !folder.empty() && access(file.c_str(), F_OK) == 0)
    files.push_back(file);
  files.push_back(foreign.file);
  for (const char* toolkit : {"CUDA_PATH", "CUDA_HOME"})
    if (const std::string place = environment(toolkit); !place.empty())
      add_matches(place + "/lib64/" + foreign.file, files);
  for (const std::string& place : {"/usr/local/cuda-" + std::to_string(cuda_major()) + "*",
                                   std::string("/usr/local/cuda"), std::string("/opt/cuda")})
    add_matches(place + "/lib64/" + foreign.file, files);

  std::vector<std::string> packages;
  for (const char* prefix : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const std::string place = environment(prefix); !place.empty())
      packages.push_back(place + "/lib/python3*/site-packages");
  if (const std::string home = environment("HOME"); !home.empty())
    packages.push_back(home + "/.local/lib/python3*/site-packages");
  packages.insert(packages.end(), {"/usr/local/lib/python3*/dist-packages", "/usr/local/lib/python3*/site-packages",
                                   "/usr/lib/python3*/site-packages"});
  for (const std::string& place : packages)
    for (const std::string& inside : foreign.package_places)
      add_matches(place + "/" + inside + "/" + foreign.file, files);
  return files;
}

std::string path_of(const void* function, const std::string& otherwise) {
  Dl_info info{};
  return dladdr(function, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : otherwise;
}

}  // namespace plumb::cuda

#pragma once
#include <stdexcept>
#include <string>

namespace plumb {

/// The one error that the engine throws: `code` for programs, what() for people.
struct EngineError : std::runtime_error {
  EngineError(std::string error_code, const std::string& message)
      : std::runtime_error(message), code(std::move(error_code)) {}
  std::string code;
};

[[noreturn]] inline void fail(const char* code, const std::string& message) {
  throw EngineError(code, message);
}

}  // namespace plumb

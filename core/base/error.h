// The one error type of the program: what was wrong and where; thrown where it is found, caught at the edge.
#pragma once

#include <stdexcept>
#include <string>

namespace sememe {

enum class ErrorCode {
  NotFound,     // a file, folder, key or row is not there
  Io,           // the operating system refused a read or write
  DiskFull,     // no room left
  Corrupt,      // broken or truncated content
  Unsupported,  // well-formed, but a kind that we do not read
  Mismatch,     // shapes, sizes or fingerprints that do not fit together
  Invalid,      // an argument outside its range
  Busy,         // somebody else holds it (a locked database)
  Diverged,     // a computation became NaN or infinite
};

// A failure that a person can act on. `what()` reads "MESSAGE (WHERE)".
class Error : public std::runtime_error {
 public:
  // `message`: what was wrong and what was expected. `where`: file, key, row, as far as known.
  Error(ErrorCode code, const std::string& message, const std::string& where = {});

  ErrorCode code() const { return m_code; }
  const std::string& message() const { return m_message; }
  const std::string& where() const { return m_where; }

 private:
  ErrorCode m_code;
  std::string m_message;
  std::string m_where;
};

// Not a failure: the work was asked to stop, and what is done is kept.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

// An Io, NotFound or DiskFull error from errno's value, naming `path`.
[[noreturn]] void throwErrno(int errnoValue, const std::string& action, const std::string& path);

}  // namespace sememe

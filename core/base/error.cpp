// The one error type of the program.
#include "core/base/error.h"

#include <cerrno>
#include <cstring>

namespace sememe {

Error::Error(ErrorCode code, const std::string& message, const std::string& where)
    : std::runtime_error(where.empty() ? message : message + " (" + where + ")"),
      m_code(code),
      m_message(message),
      m_where(where) {}

void throwErrno(int errnoValue, const std::string& action, const std::string& path) {
  const ErrorCode code = errnoValue == ENOENT || errnoValue == ENOTDIR   ? ErrorCode::NotFound
                         : errnoValue == ENOSPC || errnoValue == EDQUOT ? ErrorCode::DiskFull
                                                                        : ErrorCode::Io;
  throw Error(code, action + ": " + std::strerror(errnoValue), path);
}

}  // namespace sememe

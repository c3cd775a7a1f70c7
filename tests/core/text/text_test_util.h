// What the tests of core/text share: goldens, and which error was thrown.
#pragma once

#include <QString>
#include <QTemporaryDir>
#include <QtTest>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/error.h"
#include "core/base/files.h"

namespace sememe::test {

namespace fs = std::filesystem;

inline fs::path golden(const std::string& name) { return fs::path(GOLDEN_DIR) / "text" / name; }

inline nlohmann::json goldenJson(const std::string& name) {
  return nlohmann::json::parse(readTextFile(golden(name + ".json")));
}

// "CODE: MESSAGE (WHERE)" of the Error that `function` throws, the code as a number; empty when it returns.
inline std::string errorOf(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return std::to_string(int(error.code())) + ": " + error.what();
  }
  return {};
}

// Whether it is an error of this code that has these words in it.
inline bool isError(const std::string& error, ErrorCode code, const std::vector<std::string>& words) {
  bool all = error.starts_with(std::to_string(int(code)) + ": ");
  for (const std::string& word : words) all = all && error.find(word) != std::string::npos;
  return all;
}

}  // namespace sememe::test

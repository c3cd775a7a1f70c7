// What the tests of core/weights share: expected contents, places of files, and which error was thrown.
#pragma once

#include <ATen/ATen.h>

#include <QString>
#include <QTemporaryDir>
#include <QtTest>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/files.h"

namespace sememe::test {

namespace fs = std::filesystem;

inline fs::path golden(const std::string& name) { return fs::path(GOLDEN_DIR) / "weights" / name; }

// The content that make_weights.py gives a tensor of this type.
inline at::Tensor expected(const std::vector<int64_t>& shape, at::ScalarType type) {
  int64_t numel = 1;
  for (const int64_t size : shape) numel *= size;
  at::Tensor index = at::arange(numel);
  if (type == at::kBool) return index.remainder(3).eq(0).view(shape);
  if (at::isFloatingType(type) || at::isComplexType(type))
    return (index.to(at::kFloat) * 0.5 - 3).view(shape).to(type);
  return index.view(shape).to(type);
}

// Equal in dtype, shape and every value; types that LibTorch cannot compare are compared by their bytes.
inline bool same(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  const at::Tensor x = a.contiguous(), y = b.contiguous();
  return x.numel() == 0 || std::memcmp(x.data_ptr(), y.data_ptr(), size_t(x.numel() * x.element_size())) == 0;
}

inline std::string readBytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void writeBytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

// The code of the Error that `function` throws; −1 when it returns.
inline int codeOf(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return int(error.code());
  }
  return -1;
}

// The message and place of the Error that `function` throws.
inline std::string messageOf(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// A temporary folder with paths.
class Folder {
 public:
  fs::path operator/(const std::string& name) const { return fs::path(m_dir.path().toStdString()) / name; }
  fs::path path() const { return m_dir.path().toStdString(); }

 private:
  QTemporaryDir m_dir;
};

}  // namespace sememe::test

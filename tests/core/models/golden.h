// What the model tests share: a golden folder's expected tensors and their comparison.
#pragma once

#include <torch/torch.h>

#include <QtTest/QtTest>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/weights/safetensors.h"

namespace sememe::test {

inline std::filesystem::path goldenFolder(const std::string& name) {
  return std::filesystem::path(GOLDEN_DIR) / "models" / name;
}

class Expected {
 public:
  explicit Expected(const std::string& name)
      : m_file(SafetensorsFile::open(goldenFolder(name) / "expected.safetensors")) {}

  at::Tensor operator[](const std::string& key) const { return m_file->tensor(key).clone(); }

 private:
  std::shared_ptr<const SafetensorsFile> m_file;
};

// The largest absolute difference; infinite when shapes differ or anything is not finite.
inline double difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  const double largest = (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
  return std::isfinite(largest) ? largest : std::numeric_limits<double>::infinity();
}

inline bool throwsError(ErrorCode code, const std::function<void()>& work, const std::vector<std::string>& words = {}) {
  try {
    work();
  } catch (const Error& error) {
    const std::string text = error.what();
    for (const std::string& word : words) {
      if (text.find(word) == std::string::npos) {
        qWarning("\"%s\" does not say \"%s\"", text.c_str(), word.c_str());
        return false;
      }
    }
    if (error.code() != code) qWarning("another code: %s", text.c_str());
    return error.code() == code;
  }
  qWarning("nothing was thrown");
  return false;
}

}  // namespace sememe::test

#define COMPARE_TENSORS(found, expected)                                                         \
  do {                                                                                           \
    const double difference_ = sememe::test::difference(found, expected);                        \
    QVERIFY2(difference_ < 1e-4, qPrintable(QStringLiteral("largest difference %1").arg(difference_))); \
  } while (false)

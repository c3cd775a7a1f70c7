// What the tests of the store share: a scratch folder, expected errors, small runs.
#pragma once

#include <QString>
#include <QTemporaryDir>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/store/workspace.h"

namespace sememe {

class ScratchFolder {
 public:
  std::filesystem::path file(const std::string& name) const {
    return std::filesystem::path(m_folder.path().toStdString()) / name;
  }
  std::filesystem::path path() const { return m_folder.path().toStdString(); }

 private:
  QTemporaryDir m_folder;
};

// Empty when `work` throws an Error of this code whose text holds `part`; else what happened instead.
inline QString unexpected(ErrorCode code, const std::string& part, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.code() == code && std::string(error.what()).find(part) != std::string::npos) return QString();
    return QStringLiteral("code %1: %2").arg(int(error.code())).arg(QString::fromUtf8(error.what()));
  } catch (const std::exception& error) {
    return QStringLiteral("another exception: %1").arg(QString::fromUtf8(error.what()));
  }
  return QStringLiteral("nothing was thrown");
}

inline RunInfo denseRun(const std::string& key, int64_t rows, int64_t dim, RowType type = RowType::F32) {
  RunInfo info;
  info.key = key;
  info.name = key;
  info.rowType = type;
  info.rows = rows;
  info.dim = dim;
  return info;
}

inline RunInfo latentRun(const std::string& key, int64_t rows, int64_t dim) {
  RunInfo info = denseRun(key, rows, dim);
  info.kind = RunKind::Latents;
  info.saeFingerprint = "sae of " + key;
  info.saeSize = dim;
  return info;
}

// A run of `rows` empty latent rows, ready to be indexed.
inline int64_t emptyLatents(Workspace& workspace, const RunInfo& info) {
  const int64_t run = workspace.runs().ensure(info).id;
  SparseRows rows;
  rows.offsets.assign(size_t(info.rows) + 1, 0);
  workspace.activations().appendSparse(run, 0, rows);
  workspace.runs().setComplete(run);
  return run;
}

}  // namespace sememe

// Paths as a person types and reads them.
#pragma once

#include <QDir>
#include <QString>
#include <filesystem>

namespace sememe {

// Trimmed, with "~/" as the home folder.
inline QString atHome(const QString& text) {
  const QString clean = text.trimmed();
  return clean.startsWith(QLatin1String("~/")) ? QDir::homePath() + clean.mid(1) : clean;
}

// Empty for an empty text.
inline std::filesystem::path toPath(const QString& text) {
  const QString clean = atHome(text);
  return clean.isEmpty() ? std::filesystem::path() : std::filesystem::path(QDir::cleanPath(QDir::fromNativeSeparators(clean)).toStdString());
}

inline QString pathText(const std::filesystem::path& path) { return QDir::toNativeSeparators(QString::fromStdString(path.string())); }

}  // namespace sememe

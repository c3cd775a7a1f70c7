// Runs the built sememe-cli as a person would.
#pragma once

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QString>
#include <QStringList>
#include <QTemporaryDir>

namespace sememe {

struct CliRun {
  int status = -1;  // exit status; -1 when it crashed or hung
  QString out, err;
  QJsonObject json() const { return QJsonDocument::fromJson(out.toUtf8()).object(); }
  QStringList errorLines() const { return err.split(QLatin1Char('\n'), Qt::SkipEmptyParts); }
};

inline QStringList cliArguments(const QString& line) { return line.split(QLatin1Char(' '), Qt::SkipEmptyParts); }

inline CliRun runCli(const QStringList& arguments) {
  QProcess process;
  process.start(QStringLiteral(SEMEME_CLI), arguments);
  CliRun run;
  if (process.waitForFinished(120'000) && process.exitStatus() == QProcess::NormalExit) run.status = process.exitCode();
  run.out = QString::fromUtf8(process.readAllStandardOutput());
  run.err = QString::fromUtf8(process.readAllStandardError());
  return run;
}

inline CliRun runCli(const QString& line) { return runCli(cliArguments(line)); }

inline void writeFile(const QString& path, const QByteArray& content) {
  QDir().mkpath(path.section(QLatin1Char('/'), 0, -2));
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly) || file.write(content) != content.size()) qFatal("cannot write %s", qPrintable(path));
}

// `count` different PPM files of width x height.
inline void manyImages(const QString& folder, int count, int width, int height) {
  quint32 state = 99;
  for (int i = 0; i < count; ++i) {
    QByteArray content = QStringLiteral("P6 %1 %2 255\n").arg(width).arg(height).toLatin1();
    for (int byte = 0; byte < width * height * 3; ++byte) {
      state = state * 1664525u + 1013904223u;
      content.append(char(state >> 24));
    }
    writeFile(folder + QStringLiteral("/%1/%2.ppm").arg(i % 3).arg(i, 5, 10, QLatin1Char('0')), content);
  }
}

inline const QString kGoldenFolder = QStringLiteral(GOLDEN_DIR "/pipeline");

}  // namespace sememe

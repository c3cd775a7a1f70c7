// What the program remembers between starts.
#include "ui/settings/settings.h"

#include <QDir>
#include <QFileInfo>
#include <QSettings>
#include <QStandardPaths>
#include <QVariant>
#include <algorithm>

namespace sememe {
namespace {

QVariant fromList(const QList<int>& values) {
  QStringList texts;
  for (const int value : values) texts.append(QString::number(value));
  return texts.join(QLatin1Char(' '));
}

// `size` numbers, or any count of them where it is -1.
QList<int> toList(const QVariant& value, int size) {
  QList<int> values;
  for (const QString& text : value.toString().split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    bool ok = false;
    const int number = text.toInt(&ok);
    if (!ok || number < 0 || number > 100000) return {};
    values.append(number);
  }
  return size == -1 || values.size() == size ? values : QList<int>();
}

QStringList texts(const QVariant& value, int most) {
  QStringList list = value.toStringList();
  list.removeAll(QString());
  return list.mid(0, most);
}

}  // namespace

QString SettingsFile::defaultPath() {
  return QStandardPaths::writableLocation(QStandardPaths::GenericConfigLocation) + QStringLiteral("/sememe/sememe.ini");
}

Settings SettingsFile::read() const {
  const QSettings file(m_path, QSettings::IniFormat);
  Settings s;
  const QString theme = file.value(QStringLiteral("window/theme")).toString();
  if (theme == QLatin1String("light")) s.theme = ThemeMode::Light;
  if (theme == QLatin1String("dark")) s.theme = ThemeMode::Dark;
  const int side = file.value(QStringLiteral("explore/thumbnailSide"), 0).toInt();
  s.thumbnailSide = side <= 0 ? 0 : std::clamp(side, 64, 320);
  s.windowGeometry = file.value(QStringLiteral("window/geometry")).toByteArray();
  s.exploreSplitter = toList(file.value(QStringLiteral("explore/splitter")), 3);
  s.columnWidths = toList(file.value(QStringLiteral("explore/columns")), 5);
  s.sortColumn = std::clamp(file.value(QStringLiteral("explore/sortColumn"), s.sortColumn).toInt(), 0, 4);
  s.sortDescending = file.value(QStringLiteral("explore/sortDescending"), s.sortDescending).toBool();
  s.onlyFullTop = file.value(QStringLiteral("explore/onlyFullTop"), s.onlyFullTop).toBool();
  s.histogramLog = file.value(QStringLiteral("explore/histogramLog"), s.histogramLog).toBool();
  s.experimentsSplitter = toList(file.value(QStringLiteral("experiments/splitter")), 2);
  s.resultsSplitter = toList(file.value(QStringLiteral("experiments/results")), 2);
  s.scoresSplitter = toList(file.value(QStringLiteral("scores/splitter")), 2);
  s.agreementArchive = file.value(QStringLiteral("scores/agreementArchive")).toString();
  s.agreementEmbeddings = file.value(QStringLiteral("scores/agreementEmbeddings")).toString();
  s.agreementMetrics = file.value(QStringLiteral("scores/agreementMetrics")).toString();
  s.agreementSplitter = toList(file.value(QStringLiteral("scores/agreementSplitter")), 2);
  s.hiddenTrainingColumns = toList(file.value(QStringLiteral("experiments/hiddenColumns")), -1);
  s.logarithmicCharts = file.value(QStringLiteral("experiments/logarithmic"), s.logarithmicCharts).toStringList();
  s.logarithmicCharts.removeAll(QString());
  s.steerModels = texts(file.value(QStringLiteral("steer/models")), kSteerRecent);
  s.steerSaes = texts(file.value(QStringLiteral("steer/saes")), kSteerRecent);
  s.steerPrecision = file.value(QStringLiteral("steer/precision")).toString();
  s.steerQuestions = texts(file.value(QStringLiteral("steer/questions")), kSteerQuestions);
  SamplingOptions& sampling = s.steerSampling;
  sampling.maxTokens = std::clamp(file.value(QStringLiteral("steer/maxTokens"), sampling.maxTokens).toInt(), 1, 4096);
  sampling.temperature = std::clamp(file.value(QStringLiteral("steer/temperature"), sampling.temperature).toDouble(), 0.0, 5.0);
  sampling.topP = std::clamp(file.value(QStringLiteral("steer/topP"), sampling.topP).toDouble(), 0.01, 1.0);
  sampling.noRepeatNgram = std::clamp(file.value(QStringLiteral("steer/noRepeatNgram"), sampling.noRepeatNgram).toInt(), 0, 20);
  sampling.seed = file.value(QStringLiteral("steer/seed"), qulonglong(sampling.seed)).toULongLong();
  s.steerImageFolder = file.value(QStringLiteral("steer/imageFolder")).toString();
  s.steerSplitter = toList(file.value(QStringLiteral("steer/splitter")), 2);
  s.steerImageSplitter = toList(file.value(QStringLiteral("steer/imageSplitter")), 2);
  s.steerTopSplitter = toList(file.value(QStringLiteral("steer/topSplitter")), 2);
  s.steerAnswersSplitter = toList(file.value(QStringLiteral("steer/answersSplitter")), 2);
  for (const QString& key : file.allKeys()) {
    const QLatin1String prefix("experiments/form/");
    if (key.startsWith(prefix)) s.trainingForm.insert(key.mid(prefix.size()), file.value(key).toString());
  }
  s.recentWorkspaces = texts(file.value(QStringLiteral("files/recent")), kRecentWorkspaces);
  s.demoFolder = file.value(QStringLiteral("files/demoFolder")).toString();
  return s;
}

void SettingsFile::write(const Settings& s) const {
  QDir().mkpath(QFileInfo(m_path).absolutePath());
  QSettings file(m_path, QSettings::IniFormat);
  const char* themes[] = {"system", "light", "dark"};
  file.setValue(QStringLiteral("window/theme"), QString::fromLatin1(themes[int(s.theme)]));
  file.setValue(QStringLiteral("window/geometry"), s.windowGeometry);
  file.setValue(QStringLiteral("explore/thumbnailSide"), s.thumbnailSide);
  file.setValue(QStringLiteral("explore/splitter"), fromList(s.exploreSplitter));
  file.setValue(QStringLiteral("explore/columns"), fromList(s.columnWidths));
  file.setValue(QStringLiteral("explore/sortColumn"), s.sortColumn);
  file.setValue(QStringLiteral("explore/sortDescending"), s.sortDescending);
  file.setValue(QStringLiteral("explore/onlyFullTop"), s.onlyFullTop);
  file.setValue(QStringLiteral("explore/histogramLog"), s.histogramLog);
  file.setValue(QStringLiteral("experiments/splitter"), fromList(s.experimentsSplitter));
  file.setValue(QStringLiteral("experiments/results"), fromList(s.resultsSplitter));
  file.setValue(QStringLiteral("scores/splitter"), fromList(s.scoresSplitter));
  file.setValue(QStringLiteral("scores/agreementArchive"), s.agreementArchive);
  file.setValue(QStringLiteral("scores/agreementEmbeddings"), s.agreementEmbeddings);
  file.setValue(QStringLiteral("scores/agreementMetrics"), s.agreementMetrics);
  file.setValue(QStringLiteral("scores/agreementSplitter"), fromList(s.agreementSplitter));
  file.setValue(QStringLiteral("experiments/hiddenColumns"), fromList(s.hiddenTrainingColumns));
  file.setValue(QStringLiteral("experiments/logarithmic"), s.logarithmicCharts);
  file.setValue(QStringLiteral("steer/models"), s.steerModels);
  file.setValue(QStringLiteral("steer/saes"), s.steerSaes);
  file.setValue(QStringLiteral("steer/precision"), s.steerPrecision);
  file.setValue(QStringLiteral("steer/questions"), s.steerQuestions);
  file.setValue(QStringLiteral("steer/maxTokens"), s.steerSampling.maxTokens);
  file.setValue(QStringLiteral("steer/temperature"), s.steerSampling.temperature);
  file.setValue(QStringLiteral("steer/topP"), s.steerSampling.topP);
  file.setValue(QStringLiteral("steer/noRepeatNgram"), s.steerSampling.noRepeatNgram);
  file.setValue(QStringLiteral("steer/seed"), qulonglong(s.steerSampling.seed));
  file.setValue(QStringLiteral("steer/imageFolder"), s.steerImageFolder);
  file.setValue(QStringLiteral("steer/splitter"), fromList(s.steerSplitter));
  file.setValue(QStringLiteral("steer/imageSplitter"), fromList(s.steerImageSplitter));
  file.setValue(QStringLiteral("steer/topSplitter"), fromList(s.steerTopSplitter));
  file.setValue(QStringLiteral("steer/answersSplitter"), fromList(s.steerAnswersSplitter));
  file.remove(QStringLiteral("experiments/form"));
  for (auto it = s.trainingForm.begin(); it != s.trainingForm.end(); ++it)
    file.setValue(QString(QStringLiteral("experiments/form/") + it.key()), it.value());
  file.setValue(QStringLiteral("files/recent"), s.recentWorkspaces);
  file.setValue(QStringLiteral("files/demoFolder"), s.demoFolder);
}

void remember(QStringList& list, const QString& text, int most) {
  list.removeAll(text);
  list.prepend(text);
  list = list.mid(0, most);
}

void rememberWorkspace(Settings& settings, const QString& workspace) {
  remember(settings.recentWorkspaces, QFileInfo(workspace).absoluteFilePath(), kRecentWorkspaces);
}

}  // namespace sememe

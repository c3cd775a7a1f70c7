// What the program remembers between starts: one typed struct, and the file that keeps it.
#pragma once

#include <QByteArray>
#include <QList>
#include <QMap>
#include <QString>
#include <QStringList>

#include "core/steering/request.h"
#include "ui/theme/theme.h"

namespace sememe {

struct Settings {
  ThemeMode theme = ThemeMode::System;
  int thumbnailSide = 0;  // pixels of a cell of the grid; 0: as large as fits. 64 … 320
  QByteArray windowGeometry;
  QList<int> exploreSplitter;  // widths of the three panels; empty: as designed
  QList<int> columnWidths;     // of the neuron table; empty: as designed
  int sortColumn = 1;          // of NeuronTableModel
  bool sortDescending = true;
  bool onlyFullTop = true;  // leave out neurons that fire on fewer images than the grid has places
  bool histogramLog = true;
  QMap<QString, QString> trainingForm;  // what was last entered there, by the field's name
  QList<int> experimentsSplitter;       // widths of form and results; empty: as designed
  QList<int> resultsSplitter;           // heights of charts and table; empty: as designed
  QList<int> hiddenTrainingColumns;     // of TrainingTableModel
  QList<int> scoresSplitter;            // heights of chart and table; empty: as designed
  QString agreementArchive, agreementEmbeddings, agreementMetrics;  // as they were entered last
  QList<int> agreementSplitter;         // heights of chart and table; empty: as designed
  QStringList steerModels, steerSaes;   // what was loaded to steer, the last first
  QString steerPrecision;               // of the model's weights; empty: exact
  QStringList steerQuestions;           // the last asked first
  SamplingOptions steerSampling = {.maxTokens = 64};
  QString steerImageFolder;             // where an image was opened last
  QList<int> steerSplitter, steerImageSplitter, steerTopSplitter, steerAnswersSplitter;  // empty: as designed
  QStringList logarithmicCharts = {QStringLiteral("loss")};  // by the measure's key
  QStringList recentWorkspaces;  // absolute paths, the last one opened first; at most kRecentWorkspaces
  QString demoFolder;            // where the demo workspace was made last
};

constexpr int kRecentWorkspaces = 10, kSteerRecent = 10, kSteerQuestions = 20;

// Keeps a Settings in an INI file. GUI thread. Values that are missing or make no sense are read as the defaults.
class SettingsFile {
 public:
  explicit SettingsFile(QString path) : m_path(std::move(path)) {}

  // Of this user: ~/.config/sememe/sememe.ini
  static QString defaultPath();

  Settings read() const;
  void write(const Settings& settings) const;

 private:
  QString m_path;
};

// Puts `text` first in the list, once; the list keeps its `most` first entries.
void remember(QStringList& list, const QString& text, int most);
// The same of a workspace.
void rememberWorkspace(Settings& settings, const QString& workspace);

}  // namespace sememe

// What a comparison with people reads: the released archive, embeddings of its images, metrics of neurons.
#pragma once

#include <QLineEdit>
#include <QPushButton>
#include <QWidget>
#include <vector>

#include "core/pipeline/metric_benchmark.h"
#include "ui/models/workspace_summary.h"
#include "ui/settings/settings.h"

namespace sememe {

// Three fields of paths; of embeddings and metrics there may be several, with semicolons between them. GUI thread.
class AgreementInputs : public QWidget {
  Q_OBJECT
 public:
  explicit AgreementInputs(QWidget* parent = nullptr);

  void setRuns(const WorkspaceSummary& summary);  // its embeddings are offered; of an empty one none
  MetricBenchmarkParams params() const;
  void chooseArchive();

  static bool takes(const QString& file);  // whether a file of this name, or a folder, can be dropped
  void take(const QString& file);          // into the field that it is for

  QLineEdit& archive() { return *m_archive; }
  QLineEdit& embeddings() { return *m_embeddings; }
  QLineEdit& metrics() { return *m_metrics; }
  QPushButton& addEmbeddingsButton() { return *m_addEmbeddings; }
  QPushButton& compareButton() { return *m_compare; }

  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;

 Q_SIGNALS:
  void compareWanted();

 private:
  void fillRuns();
  void addFiles(QLineEdit* field, const QString& title, const QString& filter);
  void updateButton();

  WorkspaceSummary m_summary;
  QLineEdit* m_archive;
  QLineEdit* m_embeddings;
  QLineEdit* m_metrics;
  QPushButton* m_addEmbeddings;
  QPushButton* m_compare;
};

}  // namespace sememe

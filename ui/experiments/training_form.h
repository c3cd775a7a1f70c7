// The form of a new training: which activations, which type, its parameters with defaults and explanations.
#pragma once

#include <QMap>
#include <QPushButton>
#include <QScrollArea>
#include <QToolButton>
#include <QWidget>
#include <optional>
#include <vector>

#include "core/pipeline/train.h"
#include "core/sae/sae_type.h"
#include "ui/widgets/form_field.h"
#include "ui/models/workspace_summary.h"
#include "ui/theme/theme.h"

namespace sememe {

// GUI thread. Shows the fields that the chosen type uses, says beside each what is wrong with it, and why Start is off.
class TrainingForm : public QWidget {
  Q_OBJECT
 public:
  explicit TrainingForm(const Theme& theme, QWidget* parent = nullptr);

  void setSources(const WorkspaceSummary& summary);
  void setTakenNames(const QStringList& names);  // of the workspace's trainings
  void setBusy(bool training);                   // Start then says that it queues

  FormField& field(const char* key) const;
  bool isUsed(const FormField& field) const;  // by the type
  const std::optional<TrainJobParams>& job() const { return m_job; }  // none while something is wrong
  QString problem() const { return m_problem; }                       // why it can not start; empty: it can
  QString trainingName() const;                                       // typed, or made of what it is
  QPushButton& startButton() const { return *m_start; }
  void start();

  QMap<QString, QString> values() const;
  void setValues(const QMap<QString, QString>& values);

 Q_SIGNALS:
  void startWanted(const QString& name, const sememe::TrainJobParams& job);
  void checked();  // the values were looked at anew: job() and problem() may have changed

 private:
  void makeFields();
  QWidget* makeBody();
  FormField* add(FormField::Kind kind, const char* key, const QString& name, const QString& explanation, const QString& value = {});
  void listEncoders();
  void applyPreset(int index);
  void update();  // visible fields, hints, what is wrong
  void updateHints(const TrainJobParams& job);
  TrainJobParams read();  // marks what can not be read
  void check(TrainJobParams& job);
  const RunInfo* run() const;  // chosen; null: none
  const SaeTypeInfo& type() const;

  const Theme& m_theme;
  WorkspaceSummary m_summary;
  QStringList m_taken;
  std::vector<FormField*> m_fields;  // in the order of the tab key
  size_t m_firstOfMore = 0;
  std::optional<QString> m_encoder;  // the name of the one chosen, "": none; not chosen yet: the first there is
  QComboBox* m_sizeUnit;
  QToolButton* m_more;
  QWidget* m_moreBox;
  QScrollArea* m_scroll;
  QLabel* m_reason;
  QPushButton* m_start;
  bool m_updating = false;  // values are being set: what they bring about is looked at once
  std::optional<TrainJobParams> m_job;
  QString m_problem;
};

}  // namespace sememe

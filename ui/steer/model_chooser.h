// Which LLaVA and which SAE: what is needed and where to get it, two paths, and the demo's models at one click.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QWidget>

#include "core/pipeline/steer.h"
#include "ui/theme/theme.h"

namespace sememe {

class ModelChooser : public QWidget {
  Q_OBJECT
 public:
  explicit ModelChooser(QWidget* parent = nullptr);

  void setDemoAvailable(bool available);
  void setBackAvailable(bool available);  // there is a model to go back to
  void setRecent(const QStringList& models, const QStringList& saes);
  void setParams(const SteeringModelParams& params);
  SteeringModelParams params() const;

  QComboBox& model() { return *m_model; }
  QComboBox& sae() { return *m_sae; }
  QComboBox& precision() { return *m_precision; }
  QPushButton& loadButton() { return *m_load; }
  QPushButton& demoButton() { return *m_demo; }

 Q_SIGNALS:
  void loadWanted();
  void demoWanted();
  void backWanted();

 private:
  void pickModel();
  void pickSae(bool folder);
  void updateButtons();

  QComboBox* m_model;
  QComboBox* m_sae;
  QComboBox* m_layer;
  QComboBox* m_precision;
  QPushButton* m_load;
  QPushButton* m_demo;
  QPushButton* m_back;
  QLabel* m_demoHint;
};

}  // namespace sememe

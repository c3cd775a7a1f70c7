// How answers are drawn: a button that says it, and a small form below it.
#pragma once

#include <QDoubleSpinBox>
#include <QLineEdit>
#include <QSpinBox>
#include <QToolButton>

#include "core/steering/request.h"

namespace sememe {

class SamplingBox : public QToolButton {
  Q_OBJECT
 public:
  explicit SamplingBox(QWidget* parent = nullptr);

  SamplingOptions options() const;
  void setOptions(const SamplingOptions& options);  // emits nothing

  QSpinBox& maxTokens() { return *m_maxTokens; }
  QDoubleSpinBox& temperature() { return *m_temperature; }

 Q_SIGNALS:
  void edited();

 private:
  void changed();
  void describe();

  bool m_quiet = false;
  QSpinBox* m_maxTokens;
  QDoubleSpinBox* m_temperature;
  QDoubleSpinBox* m_topP;
  QSpinBox* m_ngram;
  QLineEdit* m_seed;
};

}  // namespace sememe

// The colours of the heat over an image, with what they stand for.
#pragma once

#include <QString>
#include <QWidget>

#include "ui/theme/theme.h"

namespace sememe {

class HeatScale : public QWidget {
  Q_OBJECT
 public:
  explicit HeatScale(const Theme& theme, QWidget* parent = nullptr);
  // From 0 to `strongest`; 0: it fires nowhere. name: whose activations.
  void setRange(const QString& name, float strongest);

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {140, sizeHint().height()}; }

 protected:
  void paintEvent(QPaintEvent*) override;

 private:
  const Theme& m_theme;
  QString m_name;
  float m_strongest = 0;
};

}  // namespace sememe

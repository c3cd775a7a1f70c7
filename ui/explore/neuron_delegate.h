// Paints the cells of the neuron table: the score as a bar with its number, numbers in line, labels.
#pragma once

#include <QStyledItemDelegate>

#include "ui/theme/theme.h"

namespace sememe {

class NeuronDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  explicit NeuronDelegate(const Theme& theme, QObject* parent = nullptr) : QStyledItemDelegate(parent), m_theme(theme) {}
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

 private:
  const Theme& m_theme;
};

}  // namespace sememe

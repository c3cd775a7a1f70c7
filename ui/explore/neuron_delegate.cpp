// Paints the cells of the neuron table.
#include "ui/explore/neuron_delegate.h"

#include <QPainter>
#include <cmath>

#include "ui/models/neuron_table_model.h"
#include "ui/widgets/score_bars.h"

namespace sememe {

QSize NeuronDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const {
  return {60, option.fontMetrics.height() + kUnit + 4};
}

void NeuronDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const Colors& c = m_theme.colors();
  const bool selected = option.state & QStyle::State_Selected;
  const QRect box = option.rect;
  painter->save();
  if (selected) painter->fillRect(box, c.accentSoft);
  else if (option.state & QStyle::State_MouseOver) painter->fillRect(box, c.hover);
  if (selected && index.column() == 0) painter->fillRect(QRect(box.left(), box.top(), 3, box.height()), c.accent);

  const QVariant value = index.data(NeuronTableModel::ValueRole);
  const QRect inner = box.adjusted(kUnit, 0, -kUnit, 0);
  if (!value.isValid()) {
    // A row that has not come yet.
    QRectF bone(inner.left(), inner.center().y() - 3, inner.width() * 0.6, 6);
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    painter->setBrush(c.track);
    painter->drawRoundedRect(bone, 3, 3);
    painter->restore();
    return;
  }

  painter->setFont(option.font);
  const QString text = index.data(Qt::DisplayRole).toString();
  painter->setPen(c.text);
  if (index.column() == NeuronTableModel::Ms) {
    const int width = option.fontMetrics.horizontalAdvance(QStringLiteral("0.000"));
    const bool scored = std::isfinite(value.toDouble());
    painter->setPen(scored ? c.text : c.textFaint);
    painter->drawText(QRect(inner.left(), inner.top(), width, inner.height()),
                      (scored ? Qt::AlignRight : Qt::AlignHCenter) | Qt::AlignVCenter, text);
    const int left = inner.left() + width + kUnit;
    if (inner.right() - left > 12)
      paintBar(*painter, QRectF(left, inner.center().y() - 2, inner.right() - left, 6), value.toDouble(), c.accent,
               selected ? c.panel : c.track);
  } else if (index.column() == NeuronTableModel::Label) {
    painter->drawText(inner, Qt::AlignLeft | Qt::AlignVCenter, option.fontMetrics.elidedText(text, Qt::ElideRight, inner.width()));
  } else {
    if (index.column() == NeuronTableModel::Number) painter->setPen(selected ? c.text : c.textMuted);
    painter->drawText(inner, Qt::AlignRight | Qt::AlignVCenter, text);
  }
  painter->restore();
}

}  // namespace sememe

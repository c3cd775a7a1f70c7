// The look and the ways of the Scores page's tables.
#include "ui/scores/score_view.h"

#include <QHeaderView>
#include <QKeyEvent>
#include <QPainter>
#include <QStyledItemDelegate>
#include <algorithm>

#include "ui/models/unknown_last.h"

namespace sememe {
namespace {

// Cells that begin where their head does; a row is one thing, without a frame round one cell of it.
class ScoreDelegate : public QStyledItemDelegate {
 public:
  ScoreDelegate(const Theme& theme, int name, QObject* parent) : QStyledItemDelegate(parent), m_theme(theme), m_name(name) {}
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    QStyleOptionViewItem cell = option;
    initStyleOption(&cell, index);
    const Colors& c = m_theme.colors();
    if (option.state & QStyle::State_Selected) painter->fillRect(option.rect, c.accentSoft);
    const QRect text = option.rect.adjusted(kUnit, 0, -kUnit, 0);
    painter->setPen(c.text);
    painter->drawText(text, int(cell.displayAlignment) | Qt::TextSingleLine,
                      option.fontMetrics.elidedText(cell.text, index.column() == m_name ? Qt::ElideMiddle : Qt::ElideRight, text.width()));
  }
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    return QStyledItemDelegate::sizeHint(option, index) + QSize(2 * kUnit, 0);
  }

 private:
  const Theme& m_theme;
  const int m_name;  // the column that is cut in its middle
};

}  // namespace

ScoreView::ScoreView(const Theme& theme, QAbstractItemModel* model, int sortRole, const std::vector<int>& wide, QWidget* parent)
    : QTableView(parent), m_sorted(new UnknownLast(this)) {
  m_sorted->setSourceModel(model);
  m_sorted->setSortRole(sortRole);
  setModel(m_sorted);
  setItemDelegate(new ScoreDelegate(theme, wide.front(), this));
  setSelectionBehavior(QAbstractItemView::SelectRows);
  setSelectionMode(QAbstractItemView::ExtendedSelection);
  setEditTriggers(QAbstractItemView::NoEditTriggers);
  setShowGrid(false);
  setTabKeyNavigation(false);
  setWordWrap(false);
  setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  verticalHeader()->hide();
  verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  verticalHeader()->setDefaultSectionSize(fontMetrics().height() + kUnit + 4);
  setMinimumHeight(96);
  QHeaderView* header = horizontalHeader();
  header->setHighlightSections(false);
  header->setSortIndicator(-1, Qt::AscendingOrder);  // as they come
  header->setSortIndicatorClearable(true);
  header->setSectionResizeMode(QHeaderView::ResizeToContents);
  for (const int column : wide) header->setSectionResizeMode(column, QHeaderView::Stretch);
  setSortingEnabled(true);
  setContextMenuPolicy(Qt::CustomContextMenu);
}

std::vector<int> ScoreView::selectedRows() const {
  QModelIndexList indexes = selectionModel()->selectedRows();
  std::sort(indexes.begin(), indexes.end());
  std::vector<int> rows;
  for (const QModelIndex& index : indexes) rows.push_back(rowOf(index));
  return rows;
}

void ScoreView::keyPressEvent(QKeyEvent* event) {
  if ((event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) && currentIndex().isValid()) {
    Q_EMIT doubleClicked(currentIndex());
    return;
  }
  QTableView::keyPressEvent(event);
}

}  // namespace sememe

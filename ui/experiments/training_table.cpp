// The table of trainings.
#include "ui/experiments/training_table.h"

#include <QContextMenuEvent>
#include <QHeaderView>
#include <QKeyEvent>
#include <QMenu>
#include <QPainter>
#include <algorithm>

#include "ui/models/unknown_last.h"

namespace sememe {
namespace {

constexpr int kSwatch = 14;

QRect swatchRect(const QRect& cell) { return {cell.left() + kUnit, cell.center().y() - kSwatch / 2 + 1, kSwatch, kSwatch}; }

}  // namespace

void TrainingDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const Colors& c = m_theme.colors();
  painter->save();
  const bool selected = option.state & QStyle::State_Selected;
  if (selected) painter->fillRect(option.rect, c.accentSoft);
  else if (option.state & QStyle::State_MouseOver) painter->fillRect(option.rect, c.hover);
  QRect text = option.rect.adjusted(kUnit, 0, -kUnit, 0);
  if (index.column() == TrainingTableModel::Name) {
    const QRect box = swatchRect(option.rect);
    const QColor color = c.series[size_t(index.data(TrainingTableModel::ColorRole).toInt()) % c.series.size()];
    const bool on = index.data(Qt::CheckStateRole).toInt() == Qt::Checked;
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(QPen(color, 1.5));
    painter->setBrush(on ? QBrush(color) : Qt::NoBrush);
    painter->drawRoundedRect(QRectF(box).adjusted(0.75, 0.75, -0.75, -0.75), 3, 3);
    if (on) painter->drawPixmap(box, Theme::pixmap(QStringLiteral("check"), kSwatch, c.panel, painter->device()->devicePixelRatioF()));
    text.setLeft(box.right() + kUnit);
  }
  const QVariant share = index.data(TrainingTableModel::ShareRole);
  if (share.isValid()) {
    const QRectF track(text.left(), option.rect.bottom() - 4, text.width(), 2);
    painter->fillRect(track, c.track);
    painter->fillRect(QRectF(track.topLeft(), QSizeF(track.width() * share.toDouble(), track.height())), c.accent);
  }
  painter->setPen(c.text);
  if (index.column() == TrainingTableModel::State) {
    const QString state = index.data(TrainingTableModel::SortRole).toString();
    if (state == QObject::tr("Failed") || state == QObject::tr("Unreadable")) painter->setPen(c.danger);
    else if (state == QObject::tr("Finished")) painter->setPen(c.ok);
    else if (state == QObject::tr("Running") || state == QObject::tr("Exploring")) painter->setPen(c.accent);
    else painter->setPen(c.textMuted);
  }
  painter->setFont(option.font);
  const int alignment = index.data(Qt::TextAlignmentRole).toInt();
  painter->drawText(text, alignment | Qt::TextSingleLine,
                    option.fontMetrics.elidedText(index.data(Qt::DisplayRole).toString(),
                                                  index.column() == TrainingTableModel::Name ? Qt::ElideMiddle : Qt::ElideRight, text.width()));
  if ((option.state & QStyle::State_HasFocus) && index.column() == TrainingTableModel::Name) {
    painter->setPen(QPen(c.accent, 1));
    painter->setBrush(Qt::NoBrush);
    painter->drawRoundedRect(QRectF(swatchRect(option.rect)).adjusted(-2.5, -2.5, 2.5, 2.5), 4, 4);
  }
  painter->restore();
}

bool TrainingDelegate::editorEvent(QEvent* event, QAbstractItemModel* model, const QStyleOptionViewItem& option,
                                   const QModelIndex& index) {
  if (index.column() != TrainingTableModel::Name || event->type() != QEvent::MouseButtonRelease) return false;
  const auto* mouse = static_cast<QMouseEvent*>(event);
  if (mouse->button() != Qt::LeftButton || !swatchRect(option.rect).adjusted(-5, -5, 5, 5).contains(mouse->position().toPoint())) return false;
  const bool on = index.data(Qt::CheckStateRole).toInt() == Qt::Checked;
  return model->setData(index, int(on ? Qt::Unchecked : Qt::Checked), Qt::CheckStateRole);
}

TrainingTable::TrainingTable(const Theme& theme, TrainingList& list, QWidget* parent) : QTableView(parent), m_list(list) {
  // A list read anew keeps what is selected; asked before the model hears of it.
  connect(&list, &TrainingList::aboutToReset, this, [this] { m_kept = selected(); });
  auto* model = new TrainingTableModel(list, this);
  m_sorted = new UnknownLast(this);
  m_sorted->setSourceModel(model);
  m_sorted->setSortRole(TrainingTableModel::SortRole);
  m_sorted->setDynamicSortFilter(true);
  setModel(m_sorted);
  setItemDelegate(new TrainingDelegate(theme, this));
  setSelectionBehavior(QAbstractItemView::SelectRows);
  setSelectionMode(QAbstractItemView::ExtendedSelection);
  setEditTriggers(QAbstractItemView::NoEditTriggers);
  setShowGrid(false);
  setMouseTracking(true);
  setTabKeyNavigation(false);
  setWordWrap(false);
  setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  setAccessibleName(tr("Trainings"));
  verticalHeader()->hide();
  verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  verticalHeader()->setDefaultSectionSize(fontMetrics().height() + kUnit + 4);
  QHeaderView* header = horizontalHeader();
  header->setHighlightSections(false);
  header->setMinimumSectionSize(44);
  header->setStretchLastSection(false);
  header->setContextMenuPolicy(Qt::CustomContextMenu);
  header->setSortIndicator(-1, Qt::AscendingOrder);  // as they come: newest first
  header->setSortIndicatorClearable(true);
  setSortingEnabled(true);
  connect(header, &QWidget::customContextMenuRequested, this, [this, header](const QPoint& at) { columnMenu(header->mapToGlobal(at)); });
  connect(selectionModel(), &QItemSelectionModel::selectionChanged, this, &TrainingTable::selectionMoved);
  connect(selectionModel(), &QItemSelectionModel::currentRowChanged, this, &TrainingTable::selectionMoved);
  connect(this, &QTableView::doubleClicked, this, &TrainingTable::exploreWanted);
  connect(&list, &TrainingList::reset, this, [this] {
    QItemSelection rows;
    for (int row = 0; row < m_sorted->rowCount(); ++row) {
      const QModelIndex index = m_sorted->index(row, 0);
      if (m_kept.contains(index.data(TrainingTableModel::IdRole).toLongLong())) rows.select(index, index);
    }
    if (rows.isEmpty()) {
      if (m_sorted->rowCount() > 0) selectRow(0);
    } else {
      setCurrentIndex(rows.indexes().first());
      selectionModel()->select(rows, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    }
    Q_EMIT selectionMoved();
  });
  connect(&list, &TrainingList::removed, this, &TrainingTable::selectionMoved);
}

QList<qint64> TrainingTable::selected() const {
  QList<qint64> ids;
  QModelIndexList rows = selectionModel()->selectedRows();
  std::sort(rows.begin(), rows.end());
  for (const QModelIndex& index : rows) ids << index.data(TrainingTableModel::IdRole).toLongLong();
  return ids;
}

qint64 TrainingTable::current() const {
  const QModelIndex index = currentIndex();
  if (index.isValid() && selectionModel()->isRowSelected(index.row(), {}))
    return index.siblingAtColumn(0).data(TrainingTableModel::IdRole).toLongLong();
  const QList<qint64> ids = selected();
  return ids.isEmpty() ? 0 : ids.first();
}

void TrainingTable::select(qint64 id) {
  for (int row = 0; row < m_sorted->rowCount(); ++row) {
    const QModelIndex index = m_sorted->index(row, 0);
    if (index.data(TrainingTableModel::IdRole).toLongLong() != id) continue;
    // Not selectRow(): it would add to the selection while Ctrl is held, as it is for the shortcut that starts a training.
    return selectionModel()->setCurrentIndex(index, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
  }
}

void TrainingTable::setColumnShown(int column, bool on) {
  if (column == TrainingTableModel::Name) return;
  setColumnHidden(column, !on);
  fitColumns();
}

void TrainingTable::columnMenu(const QPoint& global) {
  QMenu menu(this);
  for (int column = 1; column < TrainingTableModel::ColumnCount; ++column) {
    QAction* action = menu.addAction(m_sorted->headerData(column, Qt::Horizontal).toString());
    action->setCheckable(true);
    action->setChecked(isColumnShown(column));
    connect(action, &QAction::toggled, this, [this, column](bool on) { setColumnShown(column, on); });
  }
  menu.exec(global);
}

// Numbers as wide as they need; the name takes what is left, and the type gives way to it.
void TrainingTable::fitColumns() {
  const QString widest[] = {{}, tr("Matryoshka BatchTopK"), {}, QStringLiteral("100"), tr("Unfinished"), tr("99,999 of 110k"),
                            QStringLiteral("0.00123"), QStringLiteral("123.4"), {}, {}, QStringLiteral("0.000")};
  QFont bold = font();
  bold.setWeight(QFont::DemiBold);
  const QFontMetrics metrics(bold);
  int left = viewport()->width();
  for (int column = 1; column < TrainingTableModel::ColumnCount; ++column) {
    if (isColumnHidden(column)) continue;
    const QString title = m_sorted->headerData(column, Qt::Horizontal).toString();
    const int text = std::max(metrics.horizontalAdvance(title), fontMetrics().horizontalAdvance(widest[column]));
    const int width = std::max(horizontalHeader()->minimumSectionSize(), text + 2 * kUnit + 2);
    setColumnWidth(column, width);
    left -= width;
  }
  const int wanted = 24 * kUnit;
  if (left < wanted && !isColumnHidden(TrainingTableModel::Type)) {
    const int type = columnWidth(TrainingTableModel::Type), narrow = std::max(11 * kUnit, type - (wanted - left));
    setColumnWidth(TrainingTableModel::Type, narrow);
    left += type - narrow;
  }
  // What the name can not use lies between the columns, not in one gulf behind it.
  int shown = 0;
  for (int column = 1; column < TrainingTableModel::ColumnCount; ++column) shown += int(!isColumnHidden(column));
  if (const int spare = left - 45 * kUnit; spare > 0 && shown > 0) {
    for (int column = 1; column < TrainingTableModel::ColumnCount; ++column) {
      if (!isColumnHidden(column)) setColumnWidth(column, columnWidth(column) + spare / shown);
    }
    left -= spare / shown * shown;
  }
  setColumnWidth(TrainingTableModel::Name, std::max(left, 15 * kUnit));
}

void TrainingTable::resizeEvent(QResizeEvent* event) {
  QTableView::resizeEvent(event);
  fitColumns();
}

void TrainingTable::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Delete) {
    Q_EMIT removeWanted();
    return;
  }
  if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) {
    Q_EMIT exploreWanted();
    return;
  }
  if (event->key() == Qt::Key_Space) {
    const QList<qint64> ids = selected();
    const Training* first = ids.isEmpty() ? nullptr : m_list.find(ids.first());
    const bool on = first && !first->charted;
    for (const qint64 id : ids) m_list.setCharted(id, on);
    return;
  }
  QTableView::keyPressEvent(event);
}

void TrainingTable::contextMenuEvent(QContextMenuEvent* event) { Q_EMIT menuWanted(event->globalPos()); }

void TrainingTable::applySettings(const Settings& settings) {
  for (int column = 1; column < TrainingTableModel::ColumnCount; ++column) setColumnHidden(column, settings.hiddenTrainingColumns.contains(column));
  fitColumns();
}

void TrainingTable::storeSettings(Settings& settings) const {
  settings.hiddenTrainingColumns.clear();
  for (int column = 1; column < TrainingTableModel::ColumnCount; ++column) {
    if (isColumnHidden(column)) settings.hiddenTrainingColumns << column;
  }
}

}  // namespace sememe

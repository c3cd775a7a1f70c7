// The table of trainings: sorted as one likes, each with its colour and whether it is in the charts.
#pragma once

#include <QSortFilterProxyModel>
#include <QStyledItemDelegate>
#include <QTableView>

#include "ui/experiments/training_table_model.h"
#include "ui/settings/settings.h"
#include "ui/theme/theme.h"

namespace sememe {

// Draws the check box as the swatch of the training's colour, and the steps with a bar under them.
class TrainingDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  explicit TrainingDelegate(const Theme& theme, QObject* parent = nullptr) : QStyledItemDelegate(parent), m_theme(theme) {}
  void paint(QPainter*, const QStyleOptionViewItem&, const QModelIndex&) const override;
  bool editorEvent(QEvent*, QAbstractItemModel*, const QStyleOptionViewItem&, const QModelIndex&) override;

 private:
  const Theme& m_theme;
};

class TrainingTable : public QTableView {
  Q_OBJECT
 public:
  TrainingTable(const Theme& theme, TrainingList& list, QWidget* parent = nullptr);

  QList<qint64> selected() const;     // ids, in the order of the rows
  qint64 current() const;             // the last one chosen of them; 0: none
  void select(qint64 id);
  void setColumnShown(int column, bool on);  // the name is always there
  bool isColumnShown(int column) const { return !isColumnHidden(column); }

  void applySettings(const Settings& settings);
  void storeSettings(Settings& settings) const;

 Q_SIGNALS:
  void selectionMoved();
  void removeWanted();
  void exploreWanted();  // double click, or Enter
  void menuWanted(const QPoint& global);

 protected:
  void keyPressEvent(QKeyEvent*) override;
  void contextMenuEvent(QContextMenuEvent*) override;
  void resizeEvent(QResizeEvent*) override;

 private:
  void columnMenu(const QPoint& global);
  void fitColumns();

  TrainingList& m_list;
  QSortFilterProxyModel* m_sorted;
  QList<qint64> m_kept;  // selected before a reset
};

}  // namespace sememe

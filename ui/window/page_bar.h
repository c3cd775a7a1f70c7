// The switch between the window's pages, as tabs beside the menus.
#pragma once

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QWidget>

#include "ui/theme/theme.h"

namespace sememe {

// What the window shows of a workspace. A new page gets its place here, in pages() and in MainWindow.
enum class Page { Explore, Steer, Experiments, Scores, Hierarchy };

struct PageInfo {
  Page page;
  const char* key;  // of the command line: "explore"
  const char* icon;
  QString title;    // with its mnemonic
};
const QList<PageInfo>& pages();  // in the order of the tabs

class PageBar : public QWidget {
  Q_OBJECT
 public:
  explicit PageBar(const Theme& theme, QWidget* parent = nullptr);
  void setCurrent(Page page);

 Q_SIGNALS:
  void chosen(sememe::Page page);

 private:
  QButtonGroup* m_buttons;
};

}  // namespace sememe

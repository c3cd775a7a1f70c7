// The switch between the window's pages.
#include "ui/window/page_bar.h"

#include <QToolButton>

namespace sememe {

const QList<PageInfo>& pages() {
  static const QList<PageInfo> all = {
      {Page::Explore, "explore", "grid", QObject::tr("E&xplore")},
      {Page::Steer, "steer", "sliders", QObject::tr("S&teer")},
      {Page::Experiments, "experiments", "chart", QObject::tr("Ex&periments")},
      {Page::Scores, "scores", "columns", QObject::tr("&Scores")},
      {Page::Hierarchy, "hierarchy", "hierarchy", QObject::tr("&Hierarchy")},
  };
  return all;
}

PageBar::PageBar(const Theme& theme, QWidget* parent) : QWidget(parent), m_buttons(new QButtonGroup(this)) {
  setAccessibleName(tr("Pages"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 3, kUnit, 3);
  row->setSpacing(kUnit / 2);
  for (const PageInfo& info : pages()) {
    auto* button = new QToolButton;
    button->setText(QString(info.title).remove(QLatin1Char('&')));
    button->setIcon(theme.icon(QString::fromLatin1(info.icon)));
    button->setIconSize({16, 16});
    button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    button->setCheckable(true);
    button->setFocusPolicy(Qt::TabFocus);
    button->setProperty("tab", true);
    button->setToolTip(tr("%1 (Ctrl+%2)").arg(button->text()).arg(int(info.page) + 1));
    m_buttons->addButton(button, int(info.page));
    row->addWidget(button);
  }
  m_buttons->setExclusive(true);
  connect(m_buttons, &QButtonGroup::idClicked, this, [this](int id) { Q_EMIT chosen(Page(id)); });
}

void PageBar::setCurrent(Page page) { m_buttons->button(int(page))->setChecked(true); }

}  // namespace sememe

// What one sees without a workspace: what Sememe is, how to begin, and the workspaces opened before.
#pragma once

#include <QLabel>
#include <QStringList>
#include <QVBoxLayout>
#include <QWidget>

#include "ui/theme/theme.h"

namespace sememe {

class StartPage : public QWidget {
  Q_OBJECT
 public:
  explicit StartPage(const Theme& theme, QWidget* parent = nullptr);
  void setRecent(const QStringList& workspaces);
  void setBusy(bool busy);  // while the demo is made or a workspace opens

 Q_SIGNALS:
  void openWanted();
  void demoWanted();
  void recentChosen(const QString& workspace);

 private:
  QWidget* makeChoice(const QString& icon, const QString& title, const QString& text, const QString& button, bool primary,
                      void (StartPage::*signal)());
  void drawIcons();

  const Theme& m_theme;
  QList<QPair<QLabel*, QString>> m_icons;
  QList<QWidget*> m_buttons;
  QWidget* m_recent;
  QVBoxLayout* m_recentRows;
};

}  // namespace sememe

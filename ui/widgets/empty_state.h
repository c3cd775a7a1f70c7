// What a panel shows when it has nothing: an icon, a line, an explanation, and perhaps what to do about it.
#pragma once

#include <QLabel>
#include <QPushButton>
#include <QWidget>

#include "ui/theme/theme.h"

namespace sememe {

class EmptyState : public QWidget {
  Q_OBJECT
 public:
  // No button when `action` is empty.
  EmptyState(const Theme& theme, const QString& icon, const QString& title, const QString& text, const QString& action = {},
             QWidget* parent = nullptr);
  void setText(const QString& text) { m_text->setText(text); }

 Q_SIGNALS:
  void actionClicked();

 private:
  void drawIcon();
  const Theme& m_theme;
  QString m_iconName;
  QLabel* m_icon;
  QLabel* m_text;
};

}  // namespace sememe

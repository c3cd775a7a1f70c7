// What a panel shows when it has nothing.
#include "ui/widgets/empty_state.h"

#include <QVBoxLayout>

namespace sememe {

EmptyState::EmptyState(const Theme& theme, const QString& icon, const QString& title, const QString& text, const QString& action,
                       QWidget* parent)
    : QWidget(parent), m_theme(theme), m_iconName(icon), m_icon(new QLabel), m_text(new QLabel(text)) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(3 * kUnit, 3 * kUnit, 3 * kUnit, 3 * kUnit);
  column->setSpacing(kUnit);
  column->addStretch(2);
  m_icon->setAlignment(Qt::AlignCenter);
  column->addWidget(m_icon);
  auto* heading = new QLabel(title);
  heading->setProperty("role", QStringLiteral("title"));
  heading->setAlignment(Qt::AlignCenter);
  heading->setWordWrap(true);
  column->addWidget(heading);
  m_text->setProperty("role", QStringLiteral("muted"));
  m_text->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
  m_text->setWordWrap(true);
  m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  column->addWidget(m_text);
  if (!action.isEmpty()) {
    auto* button = new QPushButton(action);
    connect(button, &QPushButton::clicked, this, &EmptyState::actionClicked);
    setFocusProxy(button);
    column->addSpacing(kUnit);
    column->addWidget(button, 0, Qt::AlignHCenter);
  }
  column->addStretch(3);
  connect(&theme, &Theme::changed, this, &EmptyState::drawIcon);
  drawIcon();
}

void EmptyState::drawIcon() {
  m_icon->setPixmap(Theme::pixmap(m_iconName, 5 * kUnit, m_theme.colors().textFaint, devicePixelRatioF()));
}

}  // namespace sememe

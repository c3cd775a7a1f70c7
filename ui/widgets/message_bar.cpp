// A bar above the page that says what failed and what to do next.
#include "ui/widgets/message_bar.h"

#include <QHBoxLayout>
#include <QToolButton>
#include <QVBoxLayout>

namespace sememe {

MessageBar::MessageBar(const Theme& theme, QWidget* parent) : QFrame(parent), m_theme(theme) {
  setProperty("role", QStringLiteral("error"));
  m_icon = new QLabel;
  m_title = new QLabel;
  m_title->setProperty("role", QStringLiteral("title"));
  m_title->setWordWrap(true);
  m_text = new QLabel;
  m_text->setWordWrap(true);
  m_text->setTextFormat(Qt::PlainText);
  m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_retry = new QPushButton(tr("Try again"));
  auto* close = new QToolButton;
  close->setIcon(theme.icon(QStringLiteral("close")));
  close->setToolTip(tr("Put away"));
  close->setAccessibleName(tr("Put this message away"));
  auto* texts = new QVBoxLayout;
  texts->setSpacing(2);
  texts->addWidget(m_title);
  texts->addWidget(m_text);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(2 * kUnit, kUnit, kUnit, kUnit);
  row->setSpacing(kUnit + kUnit / 2);
  row->addWidget(m_icon, 0, Qt::AlignTop);
  row->addLayout(texts, 1);
  row->addWidget(m_retry, 0, Qt::AlignVCenter);
  row->addWidget(close, 0, Qt::AlignTop);
  connect(close, &QToolButton::clicked, this, &QWidget::hide);
  connect(m_retry, &QPushButton::clicked, this, [this] {
    hide();
    if (const auto action = m_action) action();
  });
  connect(&theme, &Theme::changed, this, &MessageBar::drawIcon);
  drawIcon();
  hide();
}

void MessageBar::drawIcon() {
  m_icon->setPixmap(Theme::pixmap(QStringLiteral("alert"), 20, m_theme.colors().danger, devicePixelRatioF()));
}

void MessageBar::showFailure(const QString& title, const JobFailure& failure, std::function<void()> retry) {
  m_title->setText(title);
  m_text->setText(failure.message + QLatin1Char('\n') + failure.advice);
  m_action = std::move(retry);
  m_retry->setVisible(bool(m_action));
  show();
}

}  // namespace sememe

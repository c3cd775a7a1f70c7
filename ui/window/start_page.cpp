// What one sees without a workspace.
#include "ui/window/start_page.h"

#include <QFileInfo>
#include <QFrame>
#include <QHBoxLayout>
#include <QPushButton>
#include <QScrollArea>

namespace sememe {
namespace {
constexpr int kWidth = 88 * kUnit;
constexpr int kShownRecent = 5;
}  // namespace

StartPage::StartPage(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  auto* inside = new QWidget;
  auto* column = new QVBoxLayout;
  column->setSpacing(3 * kUnit);

  auto* head = new QHBoxLayout;
  head->setSpacing(3 * kUnit);
  auto* logo = new QLabel;
  logo->setPixmap(Theme::programIcon().pixmap(QSize(10 * kUnit, 10 * kUnit), devicePixelRatioF()));
  auto* name = new QLabel(QStringLiteral("Sememe"));
  QFont big = name->font();
  big.setPointSizeF(big.pointSizeF() * 2.2);
  big.setWeight(QFont::DemiBold);
  name->setFont(big);
  auto* what = new QLabel(
      tr("See what the neurons of sparse autoencoders mean: each by the sixteen images that excite it most, "
         "and by how alike these images are."));
  what->setProperty("role", QStringLiteral("muted"));
  what->setWordWrap(true);
  auto* words = new QVBoxLayout;
  words->setSpacing(kUnit / 2);
  words->addWidget(name);
  words->addWidget(what);
  head->addWidget(logo, 0, Qt::AlignTop);
  head->addLayout(words, 1);
  column->addLayout(head);

  auto* choices = new QHBoxLayout;
  choices->setSpacing(2 * kUnit);
  choices->addWidget(makeChoice(QStringLiteral("shapes"), tr("Try it"),
                                tr("Draws a world of coloured shapes and looks into two small models trained on it. "
                                   "Takes about three minutes."),
                                tr("Make the demo workspace…"), true, &StartPage::demoWanted));
  choices->addWidget(makeChoice(QStringLiteral("folder"), tr("Your own models"),
                                tr("A workspace is one file, *.sememe, made by sememe-cli. You can also drop it on this window."),
                                tr("Open workspace…"), false, &StartPage::openWanted));
  column->addLayout(choices);

  m_recent = new QFrame;
  m_recent->setProperty("role", QStringLiteral("card"));
  m_recentRows = new QVBoxLayout(m_recent);
  m_recentRows->setContentsMargins(2 * kUnit, 2 * kUnit, 2 * kUnit, 2 * kUnit);
  m_recentRows->setSpacing(kUnit);
  column->addWidget(m_recent);

  auto* middle = new QWidget;
  middle->setLayout(column);
  middle->setMaximumWidth(kWidth);
  middle->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  auto* centred = new QHBoxLayout;
  centred->addStretch(1);
  centred->addWidget(middle, 100);
  centred->addStretch(1);
  auto* tall = new QVBoxLayout(inside);
  tall->setContentsMargins(4 * kUnit, 4 * kUnit, 4 * kUnit, 4 * kUnit);
  tall->addStretch(2);
  tall->addLayout(centred);
  tall->addStretch(3);

  auto* scroll = new QScrollArea;
  scroll->setWidget(inside);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->viewport()->setAutoFillBackground(false);
  inside->setAutoFillBackground(false);
  auto* outer = new QVBoxLayout(this);
  outer->setContentsMargins(0, 0, 0, 0);
  outer->addWidget(scroll);
  connect(&theme, &Theme::changed, this, &StartPage::drawIcons);
  drawIcons();
  setRecent({});
}

QWidget* StartPage::makeChoice(const QString& icon, const QString& title, const QString& text, const QString& button, bool primary,
                               void (StartPage::*signal)()) {
  auto* card = new QFrame;
  card->setProperty("role", QStringLiteral("card"));
  auto* column = new QVBoxLayout(card);
  column->setContentsMargins(3 * kUnit, 3 * kUnit, 3 * kUnit, 3 * kUnit);
  column->setSpacing(kUnit);
  auto* picture = new QLabel;
  m_icons.append({picture, icon});
  auto* heading = new QLabel(title);
  heading->setProperty("role", QStringLiteral("title"));
  auto* words = new QLabel(text);
  words->setProperty("role", QStringLiteral("muted"));
  words->setWordWrap(true);
  words->setAlignment(Qt::AlignLeft | Qt::AlignTop);
  auto* push = new QPushButton(button);
  push->setMinimumHeight(5 * kUnit);
  if (primary) push->setProperty("primary", true);
  m_buttons.append(push);
  connect(push, &QPushButton::clicked, this, signal);
  column->addWidget(picture);
  column->addWidget(heading);
  column->addWidget(words, 1);
  column->addSpacing(kUnit);
  column->addWidget(push);
  return card;
}

void StartPage::drawIcons() {
  for (const auto& [label, icon] : m_icons)
    label->setPixmap(Theme::pixmap(icon, 4 * kUnit, m_theme.colors().accent, devicePixelRatioF()));
}

void StartPage::setBusy(bool busy) {
  for (QWidget* button : m_buttons) button->setEnabled(!busy);
  m_recent->setEnabled(!busy);
}

void StartPage::setRecent(const QStringList& workspaces) {
  while (QLayoutItem* item = m_recentRows->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  m_recent->setVisible(!workspaces.isEmpty());
  auto* heading = new QLabel(tr("Opened before"));
  heading->setProperty("role", QStringLiteral("heading"));
  m_recentRows->addWidget(heading);
  for (const QString& path : workspaces.mid(0, kShownRecent)) {
    auto* row = new QWidget;
    auto* line = new QHBoxLayout(row);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(2 * kUnit);
    auto* button = new QPushButton(QFileInfo(path).completeBaseName());
    button->setProperty("link", true);
    button->setCursor(Qt::PointingHandCursor);
    connect(button, &QPushButton::clicked, this, [this, path] { Q_EMIT recentChosen(path); });
    auto* folder = new QLabel;
    folder->setProperty("role", QStringLiteral("muted"));
    folder->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    folder->setText(folder->fontMetrics().elidedText(QFileInfo(path).absolutePath(), Qt::ElideMiddle, 55 * kUnit));
    folder->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    folder->setToolTip(path);
    line->addWidget(button);
    line->addWidget(folder, 1);
    m_recentRows->addWidget(row);
  }
}

}  // namespace sememe

// The small dialogs.
#include "ui/window/dialogs.h"

#include <QDialog>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/theme/theme.h"

namespace sememe {
namespace {

QVBoxLayout* columnOf(QDialog& dialog) {
  auto* column = new QVBoxLayout(&dialog);
  column->setContentsMargins(3 * kUnit, 3 * kUnit, 3 * kUnit, 2 * kUnit);
  column->setSpacing(kUnit + kUnit / 2);
  return column;
}

QLabel* paragraph(const QString& text) {
  auto* label = new QLabel(text);
  label->setWordWrap(true);
  label->setProperty("role", QStringLiteral("muted"));
  return label;
}

}  // namespace

QString askDemoFolder(QWidget* parent, const QString& suggestion) {
  QDialog dialog(parent);
  dialog.setWindowTitle(QObject::tr("Make the demo workspace"));
  dialog.setMinimumWidth(64 * kUnit);
  auto* column = columnOf(dialog);
  column->addWidget(paragraph(
      QObject::tr("Sememe draws 5,000 images into this folder, runs two small models on them and scores their neurons. "
                  "It goes on in the background and can be cancelled; what is done is kept.")));
  auto* row = new QHBoxLayout;
  row->setSpacing(kUnit);
  auto* folder = new QLineEdit(QDir::toNativeSeparators(suggestion));
  folder->setAccessibleName(QObject::tr("Folder"));
  auto* browse = new QPushButton(QObject::tr("Browse…"));
  row->addWidget(folder, 1);
  row->addWidget(browse);
  column->addLayout(row);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel);
  QPushButton* make = buttons->addButton(QObject::tr("Make it"), QDialogButtonBox::AcceptRole);
  make->setProperty("primary", true);
  make->setDefault(true);
  column->addSpacing(kUnit);
  column->addWidget(buttons);
  QObject::connect(browse, &QPushButton::clicked, &dialog, [&] {
    const QString chosen = QFileDialog::getExistingDirectory(&dialog, QObject::tr("Folder of the demo workspace"), folder->text());
    if (!chosen.isEmpty()) folder->setText(QDir::toNativeSeparators(chosen));
  });
  QObject::connect(folder, &QLineEdit::textChanged, make, [make](const QString& text) { make->setEnabled(!text.trimmed().isEmpty()); });
  QObject::connect(buttons, &QDialogButtonBox::accepted, &dialog, &QDialog::accept);
  QObject::connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
  return dialog.exec() == QDialog::Accepted ? QDir::cleanPath(QDir::fromNativeSeparators(folder->text().trimmed())) : QString();
}

void showShortcuts(QWidget* parent, const QList<QPair<QString, QString>>& rows) {
  QDialog dialog(parent);
  dialog.setWindowTitle(QObject::tr("Keyboard shortcuts"));
  auto* column = columnOf(dialog);
  // Two columns of rows, so that it fits on a small screen; a heading begins the second.
  auto* grid = new QGridLayout;
  grid->setHorizontalSpacing(3 * kUnit);
  grid->setVerticalSpacing(kUnit / 2);
  int line = 0, side = 0;
  for (const auto& [keys, meaning] : rows) {
    const bool heading = keys.isEmpty();
    if (heading && side == 0 && line * 2 >= rows.size()) {
      side = 3;
      line = 0;
    }
    auto* text = new QLabel(meaning);
    if (heading) {
      text->setProperty("role", QStringLiteral("heading"));
      if (line > 0) grid->setRowMinimumHeight(line++, kUnit);
      grid->addWidget(text, line++, side, 1, 2);
      continue;
    }
    auto* key = new QLabel(keys);
    key->setProperty("role", QStringLiteral("muted"));
    key->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    grid->addWidget(text, line, side);
    grid->addWidget(key, line++, side + 1);
  }
  grid->setColumnMinimumWidth(2, 3 * kUnit);
  column->addLayout(grid);
  column->addSpacing(kUnit);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
  column->addWidget(buttons);
  QObject::connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
  dialog.exec();
}

void showAbout(QWidget* parent, const QString& version) {
  QDialog dialog(parent);
  dialog.setWindowTitle(QObject::tr("About Sememe"));
  dialog.setMinimumWidth(54 * kUnit);
  auto* column = columnOf(dialog);
  auto* head = new QHBoxLayout;
  head->setSpacing(2 * kUnit);
  auto* logo = new QLabel;
  logo->setPixmap(Theme::programIcon().pixmap(QSize(8 * kUnit, 8 * kUnit), dialog.devicePixelRatioF()));
  auto* name = new QLabel(QStringLiteral("Sememe %1").arg(version));
  QFont big = name->font();
  big.setPointSizeF(big.pointSizeF() * 1.5);
  big.setWeight(QFont::DemiBold);
  name->setFont(big);
  head->addWidget(logo);
  head->addWidget(name, 1);
  column->addLayout(head);
  column->addWidget(paragraph(
      QObject::tr("An explorer for the neurons of sparse autoencoders trained on vision-language models. The monosemanticity score "
                  "(MS) is that of “Sparse Autoencoders Learn Monosemantic Features in Vision-Language Models” (Pach et al., 2025).")));
  column->addWidget(paragraph(QObject::tr("Free software under the MIT licence, built with Qt %1, LibTorch, OpenCV and SQLite.")
                                  .arg(QString::fromLatin1(qVersion()))));
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
  column->addSpacing(kUnit);
  column->addWidget(buttons);
  QObject::connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
  dialog.exec();
}

}  // namespace sememe

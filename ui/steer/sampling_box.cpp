// The form of sampling.
#include "ui/steer/sampling_box.h"

#include <QGridLayout>
#include <QLabel>
#include <QMenu>
#include <QRegularExpressionValidator>
#include <QScopedValueRollback>
#include <QWidgetAction>

#include "ui/theme/theme.h"

namespace sememe {

SamplingBox::SamplingBox(QWidget* parent)
    : QToolButton(parent), m_maxTokens(new QSpinBox), m_temperature(new QDoubleSpinBox), m_topP(new QDoubleSpinBox), m_ngram(new QSpinBox), m_seed(new QLineEdit) {
  setToolButtonStyle(Qt::ToolButtonTextOnly);
  setPopupMode(QToolButton::InstantPopup);
  setFocusPolicy(Qt::TabFocus);
  setProperty("boxed", true);
  setToolTip(tr("How the answers are drawn"));
  m_maxTokens->setRange(1, 4096);
  m_temperature->setRange(0, 5);
  m_temperature->setSingleStep(0.1);
  m_topP->setRange(0.01, 1);
  m_topP->setSingleStep(0.05);
  m_ngram->setRange(0, 20);
  m_ngram->setSpecialValueText(tr("any"));
  m_seed->setValidator(new QRegularExpressionValidator(QRegularExpression(QStringLiteral("[0-9]{1,18}")), m_seed));
  for (QDoubleSpinBox* box : {m_temperature, m_topP}) box->setLocale(QLocale::c());
  auto* form = new QWidget;
  auto* grid = new QGridLayout(form);
  grid->setContentsMargins(kUnit, kUnit, kUnit, kUnit);
  grid->setHorizontalSpacing(2 * kUnit);
  grid->setVerticalSpacing(kUnit);
  int row = 0;
  const auto add = [&](const QString& name, QWidget* field, const QString& explanation) {
    auto* label = new QLabel(name);
    label->setBuddy(field);
    label->setToolTip(explanation);
    field->setToolTip(explanation);
    field->setAccessibleName(QString(name).remove(QLatin1Char('&')));
    field->setMinimumWidth(12 * kUnit);
    grid->addWidget(label, row, 0);
    grid->addWidget(field, row++, 1);
  };
  add(tr("&Longest answer, tokens"), m_maxTokens, tr("An answer ends here at the latest"));
  add(tr("&Temperature"), m_temperature, tr("0: always the likeliest token; above, tokens are drawn"));
  add(tr("T&op p"), m_topP, tr("Drawn are the likeliest tokens that together have this probability"));
  add(tr("&Seed"), m_seed, tr("The same seed draws the same answer"));
  add(tr("&No run repeats of"), m_ngram, tr("No run of so many tokens comes twice in an answer"));
  auto* menu = new QMenu(this);
  auto* action = new QWidgetAction(menu);
  action->setDefaultWidget(form);
  menu->addAction(action);
  setMenu(menu);
  connect(menu, &QMenu::aboutToShow, this, [this] { m_maxTokens->setFocus(); });
  for (QSpinBox* box : {m_maxTokens, m_ngram}) {
    box->setKeyboardTracking(false);
    connect(box, &QSpinBox::valueChanged, this, &SamplingBox::changed);
  }
  for (QDoubleSpinBox* box : {m_temperature, m_topP}) {
    box->setKeyboardTracking(false);
    connect(box, &QDoubleSpinBox::valueChanged, this, &SamplingBox::changed);
  }
  connect(m_seed, &QLineEdit::editingFinished, this, &SamplingBox::changed);
  setOptions({.maxTokens = 64});
}

SamplingOptions SamplingBox::options() const {
  SamplingOptions options;
  options.maxTokens = m_maxTokens->value();
  options.temperature = m_temperature->value();
  options.topP = m_topP->value();
  options.noRepeatNgram = m_ngram->value();
  options.seed = m_seed->text().toULongLong();
  return options;
}

void SamplingBox::setOptions(const SamplingOptions& options) {
  const QScopedValueRollback quiet(m_quiet, true);
  m_maxTokens->setValue(options.maxTokens);
  m_temperature->setValue(options.temperature);
  m_topP->setValue(options.topP);
  m_ngram->setValue(options.noRepeatNgram);
  m_seed->setText(QString::number(options.seed));
  describe();
}

void SamplingBox::changed() {
  if (m_quiet) return;
  describe();
  Q_EMIT edited();
}

void SamplingBox::describe() {
  const bool drawn = m_temperature->value() > 0;
  for (QWidget* w : std::initializer_list<QWidget*>{m_topP, m_seed}) w->setEnabled(drawn);
  QString text = drawn ? tr("Temperature %1").arg(m_temperature->value()) : tr("Likeliest tokens");
  text += tr(", up to %1").arg(m_maxTokens->value());
  setText(text);
}

}  // namespace sememe

// One row of a form.
#include "ui/widgets/form_field.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLocale>
#include <QRegularExpression>
#include <QStyle>
#include <QVBoxLayout>
#include <cmath>

#include "ui/theme/theme.h"

namespace sememe {
namespace {

// Without the marks that group digits.
QString bare(QString text) {
  static const QRegularExpression grouping(QStringLiteral("(?<=[0-9])[,  _'](?=[0-9]{3}(?![0-9]))"));
  return text.replace(grouping, QString()).trimmed();
}

}  // namespace

FormField::FormField(Kind kind, const QString& key, const QString& name, const QString& explanation, QWidget* parent)
    : QWidget(parent), m_key(key), m_name(new QLabel(name)), m_below(new QLabel) {
  QWidget* input = nullptr;
  if (kind == Kind::Text) {
    input = m_line = new QLineEdit;
    connect(m_line, &QLineEdit::textChanged, this, &FormField::edited);
  } else {
    input = m_choice = new QComboBox;
    m_choice->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_choice->setMinimumContentsLength(8);
    m_choice->setFocusPolicy(Qt::StrongFocus);
    m_choice->installEventFilter(this);
    connect(m_choice, &QComboBox::currentIndexChanged, this, &FormField::edited);
  }
  m_name->setBuddy(input);
  input->setAccessibleName(this->name());
  input->setAccessibleDescription(explanation);
  setToolTip(explanation);
  setFocusProxy(input);
  m_below->setWordWrap(true);
  m_below->setTextFormat(Qt::PlainText);
  QFont small = m_below->font();
  small.setPointSizeF(small.pointSizeF() * 0.9);
  m_below->setFont(small);
  auto* row = new QHBoxLayout;
  row->setSpacing(kUnit);
  row->addWidget(m_name);
  row->addWidget(input, 1);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(3);
  column->addLayout(row);
  column->addWidget(m_below);
  showBelow();
}

// The wheel scrolls the form; a choice under the pointer is not changed in passing.
bool FormField::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::Wheel || static_cast<QWidget*>(watched)->hasFocus()) return QWidget::eventFilter(watched, event);
  event->ignore();
  return true;
}

QString FormField::name() const { return m_name->text().remove(QLatin1Char('&')); }

void FormField::setNameWidth(int pixels) {
  m_name->setFixedWidth(pixels);
  m_below->setIndent(0);
  m_below->setContentsMargins(pixels + kUnit, 0, 0, 0);
}

void FormField::addBeside(QWidget* widget) {
  widget->setFocusPolicy(Qt::StrongFocus);
  if (qobject_cast<QComboBox*>(widget)) widget->installEventFilter(this);
  static_cast<QHBoxLayout*>(layout()->itemAt(0)->layout())->addWidget(widget);
}

QString FormField::text() const { return m_line ? m_line->text().trimmed() : m_choice->currentData().toString(); }

void FormField::setText(const QString& text) {
  if (m_line) return m_line->setText(text);
  const int index = m_choice->findData(text);
  if (index >= 0) m_choice->setCurrentIndex(index);
}

void FormField::setHint(const QString& hint) {
  m_hint = hint;
  showBelow();
}

void FormField::setProblem(const QString& text) {
  m_problem = text;
  showBelow();
}

void FormField::showBelow() {
  const bool wrong = !m_problem.isEmpty();
  m_below->setText(wrong ? m_problem : m_hint);
  m_below->setVisible(wrong || !m_hint.isEmpty());
  const auto set = [](QWidget* widget, const char* name, const QVariant& value) {
    if (widget->property(name) == value) return;
    widget->setProperty(name, value);
    widget->style()->unpolish(widget);
    widget->style()->polish(widget);
  };
  set(m_below, "role", wrong ? QStringLiteral("danger") : QStringLiteral("muted"));
  set(focusProxy(), "invalid", wrong);
}

std::optional<int64_t> FormField::whole() const {
  const QString text = bare(this->text());
  bool ok = false;
  const qlonglong value = text.toLongLong(&ok);
  if (ok) return value;
  // "1e6" is a whole number as well.
  const double real = QLocale::c().toDouble(text, &ok);
  if (ok && std::abs(real) < 9e15 && std::floor(real) == real) return int64_t(real);
  return {};
}

std::optional<double> FormField::number() const {
  bool ok = false;
  const double value = QLocale::c().toDouble(bare(text()), &ok);
  return ok && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<std::vector<double>> FormField::numbers() const {
  static const QRegularExpression between(QStringLiteral("[,;\\s]+"));
  std::vector<double> values;
  for (const QString& part : text().split(between, Qt::SkipEmptyParts)) {
    const QStringList halves = part.split(QLatin1Char('/'));
    bool ok = halves.size() <= 2, divides = true;
    const double over = ok ? halves[0].toDouble(&ok) : 0;
    const double under = halves.size() == 2 ? halves[1].toDouble(&divides) : 1;
    if (!ok || !divides || under == 0) return {};
    values.push_back(over / under);
  }
  return values;
}

}  // namespace sememe

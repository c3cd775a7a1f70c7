// One row of a form: a name, an input, a line that explains it or says what is wrong with it.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QWidget>
#include <optional>
#include <vector>

namespace sememe {

// A line to type numbers or text into, or a choice. GUI thread.
class FormField : public QWidget {
  Q_OBJECT
 public:
  enum class Kind { Text, Choice };

  // `key`: what the settings call it. `name` may hold a mnemonic; `explanation` is the tooltip.
  FormField(Kind kind, const QString& key, const QString& name, const QString& explanation, QWidget* parent = nullptr);

  const QString& key() const { return m_key; }
  QString name() const;  // without the mnemonic
  QLineEdit* line() const { return m_line; }      // null for a choice
  QComboBox* choice() const { return m_choice; }  // null for text
  void setNameWidth(int pixels);
  int nameWidth() const { return m_name->sizeHint().width(); }
  void addBeside(QWidget* widget);  // after the input: a unit, a button

  QString text() const;  // typed, trimmed; of a choice its data as text
  void setText(const QString& text);

  void setHint(const QString& hint);    // shown while there is no problem; empty: no line
  void setProblem(const QString& text);  // empty: none
  const QString& problem() const { return m_problem; }

  // What is typed as a number: digits may be grouped by commas or spaces, and "1e-4" is a number. None when it is none.
  std::optional<int64_t> whole() const;
  std::optional<double> number() const;
  std::optional<std::vector<double>> numbers() const;  // "1/16, 0.25 …": with commas or spaces between; fractions too

 Q_SIGNALS:
  void edited();  // by a person or by setText()

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void showBelow();

  QString m_key, m_hint, m_problem;
  QLabel* m_name;
  QLineEdit* m_line = nullptr;
  QComboBox* m_choice = nullptr;
  QLabel* m_below;
};

}  // namespace sememe

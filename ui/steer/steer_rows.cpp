// The rows, in a column that scrolls.
#include "ui/steer/steer_rows.h"

#include <algorithm>

#include "ui/widgets/empty_state.h"

namespace sememe {

SteerRows::SteerRows(const Theme& theme, const NeuronLoader& loader, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_loader(loader), m_stack(new QStackedWidget), m_scroll(new QScrollArea), m_body(new QWidget), m_column(new QVBoxLayout(m_body)) {
  m_column->setContentsMargins(0, 0, 0, 0);
  m_column->setSpacing(0);
  m_column->addStretch(1);
  m_scroll->setWidget(m_body);
  m_scroll->setWidgetResizable(true);
  m_scroll->setFrameShape(QFrame::NoFrame);
  m_scroll->setFocusPolicy(Qt::NoFocus);
  m_scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_scroll->viewport()->setAutoFillBackground(false);
  m_body->setAutoFillBackground(false);
  auto* none = new EmptyState(theme, QStringLiteral("sliders"), tr("No neuron is steered"),
                              tr("Take one from the list of those that fire on the image, or search for one.\nThen move its slider and watch the answer."));
  m_stack->addWidget(m_scroll);
  m_stack->addWidget(none);
  m_stack->setCurrentIndex(1);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(m_stack);
}

SteerRow* SteerRows::makeRow(const NeuronEdit& edit) {
  auto* row = new SteerRow(m_theme, m_loader, edit);
  row->setTokenNorm(m_norm);
  const int64_t neuron = edit.neuron;
  connect(row, &SteerRow::edited, this, [this, neuron](const QString& what, bool value) {
    if (!value) ++m_changes;
    Q_EMIT edited(what, QStringLiteral("%1 %2").arg(neuron).arg(m_changes));
    if (!value) ++m_changes;
  });
  connect(row, &SteerRow::rested, this, [this] {
    ++m_changes;
    Q_EMIT rested();
  });
  connect(row, &SteerRow::pointedAt, this, [this, neuron](bool on) { Q_EMIT pointedAt(on ? neuron : -1); });
  connect(row, &SteerRow::exploreWanted, this, [this, neuron] { Q_EMIT exploreWanted(neuron); });
  connect(row, &SteerRow::touched, this, [this, neuron] { setCurrent(neuron); });
  connect(row, &SteerRow::removeWanted, this, [this, neuron] {
    std::vector<NeuronEdit> rest = neurons();
    std::erase_if(rest, [neuron](const NeuronEdit& e) { return e.neuron == neuron; });
    setNeurons(rest);
    ++m_changes;
    Q_EMIT edited(tr("Remove neuron %1").arg(neuron), QString());
  });
  return row;
}

void SteerRows::setNeurons(const std::vector<NeuronEdit>& neurons) {
  std::vector<SteerRow*> next;
  for (const NeuronEdit& edit : neurons) {
    SteerRow* known = row(edit.neuron);
    if (known) known->setEdit(edit);
    next.push_back(known ? known : makeRow(edit));
  }
  int place = -1;  // of the row with the focus, should it go
  for (size_t i = 0; i < m_rows.size(); ++i) {
    if (std::find(next.begin(), next.end(), m_rows[i]) != next.end()) continue;
    if (m_rows[i]->isAncestorOf(window()->focusWidget())) place = int(i);
    m_column->removeWidget(m_rows[i]);
    m_rows[i]->hide();
    m_rows[i]->deleteLater();
  }
  for (size_t i = 0; i < next.size(); ++i) {
    if (m_column->indexOf(next[i]) != int(i)) m_column->insertWidget(int(i), next[i]);
    next[i]->show();
  }
  m_rows = std::move(next);
  m_stack->setCurrentIndex(m_rows.empty() ? 1 : 0);
  if (place >= 0 && !m_rows.empty()) m_rows[std::min(size_t(place), m_rows.size() - 1)]->slider().setFocus();
  if (!row(m_current)) setCurrent(m_rows.empty() ? -1 : m_rows.front()->edit().neuron);
}

std::vector<NeuronEdit> SteerRows::neurons() const {
  std::vector<NeuronEdit> all;
  for (const SteerRow* r : m_rows) all.push_back(r->edit());
  return all;
}

void SteerRows::setTokenNorm(double norm) {
  m_norm = norm;
  for (SteerRow* r : m_rows) r->setTokenNorm(norm);
}

void SteerRows::refresh() {
  for (SteerRow* r : m_rows) r->refresh();
}

SteerRow* SteerRows::row(int64_t neuron) const {
  const auto found = std::find_if(m_rows.begin(), m_rows.end(), [neuron](const SteerRow* r) { return r->edit().neuron == neuron; });
  return found == m_rows.end() ? nullptr : *found;
}

void SteerRows::focusRow(int64_t neuron) {
  SteerRow* wanted = row(neuron);
  if (!wanted) return;
  wanted->slider().setFocus(Qt::TabFocusReason);
  setCurrent(neuron);
  m_column->activate();
  m_scroll->ensureWidgetVisible(wanted);
}

bool SteerRows::isMoving() const {
  return std::any_of(m_rows.begin(), m_rows.end(), [](SteerRow* r) { return r->slider().isSliderDown(); });
}

void SteerRows::setCurrent(int64_t neuron) {
  if (neuron == m_current) return;
  m_current = neuron;
  for (SteerRow* r : m_rows) r->setCurrent(r->edit().neuron == neuron);
  Q_EMIT currentChanged(neuron);
}

}  // namespace sememe

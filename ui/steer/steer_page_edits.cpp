// The Steer page: what is set, how it changes, and how it is undone.
#include <QUndoCommand>
#include <algorithm>
#include <cmath>
#include <utility>

#include "ui/steer/steer_page.h"

namespace sememe {
namespace {

double twoDigits(double value) {
  if (!(value > 0)) return value;
  const double unit = std::pow(10, std::floor(std::log10(value)) - 1);
  return std::round(value / unit) * unit;
}

}  // namespace

// From one state of the edits to the next; a slider's way is one step.
class SteerPage::EditCommand : public QUndoCommand {
 public:
  EditCommand(SteerPage& page, SteerEdits after, const QString& what, QString merge)
      : QUndoCommand(what), m_page(page), m_before(page.m_edits), m_after(std::move(after)), m_merge(std::move(merge)) {}
  void undo() override { m_page.apply(m_before); }
  void redo() override { m_page.apply(m_after); }
  int id() const override { return 1; }
  bool mergeWith(const QUndoCommand* other) override {
    const auto* next = static_cast<const EditCommand*>(other);
    if (m_merge.isEmpty() || next->m_merge != m_merge) return false;
    m_after = next->m_after;
    return true;
  }

 private:
  SteerPage& m_page;
  SteerEdits m_before, m_after;
  QString m_merge;
};

void SteerPage::change(const SteerEdits& next, const QString& what, const QString& merge) {
  if (next == m_edits) return;
  m_undo.push(new EditCommand(*this, next, what, merge));
}

void SteerPage::apply(const SteerEdits& edits) {
  m_edits = edits;
  m_rows->setNeurons(edits.neurons);
  m_mode->setCurrentIndex(m_mode->findData(int(edits.mode)));
  m_preZero->setChecked(edits.preZero);
  if (m_panel->mask() != edits.painted) m_panel->setMask(edits.painted);
  prefetch();
  ask();
}

void SteerPage::addNeuron(int64_t neuron) {
  if (!m_loaded || neuron < 0 || neuron >= m_loaded->sae.neurons) return;
  if (!m_rows->row(neuron)) {
    SteerEdits next = m_edits;
    // About a token's norm is what shows.
    next.neurons.push_back({neuron, Intervention::Op::Set, m_norm > 0 ? twoDigits(m_norm) : 10, true});
    change(next, tr("Steer neuron %1").arg(neuron));
    m_rows->setTokenNorm(m_norm);
  }
  m_rows->focusRow(neuron);
}

// That came from Explore before its SAE was loaded; after the demo's preset, which would replace it.
void SteerPage::addWaitingNeuron() {
  if (!m_loaded || m_opening) return;
  const auto waiting = std::exchange(m_waitingNeuron, {});
  if (!waiting) return;
  if (waiting->first == m_loaded->sae.fingerprint) addNeuron(waiting->second);
  else Q_EMIT said(tr("Neuron %1 is of another SAE than this one").arg(waiting->second));
}

void SteerPage::removeCurrent() {
  if (SteerRow* row = m_rows->row(m_rows->current())) row->removeButton().click();
}

void SteerPage::findNeuron() { m_finder->focusSearch(); }

void SteerPage::exploreCurrent() {
  if (canExplore()) Q_EMIT exploreWanted(m_run->id, m_rows->current());
}

SteeringPreset SteerPage::preset() const {
  SteeringPreset preset;
  toPreset(m_edits, preset);
  preset.image = m_imageFile.toStdString();
  preset.question = m_context.question.isEmpty() ? m_question->currentText().trimmed().toStdString() : m_context.question.toStdString();
  preset.sampling = m_sampling->options();
  return preset;
}

void SteerPage::setPreset(const SteeringPreset& preset) {
  if (!m_loaded) {
    m_waitingPreset = preset;
    return;
  }
  m_opening = false;
  SteerEdits next;
  try {
    next = fromPreset(preset, m_loaded->grid.patches());
  } catch (const std::exception&) {
    return fail(tr("The preset does not fit this model"), std::current_exception());
  }
  const size_t before = next.neurons.size();
  std::erase_if(next.neurons, [this](const NeuronEdit& e) { return e.neuron < 0 || e.neuron >= m_loaded->sae.neurons; });
  if (next.neurons.size() != before) Q_EMIT said(tr("Some neurons of the preset are not in this SAE and were left out"));
  if (!preset.question.empty()) m_question->setEditText(QString::fromStdString(preset.question));
  m_sampling->setOptions(preset.sampling);
  if (!preset.image.empty() && QString::fromStdString(preset.image) != m_imageFile) openImage(QString::fromStdString(preset.image));
  if (next == m_edits) ask();
  else change(next, preset.name.empty() ? tr("Open a preset") : tr("Open preset “%1”").arg(QString::fromStdString(preset.name)));
  if (!m_rows->rows().empty()) m_rows->focusRow(m_rows->rows().front()->edit().neuron);
  addWaitingNeuron();
}

}  // namespace sememe

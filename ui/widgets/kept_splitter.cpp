// A splitter whose sizes are kept in the settings.
#include "ui/widgets/kept_splitter.h"

namespace sememe {

KeptSplitter::KeptSplitter(Qt::Orientation orientation, QWidget* parent) : QSplitter(orientation, parent) {
  setHandleWidth(1);
  setChildrenCollapsible(false);
}

void KeptSplitter::apply(const QList<int>& kept, const QList<int>& designed) {
  m_kept = kept.size() == count() ? kept : QList<int>();
  setSizes(m_kept.isEmpty() ? designed : m_kept);
}

void KeptSplitter::showEvent(QShowEvent* event) {
  m_shown = true;
  QSplitter::showEvent(event);
}

}  // namespace sememe

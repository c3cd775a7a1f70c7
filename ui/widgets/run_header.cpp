// Run, encoder, note.
#include "ui/widgets/run_header.h"

#include <QHBoxLayout>
#include <QSignalBlocker>
#include <algorithm>

#include "ui/theme/theme.h"

namespace sememe {

RunHeader::RunHeader(QWidget* parent) : QFrame(parent) {
  setProperty("role", QStringLiteral("header"));
  const auto muted = [](const QString& text) {
    auto* label = new QLabel(text);
    label->setProperty("role", QStringLiteral("muted"));
    return label;
  };
  m_runs = new QComboBox;
  m_runs->setAccessibleName(tr("Run"));
  m_runs->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  m_runs->setMinimumContentsLength(18);
  m_encoders = new QComboBox;
  m_encoders->setAccessibleName(tr("Encoder of the MS"));
  m_encoders->setToolTip(tr("The encoder whose embeddings say how alike two images are"));
  m_encoders->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  m_encoderName = muted(tr("MS by"));
  m_note = muted({});
  m_note->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_note->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(2 * kUnit, kUnit, 2 * kUnit, kUnit);
  row->setSpacing(kUnit);
  row->addWidget(muted(tr("Run")));
  row->addWidget(m_runs);
  row->addSpacing(kUnit);
  row->addWidget(m_encoderName);
  row->addWidget(m_encoders);
  row->addSpacing(kUnit);
  row->addWidget(m_note, 1);
}

void RunHeader::setEncoders(const std::vector<ScoreSet>& scores) {
  const QSignalBlocker quiet(m_encoders);
  const qlonglong before = m_encoders->currentData().toLongLong();
  m_encoders->clear();
  for (const ScoreSet& s : scores) m_encoders->addItem(QString::fromStdString(s.encoder), qlonglong(s.embeddings));
  m_encoders->setEnabled(!scores.empty());
  if (scores.empty()) m_encoders->addItem(tr("not scored"), qlonglong(0));
  m_encoders->setCurrentIndex(std::max(0, m_encoders->findData(before)));
}

}  // namespace sememe

// A splitter whose sizes are kept in the settings.
#pragma once

#include <QSplitter>

namespace sememe {

class KeptSplitter : public QSplitter {
  Q_OBJECT
 public:
  explicit KeptSplitter(Qt::Orientation orientation, QWidget* parent = nullptr);

  // After its widgets were added. `kept`: from kept(), of an earlier window; of another number of widgets: the designed ones.
  void apply(const QList<int>& kept, const QList<int>& designed);
  // What to keep: its sizes once it was in view; before that nobody has laid it out, and it is what was kept before.
  QList<int> kept() const { return m_shown ? sizes() : m_kept; }

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  QList<int> m_kept;
  bool m_shown = false;
};

}  // namespace sememe

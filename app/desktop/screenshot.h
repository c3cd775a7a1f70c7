// Draws the window to a file once its page is filled.
#pragma once

#include <QObject>
#include <QString>
#include <QTimer>

#include "ui/window/main_window.h"

namespace sememe {

// Ends the event loop with 0 when the file is written, with 1 and a line on stderr when the workspace can not be opened,
// the page is not filled within a minute, or the file can not be written.
class Screenshot : public QObject {
  Q_OBJECT
 public:
  // `noWorkspace`: none is being opened.
  Screenshot(MainWindow& window, QString file, bool noWorkspace);

 private:
  void take();
  void fail(const QString& text);

  MainWindow& m_window;
  QString m_file;
  bool m_noWorkspace;
  QTimer m_patience;
  bool m_ended = false;
};

}  // namespace sememe

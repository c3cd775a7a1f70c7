// The image that LLaVA is asked about: how one comes in, its patches to paint on, and the scale of what is shown over it.
#pragma once

#include <QImage>
#include <QLabel>
#include <QStackedWidget>
#include <QToolButton>
#include <QWidget>
#include <vector>

#include "ui/steer/patch_canvas.h"
#include "ui/widgets/empty_state.h"

class QMimeData;

namespace sememe {

class HeatScale;

// It reads no file: whoever hears fileChosen() or imagePasted() reads and decodes on a reader lane, has the model look at it
// (Steerer::setImage) and hands its modelView() to setImage(). For undo: maskChanged() comes once for each whole change, with
// mask() as it is then; setMask() says nothing.
class ImagePanel : public QWidget {
  Q_OBJECT
 public:
  explicit ImagePanel(const Theme& theme, QWidget* parent = nullptr);

  // modelView: what the model sees; rows, columns: Steerer's PatchGrid. The same grid keeps the mask.
  void setImage(const QImage& modelView, int rows, int columns);
  void clearImage();
  bool hasImage() const { return m_canvas->hasImage(); }

  // As PatchCanvas.
  std::vector<bool> mask() const { return m_canvas->mask(); }
  void setMask(const std::vector<bool>& mask);
  // name: whose activations these are, beside the scale.
  void setHeat(const std::vector<float>& heat, const QString& name = {});

  void chooseFile();  // by a dialog, in the folder of the last one
  void paste();       // an image or an image's file from the clipboard; says so where there is none
  QString folder() const { return m_folder; }
  void setFolder(const QString& folder) { m_folder = folder; }
  PatchCanvas& canvas() { return *m_canvas; }

 Q_SIGNALS:
  void fileChosen(const QString& path);  // opened, dropped or pasted
  void imagePasted(const QImage& pixels);  // pixels without a file: pasted, or dropped from another program
  void maskChanging();
  void maskChanged();
  void patchClicked(int patch);

 protected:
  void paintEvent(QPaintEvent*) override;
  void dragEnterEvent(QDragEnterEvent*) override;
  void dragLeaveEvent(QDragLeaveEvent*) override;
  void dropEvent(QDropEvent*) override;

 private:
  QWidget* makeTools();
  bool take(const QMimeData* data);  // whether there was an image in it
  void setDropping(bool on);
  void updateTools();

  const Theme& m_theme;
  PatchCanvas* m_canvas;
  EmptyState* m_empty;
  QStackedWidget* m_stack;
  QWidget* m_tools;
  HeatScale* m_scale;
  QLabel* m_status;
  QLabel* m_brush;
  QToolButton *m_smaller, *m_larger, *m_clear, *m_invert, *m_all;
  QString m_folder;
  bool m_dropping = false;
};

}  // namespace sememe

// Painting patches with the mouse and the keyboard, and the heat over them.
#include "ui/steer/patch_canvas.h"

#include <QSignalSpy>
#include <QTest>
#include <QWheelEvent>
#include <algorithm>

#include "tests/ui/ui_support.h"

using namespace sememe;

namespace {

QImage picture(int width = 64, int height = 64) {
  QImage image(width, height, QImage::Format_RGB32);
  image.fill(QColor(90, 120, 150));
  return image;
}

int painted(const PatchCanvas& canvas) {
  const std::vector<bool> mask = canvas.mask();
  return int(std::count(mask.begin(), mask.end(), true));
}

QPoint centre(const PatchCanvas& canvas, int row, int column) { return canvas.patchRect(row * canvas.columns() + column).center().toPoint(); }

void move(PatchCanvas& canvas, const QPoint& to, Qt::MouseButton button = Qt::LeftButton, Qt::KeyboardModifiers modifiers = {}) {
  QMouseEvent event(QEvent::MouseMove, QPointF(to), canvas.mapToGlobal(QPointF(to)), Qt::NoButton, button, modifiers);
  QCoreApplication::sendEvent(&canvas, &event);
}

void drag(PatchCanvas& canvas, const QPoint& from, const QPoint& to, Qt::MouseButton button = Qt::LeftButton, Qt::KeyboardModifiers modifiers = {}) {
  QTest::mousePress(&canvas, button, modifiers, from);
  move(canvas, to, button, modifiers);
  QTest::mouseRelease(&canvas, button, modifiers, to);
}

void wheel(PatchCanvas& canvas, int by) {
  const QPointF at(centre(canvas, 4, 4));
  QWheelEvent event(at, canvas.mapToGlobal(at), {}, {0, by}, Qt::NoButton, {}, Qt::NoScrollPhase, false);
  QCoreApplication::sendEvent(&canvas, &event);
}

}  // namespace

class PatchCanvasTest : public QObject {
  Q_OBJECT
  Theme m_theme;
  std::unique_ptr<PatchCanvas> m_canvas;

 private Q_SLOTS:
  void init() {
    m_canvas = std::make_unique<PatchCanvas>(m_theme);
    m_canvas->resize(340, 340);
    m_canvas->setImage(picture(), 8, 8);
    m_canvas->setBrush(1);
    m_canvas->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_canvas.get()));
  }

  void patchesTileThePicture() {
    QRectF whole;
    for (int patch = 0; patch < 64; ++patch) whole |= m_canvas->patchRect(patch);
    QVERIFY(QRectF(m_canvas->rect()).contains(whole));
    QVERIFY(whole.width() > 300 && whole.width() == whole.height());
    QCOMPARE(m_canvas->patchRect(9).topLeft(), m_canvas->patchRect(0).bottomRight());
    m_canvas->resize(500, 200);
    QVERIFY(QRectF(m_canvas->rect()).contains(m_canvas->patchRect(63)));
  }

  void aClickPicksAndADragPaints() {
    QSignalSpy clicked(m_canvas.get(), &PatchCanvas::patchClicked), changed(m_canvas.get(), &PatchCanvas::maskChanged),
        changing(m_canvas.get(), &PatchCanvas::maskChanging);
    QTest::mouseClick(m_canvas.get(), Qt::LeftButton, {}, centre(*m_canvas, 2, 3));
    QCOMPARE(clicked.count(), 1);
    QCOMPARE(clicked[0][0].toInt(), 19);
    QCOMPARE(changed.count(), 0);
    QVERIFY(m_canvas->mask().empty());

    // A quick hand: two positions far apart, no gap between them.
    drag(*m_canvas, centre(*m_canvas, 1, 1), centre(*m_canvas, 1, 6));
    QCOMPARE(painted(*m_canvas), 6);
    for (int column = 1; column <= 6; ++column) QVERIFY(m_canvas->mask()[size_t(8 + column)]);
    QCOMPARE(clicked.count(), 1);
    QCOMPARE(changed.count(), 1);
    QVERIFY(changing.count() >= 1);
    // Over what is painted already: nothing changes, nothing to undo.
    drag(*m_canvas, centre(*m_canvas, 1, 2), centre(*m_canvas, 1, 5));
    QCOMPARE(changed.count(), 1);
    // Beyond the edge it paints along the edge.
    drag(*m_canvas, centre(*m_canvas, 7, 7), QPoint(m_canvas->width() - 1, m_canvas->height() + 40));
    QVERIFY(m_canvas->mask()[63]);
  }

  void theRightButtonAndAltErase() {
    m_canvas->paintAll();
    QCOMPARE(painted(*m_canvas), 64);
    QSignalSpy clicked(m_canvas.get(), &PatchCanvas::patchClicked), changed(m_canvas.get(), &PatchCanvas::maskChanged);
    QTest::mouseClick(m_canvas.get(), Qt::RightButton, {}, centre(*m_canvas, 0, 0));
    QCOMPARE(painted(*m_canvas), 63);
    drag(*m_canvas, centre(*m_canvas, 3, 0), centre(*m_canvas, 3, 7), Qt::RightButton);
    QCOMPARE(painted(*m_canvas), 55);
    drag(*m_canvas, centre(*m_canvas, 5, 0), centre(*m_canvas, 5, 7), Qt::LeftButton, Qt::AltModifier);
    QCOMPARE(painted(*m_canvas), 47);
    QCOMPARE(changed.count(), 3);
    QCOMPARE(clicked.count(), 0);
  }

  void theBrushIsSquare() {
    QSignalSpy brush(m_canvas.get(), &PatchCanvas::brushChanged);
    wheel(*m_canvas, 120);
    wheel(*m_canvas, 60);  // half a step
    QCOMPARE(m_canvas->brush(), 2);
    wheel(*m_canvas, 60);
    QCOMPARE(m_canvas->brush(), 3);
    QTest::keyClick(m_canvas.get(), Qt::Key_Plus);
    QTest::keyClick(m_canvas.get(), Qt::Key_Minus);
    QCOMPARE(m_canvas->brush(), 3);
    QCOMPARE(brush.count(), 4);
    QTest::mouseClick(m_canvas.get(), Qt::LeftButton, {}, centre(*m_canvas, 0, 0));
    QTest::keyClick(m_canvas.get(), Qt::Key_Space);  // at the corner: what of it lies inside
    QCOMPARE(painted(*m_canvas), 4);
    QTest::keyClick(m_canvas.get(), Qt::Key_Space);
    QVERIFY(m_canvas->mask().empty());
    m_canvas->setBrush(100);
    QCOMPARE(m_canvas->brush(), PatchCanvas::kLargestBrush);
    m_canvas->setBrush(-1);
    QCOMPARE(m_canvas->brush(), 1);
  }

  void theKeyboardDoesItAll() {
    QSignalSpy clicked(m_canvas.get(), &PatchCanvas::patchClicked), changed(m_canvas.get(), &PatchCanvas::maskChanged);
    const auto press = [&](Qt::Key key, Qt::KeyboardModifiers modifiers = {}) { QTest::keyClick(m_canvas.get(), key, modifiers); };
    press(Qt::Key_Home, Qt::ControlModifier);
    QCOMPARE(m_canvas->cursorPatch(), 0);
    press(Qt::Key_Left);
    press(Qt::Key_Up);
    QCOMPARE(m_canvas->cursorPatch(), 0);
    press(Qt::Key_Right);
    press(Qt::Key_Down);
    QCOMPARE(m_canvas->cursorPatch(), 9);
    press(Qt::Key_End);
    QCOMPARE(m_canvas->cursorPatch(), 15);
    press(Qt::Key_End, Qt::ControlModifier);
    press(Qt::Key_Right);
    QCOMPARE(m_canvas->cursorPatch(), 63);
    press(Qt::Key_Return);
    QCOMPARE(clicked.last()[0].toInt(), 63);
    press(Qt::Key_Space);
    QCOMPARE(painted(*m_canvas), 1);
    press(Qt::Key_I, Qt::ControlModifier);
    QCOMPARE(painted(*m_canvas), 63);
    press(Qt::Key_A, Qt::ControlModifier);
    QCOMPARE(painted(*m_canvas), 64);
    press(Qt::Key_A, Qt::ControlModifier);  // nothing changes
    QCOMPARE(changed.count(), 3);
    press(Qt::Key_Delete);
    QVERIFY(m_canvas->mask().empty());
    QCOMPARE(changed.count(), 4);
    QVERIFY(m_canvas->accessibleDescription().contains(QLatin1String("row 8, column 8")));
  }

  void escapeTakesAStrokeBack() {
    drag(*m_canvas, centre(*m_canvas, 1, 1), centre(*m_canvas, 1, 2));
    QSignalSpy changed(m_canvas.get(), &PatchCanvas::maskChanged);
    QTest::mousePress(m_canvas.get(), Qt::LeftButton, {}, centre(*m_canvas, 4, 0));
    move(*m_canvas, centre(*m_canvas, 4, 7));
    QCOMPARE(painted(*m_canvas), 10);
    QTest::keyClick(m_canvas.get(), Qt::Key_Escape);
    QCOMPARE(painted(*m_canvas), 2);
    QTest::mouseRelease(m_canvas.get(), Qt::LeftButton, {}, centre(*m_canvas, 4, 7));
    QCOMPARE(changed.count(), 0);
  }

  void aMaskIsSetInSilence() {
    QSignalSpy changed(m_canvas.get(), &PatchCanvas::maskChanged);
    std::vector<bool> mask(64, false);
    mask[10] = true;
    m_canvas->setMask(mask);
    QCOMPARE(m_canvas->mask(), mask);
    m_canvas->setImage(picture(), 8, 8);  // the same grid
    QCOMPARE(m_canvas->mask(), mask);
    m_canvas->setMask(std::vector<bool>(63, true));
    QVERIFY(m_canvas->mask().empty());
    m_canvas->setMask(mask);
    m_canvas->setImage(picture(), 4, 4);
    QVERIFY(m_canvas->mask().empty());
    QCOMPARE(changed.count(), 0);
  }

  void paintedPatchesStandOut() {
    std::vector<bool> mask(64, false);
    mask[27] = true;
    m_canvas->setMask(mask);
    m_canvas->clearFocus();
    const QImage shown = m_canvas->grab().toImage();
    const auto at = [&](int patch) { return shown.pixelColor(m_canvas->patchRect(patch).center().toPoint() * shown.devicePixelRatio()); };
    QCOMPARE(at(27), QColor(90, 120, 150));
    QVERIFY(at(0).lightness() < at(27).lightness() / 2);
  }

  void heatShowsWhereItFires() {
    std::vector<float> heat(64, 0.0f);
    heat[20] = 8;
    heat[21] = 2;
    m_canvas->setHeat(heat);
    m_canvas->clearFocus();
    QVERIFY(m_canvas->hasHeat());
    QCOMPARE(m_canvas->strongest(), 8.0f);
    const QImage shown = m_canvas->grab().toImage();
    const auto at = [&](int patch) { return shown.pixelColor(m_canvas->patchRect(patch).center().toPoint() * shown.devicePixelRatio()); };
    QVERIFY(at(20).lightness() > at(21).lightness());
    QVERIFY(at(20).lightness() > at(0).lightness());
    QVERIFY(at(21) != at(0));
    // The scale goes up in lightness all the way, so that it can be read without colours.
    int before = 0;
    for (int i = 1; i <= 20; ++i) {
      const QColor color = heatColor(i / 20.0);
      const int light = qGray(color.rgb()) * color.alpha();  // over black
      QVERIFY(light > before);
      before = light;
    }
    QCOMPARE(heatColor(0).alpha(), 0);
    QCOMPARE(heatColor(-1).alpha(), 0);
    QCOMPARE(heatColor(7), heatColor(1));
    m_canvas->setHeat(std::vector<float>(63, 1.0f));
    QVERIFY(!m_canvas->hasHeat());
    m_canvas->setHeat(std::vector<float>(64, 0.0f));  // it fires nowhere
    QVERIFY(m_canvas->hasHeat());
    QCOMPARE(m_canvas->strongest(), 0.0f);
    m_canvas->grab();
  }

  void withoutAnImageNothingHappens() {
    m_canvas->setImage({}, 8, 8);
    QVERIFY(!m_canvas->hasImage());
    QSignalSpy clicked(m_canvas.get(), &PatchCanvas::patchClicked), changed(m_canvas.get(), &PatchCanvas::maskChanged);
    QTest::mouseClick(m_canvas.get(), Qt::LeftButton, {}, QPoint(100, 100));
    for (const Qt::Key key : {Qt::Key_Right, Qt::Key_Space, Qt::Key_Return, Qt::Key_Delete, Qt::Key_A}) QTest::keyClick(m_canvas.get(), key);
    m_canvas->invertMask();
    m_canvas->setMask({true});
    m_canvas->grab();
    QCOMPARE(clicked.count() + changed.count(), 0);
    QVERIFY(m_canvas->mask().empty());
  }
};

QTEST_MAIN(PatchCanvasTest)
#include "patch_canvas_test.moc"

// How an image comes into the panel, and what its buttons do.
#include "ui/steer/image_panel.h"

#include <QClipboard>
#include <QDir>
#include <QDragEnterEvent>
#include <QLabel>
#include <QMimeData>
#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>
#include <algorithm>

#include "tests/ui/ui_support.h"
#include "ui/steer/heat_scale.h"

using namespace sememe;

namespace {

QImage picture() {
  QImage image(64, 64, QImage::Format_RGB32);
  image.fill(QColor(90, 120, 150));
  return image;
}

QToolButton* button(ImagePanel& panel, const QString& text) {
  for (QToolButton* b : panel.findChildren<QToolButton*>())
    if (b->text() == text) return b;
  return nullptr;
}

bool says(const QWidget& widget, const QString& text) {
  const auto labels = widget.findChildren<QLabel*>();
  return std::any_of(labels.begin(), labels.end(), [&](const QLabel* l) { return l->text().contains(text); });
}

// Whether it was taken.
bool drop(ImagePanel& panel, const QMimeData& data) {
  QDragEnterEvent enter({50, 50}, Qt::CopyAction, &data, Qt::LeftButton, {});
  enter.ignore();
  QCoreApplication::sendEvent(&panel, &enter);
  if (!enter.isAccepted()) return false;
  QDropEvent event(QPointF(50, 50), Qt::CopyAction, &data, Qt::LeftButton, {});
  event.ignore();
  QCoreApplication::sendEvent(&panel, &event);
  return event.isAccepted();
}

}  // namespace

class ImagePanelTest : public QObject {
  Q_OBJECT
  Theme m_theme;
  std::unique_ptr<ImagePanel> m_panel;
  QTemporaryDir m_dir;
  QString m_file;

 private Q_SLOTS:
  void initTestCase() {
    m_file = m_dir.filePath(QStringLiteral("flower.png"));
    QVERIFY(picture().save(m_file));
  }
  void init() {
    m_panel = std::make_unique<ImagePanel>(m_theme);
    m_panel->resize(320, 420);
    m_panel->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_panel.get()));
  }

  void emptyItSaysWhatToDo() {
    QVERIFY(!m_panel->hasImage());
    QVERIFY(says(*m_panel, QStringLiteral("Ctrl+V")));
    QVERIFY(!button(*m_panel, QStringLiteral("Clear"))->isVisible());
    m_panel->setImage(picture(), 8, 8);
    QVERIFY(m_panel->canvas().isVisible());
    QVERIFY(button(*m_panel, QStringLiteral("Clear"))->isVisible());
    m_panel->clearImage();
    QVERIFY(!m_panel->hasImage() && !m_panel->canvas().isVisible());
  }

  void aDroppedFileIsHandedOn() {
    QSignalSpy files(m_panel.get(), &ImagePanel::fileChosen), pixels(m_panel.get(), &ImagePanel::imagePasted);
    QMimeData file;
    file.setUrls({QUrl::fromLocalFile(m_file)});
    file.setImageData(picture());  // file managers offer both
    QVERIFY(drop(*m_panel, file));
    QCOMPARE(files.count(), 1);
    QCOMPARE(files[0][0].toString(), m_file);
    QCOMPARE(pixels.count(), 0);
    QMimeData image;
    image.setImageData(picture());
    QVERIFY(drop(*m_panel, image));
    QCOMPARE(pixels.count(), 1);
    QCOMPARE(qvariant_cast<QImage>(pixels[0][0]).size(), QSize(64, 64));

    // What is no image, and what is the window's.
    QMimeData text, folder, workspace;
    text.setText(QStringLiteral("flower"));
    folder.setUrls({QUrl::fromLocalFile(m_dir.path()), QUrl(QStringLiteral("https://example.org/a.png"))});
    const QString sememe = m_dir.filePath(QStringLiteral("a.sememe"));
    QVERIFY(QFile::copy(m_file, sememe));
    workspace.setUrls({QUrl::fromLocalFile(sememe)});
    QVERIFY(!drop(*m_panel, text) && !drop(*m_panel, folder) && !drop(*m_panel, workspace));
    QCOMPARE(files.count() + pixels.count(), 2);
  }

  void pastes() {
    QSignalSpy files(m_panel.get(), &ImagePanel::fileChosen), pixels(m_panel.get(), &ImagePanel::imagePasted);
    QClipboard* clipboard = QApplication::clipboard();
    clipboard->setText(QStringLiteral("flower"));
    m_panel->paste();
    QCOMPARE(files.count() + pixels.count(), 0);
    QVERIFY(says(*m_panel, QStringLiteral("no image in the clipboard")));
    clipboard->setImage(picture());
    m_panel->paste();
    QCOMPARE(pixels.count(), 1);
    auto* data = new QMimeData;
    data->setUrls({QUrl::fromLocalFile(m_file)});
    clipboard->setMimeData(data);
    m_panel->setImage(picture(), 8, 8);
    m_panel->canvas().setFocus();
    QTest::keyClick(&m_panel->canvas(), Qt::Key_V, Qt::ControlModifier);
    QCOMPARE(files.count(), 1);
    QCOMPARE(files[0][0].toString(), m_file);
  }

  void theButtonsPaint() {
    m_panel->setImage(picture(), 8, 8);
    QSignalSpy changed(m_panel.get(), &ImagePanel::maskChanged);
    QVERIFY(says(*m_panel, QStringLiteral("whole image")));
    QVERIFY(!button(*m_panel, QStringLiteral("Clear"))->isEnabled());
    button(*m_panel, QStringLiteral("All"))->click();
    QCOMPARE(m_panel->mask(), std::vector<bool>(64, true));
    QVERIFY(says(*m_panel, QStringLiteral("64 of 64 patches")));
    QVERIFY(!button(*m_panel, QStringLiteral("All"))->isEnabled());
    button(*m_panel, QStringLiteral("Invert"))->click();
    QVERIFY(m_panel->mask().empty());
    button(*m_panel, QStringLiteral("Invert"))->click();
    button(*m_panel, QStringLiteral("Clear"))->click();
    QVERIFY(m_panel->mask().empty());
    QCOMPARE(changed.count(), 4);
    const int brush = m_panel->canvas().brush();
    button(*m_panel, QStringLiteral("+"))->click();
    QCOMPARE(m_panel->canvas().brush(), brush + 1);
    QVERIFY(says(*m_panel, QStringLiteral("%1 × %1").arg(brush + 1)));

    std::vector<bool> mask(64, false);
    mask[3] = mask[4] = true;
    m_panel->setMask(mask);
    QVERIFY(says(*m_panel, QStringLiteral("2 of 64 patches")));
    QCOMPARE(changed.count(), 4);
  }

  void heatHasAScale() {
    m_panel->setImage(picture(), 8, 8);
    auto* scale = m_panel->findChild<HeatScale*>();
    QVERIFY(!scale->isVisible());
    std::vector<float> heat(64, 0.0f);
    heat[5] = 12.5f;
    m_panel->setHeat(heat, QStringLiteral("Neuron 12"));
    QVERIFY(scale->isVisible());
    QCOMPARE(scale->accessibleName(), QStringLiteral("Neuron 12: activations from 0 to 12.5"));
    m_panel->setHeat(std::vector<float>(64, 0.0f), QStringLiteral("Neuron 7"));
    QVERIFY(scale->accessibleName().contains(QLatin1String("does not fire")));
    m_panel->grab();
    m_panel->setHeat({});
    QVERIFY(!scale->isVisible());
  }
};

QTEST_MAIN(ImagePanelTest)
#include "image_panel_test.moc"

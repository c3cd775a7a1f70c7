// Tests of the grid, the loader behind it, and the viewer.
#include "ui/explore/image_grid.h"

#include <QSignalSpy>
#include <QTest>

#include "tests/ui/ui_support.h"
#include "ui/explore/image_viewer.h"

using namespace sememe;

class ImageGridTest : public QObject {
  Q_OBJECT
  TestWorkspace m_workspace{300, 100};
  Theme m_theme;
  JobRunner m_runner;

 private Q_SLOTS:
  void showsTheStrongestFirst() {
    NeuronLoader loader(m_runner, readTestImage);
    ImageGrid grid(m_theme, loader);
    grid.resize(700, 800);
    grid.show();
    loader.setSource(m_workspace.path(), m_workspace.run());
    connect(&loader, &NeuronLoader::viewReady, &grid, &ImageGrid::setView);
    connect(&loader, &NeuronLoader::thumbnailsReady, &grid, qOverload<>(&QWidget::update));
    QSignalSpy painted(&grid, &ImageGrid::painted);
    loader.select(5);
    EVENTUALLY(painted.count() > 0);
    QCOMPARE(painted.last().first().toLongLong(), 5LL);
    const auto& images = grid.view()->images;
    QCOMPARE(images.size(), size_t(16));
    for (size_t i = 1; i < images.size(); ++i) QVERIFY(images[i - 1].activation >= images[i].activation);
    QVERIFY(images[0].path.contains(QLatin1Char('/')));
    QVERIFY(images[0].className.startsWith(QLatin1String("things of kind")));
    QCOMPARE(loader.thumbnailState(images[0].image), NeuronLoader::State::Here);
    // Cells do not overlap and lie inside.
    for (int i = 0; i < 16; ++i) {
      QVERIFY(grid.rect().contains(grid.cell(i)));
      for (int j = 0; j < i; ++j) QVERIFY(!grid.cell(i).intersects(grid.cell(j)));
    }
  }

  void aWarmNeuronComesAtOnce() {
    NeuronLoader loader(m_runner, readTestImage);
    loader.setSource(m_workspace.path(), m_workspace.run());
    QSignalSpy views(&loader, &NeuronLoader::viewReady), thumbs(&loader, &NeuronLoader::thumbnailsReady);
    loader.prefetch({7, 8});
    EVENTUALLY(loader.isWarm(7) && loader.isWarm(8));
    QCOMPARE(views.count(), 0);
    loader.select(8);
    QCOMPARE(views.count(), 1);
    QCOMPARE(thumbs.count(), 1);
  }

  void anOvertakenSelectionIsDropped() {
    NeuronLoader loader(m_runner, readTestImage);
    loader.setSource(m_workspace.path(), m_workspace.run());
    QSignalSpy thumbs(&loader, &NeuronLoader::thumbnailsReady), failed(&loader, &NeuronLoader::failed);
    for (int64_t n = 20; n < 60; ++n) loader.select(n);
    EVENTUALLY(loader.isWarm(59));
    QTest::qWait(30);
    QCOMPARE(thumbs.last().first().toLongLong(), 59LL);
    QCOMPARE(failed.count(), 0);
  }

  void keysWalk() {
    NeuronLoader loader(m_runner, readTestImage);
    ImageGrid grid(m_theme, loader);
    grid.resize(600, 700);
    loader.setSource(m_workspace.path(), m_workspace.run());
    connect(&loader, &NeuronLoader::viewReady, &grid, &ImageGrid::setView);
    loader.select(3);
    EVENTUALLY(grid.view() != nullptr);
    QSignalSpy activated(&grid, &ImageGrid::activated);
    const auto press = [&](Qt::Key key, int expected) {
      QTest::keyClick(&grid, key);
      QCOMPARE(grid.current(), expected);
    };
    press(Qt::Key_Left, 0);
    press(Qt::Key_Right, 1);
    press(Qt::Key_Down, 5);
    press(Qt::Key_Up, 1);
    press(Qt::Key_Up, 1);
    press(Qt::Key_End, 15);
    press(Qt::Key_Down, 15);
    press(Qt::Key_Right, 15);
    press(Qt::Key_Home, 0);
    QTest::keyClick(&grid, Qt::Key_Return);
    QTest::keyClick(&grid, Qt::Key_Space);
    QCOMPARE(activated.count(), 2);
    QTest::mouseClick(&grid, Qt::LeftButton, {}, grid.cell(6).center());
    QCOMPARE(grid.current(), 6);
    QTest::mouseDClick(&grid, Qt::LeftButton, {}, grid.cell(9).center());
    QCOMPARE(activated.last().first().toInt(), 9);
  }

  void sizesAreKept() {
    NeuronLoader loader(m_runner, readTestImage);
    ImageGrid grid(m_theme, loader);
    grid.setSide(208);
    QCOMPARE(grid.cell(0).width(), 208);
    QVERIFY(grid.minimumSizeHint().width() >= 4 * 208);
    grid.setSide(0);
    grid.resize(grid.minimumSizeHint());
    QCOMPARE(grid.cell(0).width(), 64);
  }

  void brokenAndMissingThumbnailsHaveAPlaceholder() {
    TestWorkspace workspace(100, 40);
    {
      Workspace writable = workspace.open(OpenMode::ReadWrite);
      const NeuronDetail d = writable.neurons().detail(workspace.made().run, 1);
      const uint8_t rubbish[] = {0xff, 0xd8, 0xff, 1, 2, 3};
      writable.datasets().setThumbnail(workspace.made().dataset, d.top[0].image, rubbish);
    }
    NeuronLoader loader(m_runner, readTestImage);
    ImageGrid grid(m_theme, loader);
    grid.resize(600, 700);
    grid.show();
    connect(&loader, &NeuronLoader::viewReady, &grid, &ImageGrid::setView);
    connect(&loader, &NeuronLoader::thumbnailsReady, &grid, qOverload<>(&QWidget::update));
    QSignalSpy painted(&grid, &ImageGrid::painted);
    loader.setSource(workspace.path(), workspace.run());
    loader.select(1);
    EVENTUALLY(painted.count() > 0);
    QCOMPARE(loader.thumbnailState(grid.view()->images[0].image), NeuronLoader::State::Missing);
    QCOMPARE(loader.thumbnailState(grid.view()->images[1].image), NeuronLoader::State::Here);
  }

  void viewerShowsTheFileOrSaysWhyNot() {
    TestWorkspace workspace(100, 40);
    NeuronLoader loader(m_runner, readTestImage);
    QWidget page;
    page.resize(800, 600);
    ImageViewer viewer(m_theme, loader, &page);
    page.show();
    NeuronViewPtr view;
    connect(&loader, &NeuronLoader::viewReady, this, [&](const NeuronViewPtr& v) { view = v; });
    loader.setSource(workspace.path(), workspace.run());
    loader.select(2);
    EVENTUALLY(view != nullptr);
    QSignalSpy shown(&viewer, &ImageViewer::fullImageShown);
    viewer.open(view, 0);
    EVENTUALLY_EQUAL(shown.count(), 1);
    QVERIFY(!viewer.showsFile());
    QVERIFY2(viewer.note().contains(QLatin1String("not on this machine")), qPrintable(viewer.note()));
    QTest::keyClick(&viewer, Qt::Key_Right);
    QCOMPARE(viewer.current(), 1);
    QTest::keyClick(&viewer, Qt::Key_End);
    QCOMPARE(viewer.current(), 15);
    QTest::keyClick(&viewer, Qt::Key_Right);
    QCOMPARE(viewer.current(), 15);
    page.resize(900, 700);
    QCOMPARE(viewer.size(), page.size());
    QTest::keyClick(&viewer, Qt::Key_Escape);
    QVERIFY(!viewer.isOpen());

    // With the file there.
    QTemporaryDir folder;
    auto changed = std::make_shared<NeuronView>(*view);
    changed->images[0].file = folder.filePath(QStringLiteral("a.png"));
    QImage picture(40, 30, QImage::Format_RGB32);
    picture.fill(Qt::red);
    QVERIFY(picture.save(changed->images[0].file));
    shown.clear();
    viewer.open(changed, 0);
    EVENTUALLY_EQUAL(shown.count(), 1);
    QVERIFY(viewer.showsFile());
    QVERIFY(viewer.note().isEmpty());
  }
};

QTEST_MAIN(ImageGridTest)
#include "image_grid_test.moc"

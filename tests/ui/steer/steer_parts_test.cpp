// The parts of the Steer page: which words differ, the slider's scale and hand, quoting, edits to presets and back.
#include <QMouseEvent>
#include <QProcess>
#include <QSignalSpy>
#include <QTest>
#include <cmath>

#include "ui/steer/answer_column.h"
#include "ui/steer/model_chooser.h"
#include "ui/steer/steer_command.h"
#include "ui/steer/steer_edits.h"
#include "ui/steer/value_slider.h"
#include "ui/steer/word_difference.h"

using namespace sememe;

class SteerPartsTest : public QObject {
  Q_OBJECT
  Theme* m_theme = nullptr;

 private Q_SLOTS:
  void initTestCase() { m_theme = new Theme(this); }

  void differingWords_data() {
    QTest::addColumn<QString>("original");
    QTest::addColumn<QString>("text");
    QTest::addColumn<QStringList>("changed");
    const auto row = [](const char* name, const char* a, const char* b, const QStringList& changed) {
      QTest::newRow(name) << QString::fromUtf8(a) << QString::fromUtf8(b) << changed;
    };
    row("the same", "a red star", "a red star", {});
    row("one word", "a red star on black", "a blue star on black", {QStringLiteral("blue")});
    row("a run is one", "a red star on black", "a blue big moon on black", {QStringLiteral("blue big moon")});
    row("two places", "a red star on black", "one red star on white", {QStringLiteral("one"), QStringLiteral("white")});
    row("more at the end", "a star", "a star and a moon", {QStringLiteral("and a moon")});
    row("all", "star", "Moon", {QStringLiteral("Moon")});
    row("nothing before", "", "a star", {QStringLiteral("a star")});
    row("nothing after", "a star", "", {});
    row("blanks do not count", "a  star", " a\nstar ", {});
    row("the longest common run", "x a b c", "a b c x", {QStringLiteral("x")});
    row("any script", "ein blauer Stern", "ein größerer Stern", {QStringLiteral("größerer")});
  }

  void differingWords() {
    QFETCH(QString, original);
    QFETCH(QString, text);
    QFETCH(QStringList, changed);
    QStringList found;
    for (const TextSpan& span : changedWords(original, text)) found << text.mid(span.start, span.length);
    QCOMPARE(found, changed);
  }

  void longAnswersAreCompared() {
    QString a, b;
    for (int i = 0; i < 3000; ++i) {
      a += QStringLiteral("w%1 ").arg(i);
      b += i == 700 ? QStringLiteral("other ") : QStringLiteral("w%1 ").arg(i);
    }
    const auto spans = changedWords(a, b);
    QCOMPARE(spans.size(), size_t(2));  // the word, and what lies beyond those that are compared
    QCOMPARE(b.mid(spans[0].start, spans[0].length), QStringLiteral("other"));
  }

  void theSliderIsFineNearZero() {
    ValueSlider slider(*m_theme);
    slider.resize(400, slider.sizeHint().height());
    slider.setScale(-50, 100, false);
    for (const double value : {-50.0, -20.0, -1.0, 0.0, 0.5, 2.2, 40.0, 100.0}) {
      slider.setNumber(value);
      QCOMPARE(slider.number(), value);
    }
    QSignalSpy moved(&slider, &ValueSlider::numberMoved), released(&slider, &ValueSlider::released);
    slider.setNumber(500);  // beyond: shown at the end, and kept
    QCOMPARE(slider.value(), slider.maximum());
    QCOMPARE(slider.number(), 500.0);
    QCOMPARE(moved.size(), 0);
    // A hand: from the middle of the track to its ends.
    QTest::mousePress(&slider, Qt::LeftButton, {}, QPoint(200, 12));
    QCOMPARE(moved.size(), 1);
    const double middle = slider.number();
    QVERIFY(middle > 0 && middle < 10);  // by square roots, not half of 100
    QMouseEvent right(QEvent::MouseMove, QPointF(800, 12), QPointF(800, 12), Qt::NoButton, Qt::LeftButton, {});
    QApplication::sendEvent(&slider, &right);
    QCOMPARE(slider.number(), 100.0);
    QMouseEvent left(QEvent::MouseMove, QPointF(-50, 12), QPointF(-50, 12), Qt::NoButton, Qt::LeftButton, {});
    QApplication::sendEvent(&slider, &left);
    QCOMPARE(slider.number(), -50.0);
    QCOMPARE(released.size(), 0);
    QTest::mouseRelease(&slider, Qt::LeftButton, {}, QPoint(0, 12));
    QCOMPARE(released.size(), 1);
    slider.setNumber(0);
    QTest::keyClick(&slider, Qt::Key_Right);
    const double step = slider.number();
    QVERIFY(step > 0 && step < 0.1);
    QCOMPARE(released.size(), 2);
    QTest::keyClick(&slider, Qt::Key_End);
    QCOMPARE(slider.number(), 100.0);
    QTest::keyClick(&slider, Qt::Key_Home);
    QCOMPARE(slider.number(), -50.0);
    slider.setScale(-5, 20, true);
    slider.setNumber(10);
    QCOMPARE(slider.value(), slider.maximum() / 2);
  }

  void columnsShowWhatIsSaid() {
    AnswerColumn column(*m_theme, QStringLiteral("Steered"), {}, true);
    column.resize(300, 200);
    column.setOriginal(QStringLiteral("a red star"));
    column.await();
    QVERIFY(!column.isStale());
    column.say(QStringLiteral(" a blue"));
    column.say(QStringLiteral(" star"));
    QCOMPARE(column.text(), QStringLiteral(" a blue star"));
    SpokenAnswer spoken;
    spoken.text = "a blue star";
    spoken.answer.tokens = {1, 2, 3};
    spoken.answer.ended = true;
    spoken.answer.seconds.decode = 0.0021;
    column.finish(spoken);
    QVERIFY(column.status().contains(QStringLiteral("3 tokens")));
    QVERIFY(column.status().contains(QStringLiteral("2.1 ms")));
    QTRY_COMPARE(column.changedWords(), 1);
    QCOMPARE(column.body().toPlainText(), QStringLiteral("a blue star"));
    column.await();  // what is there stays until more is known, and says that it is old
    QVERIFY(column.isStale());
    QTRY_COMPARE(column.changedWords(), 0);
    QCOMPARE(column.body().toPlainText(), QStringLiteral("a blue star"));
    column.say(QStringLiteral("moon"));
    column.breakOff();
    QCOMPARE(column.text(), QStringLiteral("moon"));
    QCOMPARE(column.status(), QStringLiteral("stopped"));
    spoken.answer.ended = false;
    column.finish(spoken);
    QVERIFY(column.status().contains(QStringLiteral("cut off")));
  }

  void shellWordsComeBack() {
    for (const char* text : {"plain", "", "two words", "it's", "\"quoted\"", "$HOME `x` \\ !", "5*=2", "a\nb", "ünïcode", "-x", "'''", "*?[a]"}) {
      const QString word = QString::fromUtf8(text);
      QProcess shell;
      shell.start(QStringLiteral("/bin/sh"), {QStringLiteral("-c"), QStringLiteral("printf '%s|' ") + shellWord(word)});
      QVERIFY(shell.waitForFinished());
      QCOMPARE(QString::fromUtf8(shell.readAllStandardOutput()), word + QLatin1Char('|'));
    }
    QCOMPARE(shellWord(QStringLiteral("5=30")), QStringLiteral("5=30"));
  }

  // Every precision that can be chosen is what is loaded, and what a copied command asks for.
  void precisionsAreWhatIsLoaded() {
    ModelChooser chooser;
    QSet<QString> commands;
    for (int i = 0; i < chooser.precision().count(); ++i) {
      chooser.precision().setCurrentIndex(i);
      SteerScene scene;
      scene.model = chooser.params();
      commands << steerCommand(scene);
      chooser.precision().setCurrentIndex(0);
      chooser.setParams(scene.model);
      QCOMPARE(chooser.precision().currentIndex(), i);
    }
    QCOMPARE(commands.size(), chooser.precision().count());
    chooser.precision().setCurrentIndex(chooser.precision().findData(QStringLiteral("f16+8")));
    QVERIFY(chooser.params().eightBits);
    QCOMPARE(chooser.params().precision, std::string("f16"));
  }

  void editsToPresetsAndBack() {
    SteerEdits edits;
    edits.neurons = {{5, Intervention::Op::Set, 30, true}, {7, Intervention::Op::Scale, -1.5, false}, {9, Intervention::Op::Zero, 0, true}};
    edits.mode = Steering::Mode::KeepError;
    edits.preZero = true;
    edits.painted = {true, false, false, true};
    SteeringPreset preset;
    toPreset(edits, preset);
    QVERIFY(fromPreset(preset, 4) == edits);
    const Steering steering = toSteering(edits);
    QCOMPARE(steering.interventions.size(), size_t(2));  // without the one that is off
    QVERIFY(steering.mode == Steering::Mode::KeepError && steering.preZero && steering.mask.empty());
    preset.neurons.push_back({{5, Intervention::Op::Add, 2}, true});
    QCOMPARE(fromPreset(preset, 4).neurons.size(), size_t(3));
    QVERIFY(fromPreset(preset, 4).neurons[0].op == Intervention::Op::Add);
  }
};

QTEST_MAIN(SteerPartsTest)
#include "steer_parts_test.moc"

// Tests of the label editor: saved by itself, at once when one leaves, undo, failures that lose nothing.
#include "ui/explore/label_editor.h"

#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QSignalSpy>
#include <QTest>
#include <algorithm>

#include "tests/ui/ui_support.h"

using namespace sememe;

class LabelEditorTest : public QObject {
  Q_OBJECT
  TestWorkspace m_workspace{300, 60};
  Theme m_theme;

  NeuronDetail stored(int64_t neuron) { return m_workspace.open().neurons().detail(m_workspace.made().run, neuron); }

 private Q_SLOTS:
  void savesAMomentAfterTheLastKey() {
    JobRunner runner;
    LabelEditor editor(m_theme, runner);
    editor.setSource(m_workspace.path(), m_workspace.made().run, false);
    editor.showNeuron(11, {}, {});
    QSignalSpy edited(&editor, &LabelEditor::edited);
    QTest::keyClicks(editor.findChild<QLineEdit*>(), QStringLiteral("red stripes"));
    QCOMPARE(editor.state(), LabelEditor::State::Waiting);
    QCOMPARE(edited.count(), 0);
    EVENTUALLY_EQUAL(editor.state(), LabelEditor::State::Saved);
    QCOMPARE(edited.count(), 1);
    QCOMPARE(stored(11).label, std::string("red stripes"));
    editor.findChild<QPlainTextEdit*>()->setPlainText(QStringLiteral("two lines\nof notes – ü"));
    EVENTUALLY_EQUAL(editor.state(), LabelEditor::State::Saved);
    QCOMPARE(stored(11).notes, std::string("two lines\nof notes – ü"));
    QCOMPARE(stored(11).label, std::string("red stripes"));
  }

  void leavingSavesAtOnce() {
    JobRunner runner;
    LabelEditor editor(m_theme, runner);
    editor.setSource(m_workspace.path(), m_workspace.made().run, false);
    editor.showNeuron(20, {}, {});
    QTest::keyClicks(editor.findChild<QLineEdit*>(), QStringLiteral("first"));
    editor.showNeuron(21, {}, {});
    QVERIFY(editor.findChild<QLineEdit*>()->text().isEmpty());
    EVENTUALLY_EQUAL(stored(20).label, std::string("first"));
    QCOMPARE(stored(21).label, std::string());
  }

  void endingSavesToo() {
    {
      JobRunner runner;
      LabelEditor editor(m_theme, runner);
      editor.setSource(m_workspace.path(), m_workspace.made().run, false);
      editor.showNeuron(30, {}, {});
      QTest::keyClicks(editor.findChild<QLineEdit*>(), QStringLiteral("last words"));
    }
    QCOMPARE(stored(30).label, std::string("last words"));
  }

  void undoGoesBackAndIsSaved() {
    JobRunner runner;
    LabelEditor editor(m_theme, runner);
    editor.setSource(m_workspace.path(), m_workspace.made().run, false);
    editor.showNeuron(40, QStringLiteral("old"), {});
    auto* label = editor.findChild<QLineEdit*>();
    label->selectAll();
    QTest::keyClicks(label, QStringLiteral("new"));
    EVENTUALLY_EQUAL(editor.state(), LabelEditor::State::Saved);
    while (label->isUndoAvailable()) QTest::keySequence(label, QKeySequence::Undo);
    QCOMPARE(label->text(), QStringLiteral("old"));
    EVENTUALLY_EQUAL(stored(40).label, std::string("old"));
  }

  void aFailureKeepsTheTextAndTriesAgain() {
    JobRunner runner;
    TestWorkspace workspace(100, 40);
    LabelEditor editor(m_theme, runner);
    const std::filesystem::path moved = workspace.path().parent_path() / "moved.sememe";
    std::filesystem::rename(workspace.path(), moved);
    editor.setSource(workspace.path(), workspace.made().run, false);
    editor.showNeuron(1, {}, {});
    QTest::keyClicks(editor.findChild<QLineEdit*>(), QStringLiteral("precious"));
    EVENTUALLY_EQUAL(editor.state(), LabelEditor::State::Failed);
    editor.showNeuron(2, {}, {});
    editor.showNeuron(1, {}, {});  // the store knows nothing of it
    QCOMPARE(editor.findChild<QLineEdit*>()->text(), QStringLiteral("precious"));
    QCOMPARE(editor.state(), LabelEditor::State::Failed);
    std::filesystem::rename(moved, workspace.path());
    editor.show();
    QTest::mouseClick(editor.findChild<QPushButton*>(), Qt::LeftButton);
    EVENTUALLY_EQUAL(editor.state(), LabelEditor::State::Saved);
    QCOMPARE(workspace.open().neurons().detail(workspace.made().run, 1).label, std::string("precious"));
  }

  void notesThatAreTooLongAreNotLost() {
    JobRunner runner;
    LabelEditor editor(m_theme, runner);
    editor.setSource(m_workspace.path(), m_workspace.made().run, false);
    editor.showNeuron(50, {}, {});
    editor.findChild<QPlainTextEdit*>()->setPlainText(QString(40'000, QLatin1Char('x')));
    EVENTUALLY_EQUAL(editor.state(), LabelEditor::State::Failed);
    QCOMPARE(editor.findChild<QPlainTextEdit*>()->toPlainText().size(), qsizetype(40'000));
  }

  // As high as it asks to be, nothing lies over anything; higher, the notes have what is left.
  void theLineBelowTheNotesLiesBelowThem() {
    JobRunner runner;
    LabelEditor editor(m_theme, runner);
    editor.setSource(m_workspace.path(), m_workspace.made().run, false);
    editor.showNeuron(5, {}, {});
    auto* notes = editor.findChild<QPlainTextEdit*>();
    const auto labels = editor.findChildren<QLabel*>();
    const auto status = std::find_if(labels.begin(), labels.end(), [](const QLabel* l) { return l->text() == QLatin1String("Saved as you type"); });
    QVERIFY(status != labels.end());
    editor.show();
    int before = 0;
    for (const int more : {0, 100}) {
      editor.resize(240, editor.heightForWidth(240) + more);
      QVERIFY(QTest::qWaitForWindowExposed(&editor));
      QVERIFY(notes->height() >= notes->minimumHeight());
      QVERIFY(notes->geometry().bottom() < (*status)->geometry().top());
      QVERIFY(editor.rect().contains((*status)->geometry()));
      QVERIFY(notes->height() >= before + more);
      before = notes->height();
    }
  }

  void readOnlyIsReadOnly() {
    JobRunner runner;
    LabelEditor editor(m_theme, runner);
    editor.setSource(m_workspace.path(), m_workspace.made().run, true);
    editor.showNeuron(60, QStringLiteral("fixed"), {});
    QTest::keyClicks(editor.findChild<QLineEdit*>(), QStringLiteral("x"));
    QCOMPARE(editor.findChild<QLineEdit*>()->text(), QStringLiteral("fixed"));
  }
};

QTEST_MAIN(LabelEditorTest)
#include "label_editor_test.moc"

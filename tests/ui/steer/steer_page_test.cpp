// The Steer page with the golden LLaVA: real sliders and what is answered, undo, finding, painting, presets, the command, failures.
#include <QApplication>
#include <QClipboard>
#include <QFileInfo>
#include <QLineEdit>
#include <QMouseEvent>
#include <QProcess>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <algorithm>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/image/image.h"
#include "core/pipeline/steering_preset.h"
#include "tests/support/golden_llava.h"
#include "tests/ui/ui_support.h"
#include "ui/steer/steer_page.h"

using namespace sememe;

namespace {

// A page, the threads under it, and what it complained of.
struct Bench {
  JobRunner runner;
  SteerPage page;
  QStringList failures;

  Bench(const Theme& theme, SteeringServices services) : page(theme, runner, readTestImage, std::move(services)) {
    QObject::connect(&page, &SteerPage::failed, &page,
                     [this](const QString& title, const JobFailure& failure, const auto&) { failures << title + QStringLiteral(": ") + failure.message; });
    page.resize(1300, 800);
    page.show();
  }
  bool whole() const {
    auto& p = const_cast<SteerPage&>(page);
    if (p.isBusy()) return false;
    for (const Speaker s : {Speaker::Steered, Speaker::Original, Speaker::Reconstruction}) {
      if (p.answer(s).state() != AnswerColumn::State::Whole || p.answer(s).isStale()) return false;
    }
    return true;
  }
};

// By hand: the mouse on the slider's track, from one share of it to another.
void drag(ValueSlider& slider, double from, double to, int steps) {
  const auto at = [&](double share) { return QPointF(8 + share * (slider.width() - 16), 12); };
  QTest::mousePress(&slider, Qt::LeftButton, {}, at(from).toPoint());
  for (int i = 1; i <= steps; ++i) {
    const QPointF point = at(from + (to - from) * i / steps);
    QMouseEvent move(QEvent::MouseMove, point, slider.mapToGlobal(point), Qt::NoButton, Qt::LeftButton, {});
    QApplication::sendEvent(&slider, &move);
    if (i % 8 == 0) QTest::qWait(1);
  }
  QTest::mouseRelease(&slider, Qt::LeftButton, {}, at(to).toPoint());
}

}  // namespace

class SteerPageTest : public QObject {
  Q_OBJECT

 private:
  GoldenLlava m_llava;
  Theme* m_theme = nullptr;
  std::shared_ptr<const SteeringModel> m_model;  // to ask afresh

  SteeringServices services() const {
    SteeringServices s;
    s.readImage = [](const std::filesystem::path& file) { return std::make_shared<const Image>(decodeImage(file)); };
    return s;
  }
  SteeringModelParams params() const {
    SteeringModelParams p;
    p.model = m_llava.folder().toStdString();
    p.sae = m_llava.sae().toStdString();
    p.device = "cpu";
    return p;
  }
  // A page on which all three have answered, no neuron steered.
  std::unique_ptr<Bench> ready() const {
    auto bench = std::make_unique<Bench>(*m_theme, services());
    SamplingOptions sampling;
    sampling.maxTokens = 12;
    bench->page.sampling().setOptions(sampling);
    bench->page.question().setEditText(m_llava.question());
    bench->page.load(params());
    bench->page.openImage(m_llava.image());
    [&] { EVENTUALLY(bench->whole()); }();
    return bench;
  }
  QString fresh(const SteerEdits& edits, Speaker speaker = Speaker::Steered) const {
    Steerer steerer(m_model);
    steerer.setImage(decodeImage(m_llava.image().toStdString()));
    steerer.setQuestion(m_llava.question().toStdString());
    Steering steering = toSteering(edits);
    steering.mask = steerer.tokenMask(edits.painted);
    SamplingOptions sampling;
    sampling.maxTokens = 12;
    const std::optional<Steering> how = speaker == Speaker::Original ? std::nullopt : std::optional(steering);
    return QString::fromStdString(steerer.ask(how, sampling).text);
  }
  std::string fingerprint() const { return steeringSae(*m_model).fingerprint; }

 private Q_SLOTS:
  void initTestCase() {
    m_theme = new Theme(this);
    m_model = loadSteeringModel(params());
  }

  void saysWhatItNeedsAndOffersTheDemo() {
    SteeringServices s = services();
    {
      Bench bench(*m_theme, s);
      QVERIFY(bench.page.showsChooser());
      QVERIFY(bench.page.isFilled());
      QVERIFY(!bench.page.chooser().loadButton().isEnabled());
      QVERIFY(!bench.page.chooser().demoButton().isVisible());
      QString said;
      for (const QLabel* label : bench.page.chooser().findChildren<QLabel*>()) said += label->text();
      QVERIFY(said.contains(QStringLiteral("llava-hf/llava-1.5-7b-hf")));
      QVERIFY(said.contains(QStringLiteral("layer 22")));
      bench.page.chooser().setParams(params());
      QVERIFY(bench.page.chooser().loadButton().isEnabled());
      QCOMPARE(bench.page.chooser().params().model, params().model);
      bench.page.chooser().loadButton().click();
      EVENTUALLY(bench.page.isReady());
      QVERIFY(!bench.page.showsChooser());
      QVERIFY(bench.page.isFilled());  // no image yet: nothing to wait for
      Settings settings;
      bench.page.storeSettings(settings);
      QCOMPARE(settings.steerModels, QStringList{m_llava.folder()});
    }
    s.demo = params();
    Bench bench(*m_theme, s);
    QVERIFY(bench.page.chooser().demoButton().isVisible());
    bench.page.chooser().demoButton().click();
    EVENTUALLY(bench.page.isReady());
    QCOMPARE(bench.page.modelName(), QStringLiteral("Demo model"));
    QVERIFY(bench.failures.isEmpty());
  }

  void answersAsTransformers() {
    const auto bench = ready();
    SteerPage& page = bench->page;
    QCOMPARE(page.answer(Speaker::Original).text(), m_llava.answer("original"));
    QCOMPARE(page.answer(Speaker::Reconstruction).text(), m_llava.answer("reconstruction"));
    QCOMPARE(page.answer(Speaker::Steered).text(), m_llava.answer("reconstruction"));  // nothing is steered yet
    page.addNeuron(5);
    QCOMPARE(page.rows().rows().size(), size_t(1));
    page.rows().row(5)->valueBox().setValue(30);
    EVENTUALLY_EQUAL(page.answer(Speaker::Steered).text(), m_llava.answer("steered"));
    EVENTUALLY(bench->whole());
    QCOMPARE(page.answer(Speaker::Original).text(), m_llava.answer("original"));
    QCOMPARE(page.bars().chances().size(), size_t(12));
    for (const TokenChance& c : page.bars().chances()) QVERIFY(c.before);
    EVENTUALLY(page.answer(Speaker::Steered).changedWords() > 0);
    QVERIFY(page.panel().hasImage());
    QVERIFY(page.isFilled());
    QVERIFY(bench->failures.isEmpty());
    page.addNeuron(5);  // it is there
    page.addNeuron(64);  // there is none
    QCOMPARE(page.rows().rows().size(), size_t(1));
  }

  void aSliderChangesTheAnswerAndNothingElse() {
    const auto bench = ready();
    SteerPage& page = bench->page;
    page.addNeuron(5);
    EVENTUALLY(bench->whole());
    const QString before = page.answer(Speaker::Steered).text();
    QSignalSpy original(&page.answer(Speaker::Original), &AnswerColumn::textChanged);
    QSignalSpy reconstruction(&page.answer(Speaker::Reconstruction), &AnswerColumn::textChanged);
    ValueSlider& slider = page.rows().row(5)->slider();
    drag(slider, 0.5, 0.98, 200);
    EVENTUALLY(bench->whole());
    QCOMPARE(page.edits().neurons[0].value, slider.number());
    QCOMPARE(page.rows().row(5)->valueBox().value(), slider.number());
    QCOMPARE(page.answer(Speaker::Steered).text(), fresh(page.edits()));
    QVERIFY(page.answer(Speaker::Steered).text() != before);
    QCOMPARE(original.size(), 0);  // not asked again
    QCOMPARE(reconstruction.size(), 0);
    // And by keys, to below zero.
    slider.setFocus();
    QTest::keyClick(&slider, Qt::Key_Home);
    QVERIFY(page.edits().neurons[0].value < 0);
    EVENTUALLY(bench->whole());
    QCOMPARE(page.answer(Speaker::Steered).text(), fresh(page.edits()));
    QCOMPARE(original.size(), 0);
  }

  void aDragIsOneStepOfUndo() {
    const auto bench = ready();
    SteerPage& page = bench->page;
    page.addNeuron(5);
    EVENTUALLY(bench->whole());
    const SteerEdits added = page.edits();
    drag(page.rows().row(5)->slider(), 0.5, 0.9, 50);
    const SteerEdits dragged = page.edits();
    QCOMPARE(page.undo().count(), 2);
    drag(page.rows().row(5)->slider(), 0.9, 0.1, 50);
    QCOMPARE(page.undo().count(), 3);
    page.rows().row(5)->removeButton().click();
    QVERIFY(page.rows().rows().empty());
    QCOMPARE(page.undo().count(), 4);
    QVERIFY(page.undo().undoText().contains(QStringLiteral("5")));
    page.undo().undo();
    page.undo().undo();
    QVERIFY(page.edits() == dragged);
    QCOMPARE(page.rows().row(5)->slider().number(), dragged.neurons[0].value);
    EVENTUALLY(bench->whole());
    QCOMPARE(page.answer(Speaker::Steered).text(), fresh(dragged));
    page.undo().undo();
    QVERIFY(page.edits() == added);
    page.undo().undo();
    QVERIFY(page.rows().rows().empty());
    page.undo().redo();
    QVERIFY(page.edits() == added);
  }

  void whatIsDoneToANeuron() {
    const auto bench = ready();
    SteerPage& page = bench->page;
    page.addNeuron(5);
    page.addNeuron(40);
    SteerRow* row = page.rows().row(5);
    const auto settles = [&] {
      EVENTUALLY(bench->whole());
      QCOMPARE(page.answer(Speaker::Steered).text(), fresh(page.edits()));
    };
    row->valueBox().setValue(30);
    for (const auto op : {Intervention::Op::Add, Intervention::Op::Scale, Intervention::Op::Zero, Intervention::Op::Set}) {
      row->opBox().setCurrentIndex(row->opBox().findData(int(op)));
      QVERIFY(page.edits().neurons[0].op == op);
      QCOMPARE(row->slider().isEnabled(), op != Intervention::Op::Zero);
      settles();
    }
    row->enabledBox().click();
    QVERIFY(!page.edits().neurons[0].on && !row->slider().isEnabled());
    settles();
    row->enabledBox().click();
    page.mode().setCurrentIndex(1);
    Q_EMIT page.mode().activated(1);
    QVERIFY(page.edits().mode == Steering::Mode::KeepError);
    settles();
    page.preZero().click();
    QVERIFY(page.edits().preZero);
    settles();
    page.undo().undo();
    page.undo().undo();
    QVERIFY(!page.preZero().isChecked());
    QCOMPARE(page.mode().currentIndex(), 0);
    QTest::keyClick(&page.rows().row(40)->slider(), Qt::Key_Delete);
    QCOMPARE(page.rows().rows().size(), size_t(1));
    settles();
  }

  void findsWhatFires() {
    const auto bench = ready();
    SteerPage& page = bench->page;
    EVENTUALLY(page.finder().model().rowCount() > 0);
    Steerer steerer(m_model);
    steerer.setImage(decodeImage(m_llava.image().toStdString()));
    const auto firing = steerer.firing({}, 50);
    QCOMPARE(page.finder().model().rowCount(), int(firing.size()));
    QCOMPARE(page.finder().model().found()[0].neuron, firing[0].neuron);
    QVERIFY(page.finder().heading().contains(QStringLiteral("on this image")));
    // One patch, and again the whole.
    Q_EMIT page.panel().patchClicked(2);
    EVENTUALLY(page.finder().heading().contains(QStringLiteral("row 2, column 1")));
    const std::vector<int> patch{2};
    QCOMPARE(page.finder().model().rowCount(), int(steerer.firing(patch, 50).size()));
    Q_EMIT page.panel().patchClicked(2);
    EVENTUALLY(page.finder().heading().contains(QStringLiteral("on this image")));
    // By keys: down into the list, Enter steers.
    page.findNeuron();
    QTest::keyClick(&page.finder().search(), Qt::Key_Down);
    QCOMPARE(page.finder().list().currentIndex().row(), 0);
    EVENTUALLY(page.panel().canvas().hasHeat());  // where it fires
    QTest::keyClick(&page.finder().list(), Qt::Key_Return);
    QCOMPARE(page.edits().neurons.size(), size_t(1));
    QCOMPARE(page.edits().neurons[0].neuron, firing[0].neuron);
    QVERIFY(page.edits().neurons[0].value > 0);
    // By number, without a workspace.
    page.finder().search().setText(QStringLiteral("63"));
    QTest::keyClick(&page.finder().search(), Qt::Key_Return);
    EVENTUALLY_EQUAL(page.edits().neurons.size(), size_t(2));
    QCOMPARE(page.edits().neurons[1].neuron, int64_t(63));
    page.finder().search().setText(QStringLiteral("64"));
    EVENTUALLY_EQUAL(page.finder().model().rowCount(), 0);
    QTest::keyClick(&page.finder().search(), Qt::Key_Escape);
    QVERIFY(page.finder().search().text().isEmpty());
    EVENTUALLY(page.finder().model().rowCount() > 0);
  }

  void paintedPatchesAreSteered() {
    const auto bench = ready();
    SteerPage& page = bench->page;
    page.addNeuron(5);
    page.rows().row(5)->valueBox().setValue(60);
    PatchCanvas& canvas = page.panel().canvas();
    canvas.setBrush(1);
    canvas.setFocus();
    QTest::keyClick(&canvas, Qt::Key_Space);
    QCOMPARE(std::count(page.edits().painted.begin(), page.edits().painted.end(), true), 1);
    EVENTUALLY(bench->whole());
    QCOMPARE(page.answer(Speaker::Steered).text(), fresh(page.edits()));
    page.undo().undo();
    QVERIFY(page.edits().painted.empty());
    QVERIFY(page.panel().mask().empty());
    EVENTUALLY(bench->whole());
    QCOMPARE(page.answer(Speaker::Steered).text(), fresh(page.edits()));
  }

  void questionsAndSamplingAskAnew() {
    const auto bench = ready();
    SteerPage& page = bench->page;
    const QString before = page.answer(Speaker::Original).text();
    page.question().setEditText(QStringLiteral("what is blue?"));
    QTest::keyClick(page.question().lineEdit(), Qt::Key_Return);
    EVENTUALLY(bench->whole());
    QVERIFY(page.answer(Speaker::Original).text() != before);
    QCOMPARE(page.question().itemText(0), QStringLiteral("what is blue?"));
    QVERIFY(page.question().findText(QStringLiteral("Write me a short love poem")) > 0);
    Settings settings;
    page.storeSettings(settings);
    QCOMPARE(settings.steerQuestions, QStringList{QStringLiteral("what is blue?")});
    page.sampling().maxTokens().setValue(3);
    EVENTUALLY(bench->whole());
    QVERIFY(page.answer(Speaker::Original).status().contains(QStringLiteral("3 tokens")));
  }

  void stopsAndGoesOn() {
    const auto bench = ready();
    SteerPage& page = bench->page;
    page.sampling().maxTokens().setValue(4000);
    EVENTUALLY(page.answer(Speaker::Steered).state() == AnswerColumn::State::Speaking);
    EVENTUALLY_EQUAL(page.askButton().text(), QStringLiteral("Stop"));
    page.askButton().click();
    QVERIFY(!page.isBusy());
    QCOMPARE(page.askButton().text(), QStringLiteral("Ask"));
    QVERIFY(page.answer(Speaker::Steered).state() == AnswerColumn::State::Broken);
    page.sampling().maxTokens().setValue(12);
    EVENTUALLY(bench->whole());
    QCOMPARE(page.answer(Speaker::Original).text(), m_llava.answer("original"));
  }

  void theCommandGivesTheSame() {
    const auto bench = ready();
    SteerPage& page = bench->page;
    for (const int64_t neuron : {5, 40, 7}) page.addNeuron(neuron);
    page.rows().row(5)->valueBox().setValue(30.125);
    page.rows().row(40)->valueBox().setValue(-15);
    page.rows().row(7)->opBox().setCurrentIndex(page.rows().row(7)->opBox().findData(int(Intervention::Op::Scale)));
    PatchCanvas& canvas = page.panel().canvas();
    canvas.setBrush(1);
    QTest::keyClick(&canvas, Qt::Key_Space);
    page.question().setEditText(QStringLiteral("what's \"shown\" in `this` $image?"));
    QTest::keyClick(page.question().lineEdit(), Qt::Key_Return);
    EVENTUALLY(bench->whole());
    page.copyCommand();
    QString command = QApplication::clipboard()->text();
    QVERIFY(command.startsWith(QStringLiteral("sememe-cli steer ")));
    command.replace(0, 10, QStringLiteral("'%1' --device cpu").arg(QStringLiteral(SEMEME_CLI)));
    command.replace(QStringLiteral(" --device cpu steer"), QStringLiteral(" steer --device cpu --json"));
    QProcess shell;
    shell.start(QStringLiteral("/bin/sh"), {QStringLiteral("-c"), command});
    QVERIFY(shell.waitForFinished(60'000));
    const QByteArray out = shell.readAllStandardOutput();
    QVERIFY2(shell.exitCode() == 0, shell.readAllStandardError());
    const QJsonObject json = QJsonDocument::fromJson(out).object();
    QCOMPARE(json[QLatin1String("answer")].toString(), page.answer(Speaker::Steered).text());
    QCOMPARE(json[QLatin1String("original")].toObject()[QLatin1String("answer")].toString(), page.answer(Speaker::Original).text());
    QCOMPARE(json[QLatin1String("reconstruction")].toObject()[QLatin1String("answer")].toString(), page.answer(Speaker::Reconstruction).text());
  }

  void saysWhatFailed() {
    GoldenLlava broken;
    QVERIFY(QFile::remove(broken.folder() + QStringLiteral("/tokenizer.json")));
    Bench bench(*m_theme, services());
    SteeringModelParams wrong = params();
    wrong.model = broken.folder().toStdString();
    bench.page.load(wrong);
    EVENTUALLY_EQUAL(bench.failures.size(), 1);
    QVERIFY2(bench.failures[0].contains(QStringLiteral("tokenizer.json")), qPrintable(bench.failures[0]));
    QVERIFY(bench.page.showsChooser() && bench.page.isFilled());
    QCOMPARE(bench.page.chooser().params().model, wrong.model);
    wrong = params();
    wrong.sae = "/nowhere/ae.pt";
    bench.page.load(wrong);
    EVENTUALLY_EQUAL(bench.failures.size(), 2);

    const auto good = ready();
    good->page.openImage(QStringLiteral("/nowhere.png"));
    EVENTUALLY_EQUAL(good->failures.size(), 1);
    EVENTUALLY(good->page.isFilled());
    good->page.question().setEditText(QStringLiteral("<image>"));
    QTest::keyClick(good->page.question().lineEdit(), Qt::Key_Return);
    EVENTUALLY_EQUAL(good->failures.size(), 2);
    QVERIFY(!good->page.isBusy());
    good->page.question().setEditText(m_llava.question());
    QTest::keyClick(good->page.question().lineEdit(), Qt::Key_Return);
    EVENTUALLY(good->whole());
    QCOMPARE(good->page.answer(Speaker::Original).text(), m_llava.answer("original"));
  }

  void aLoadIsCancelled() {
    Bench bench(*m_theme, services());
    bench.page.load(params());
    for (QPushButton* b : bench.page.findChildren<QPushButton*>()) {
      if (b->isVisible() && b->text() == QStringLiteral("Cancel")) b->click();
    }
    EVENTUALLY(bench.page.showsChooser() || bench.page.isReady());  // it is quick
    QVERIFY(bench.failures.isEmpty());
    bench.page.load(params());
    EVENTUALLY(bench.page.isReady());
  }

  void theWorkspaceSaysWhatNeuronsAre() {
    TestWorkspace workspace(64, 200);
    WorkspaceSummary summary = workspace.summary();
    for (RunChoice& choice : summary.runs) choice.run.saeFingerprint = fingerprint();
    const int64_t run = workspace.made().run;
    workspace.open(OpenMode::ReadWrite).neurons().setLabel(run, 5, "stripes", "");
    const auto bench = ready();
    SteerPage& page = bench->page;
    page.setWorkspace(summary);
    page.addNeuron(5);
    EVENTUALLY(page.rows().row(5)->title().contains(QStringLiteral("stripes")));
    const NeuronDetail detail = workspace.open().neurons().detail(run, 5);
    QCOMPARE(page.rows().row(5)->slider().marks().size(), size_t(3));  // max, mean, a token's norm
    QCOMPARE(page.rows().row(5)->slider().marks()[0].value, detail.row.max);
    QVERIFY(page.rows().row(5)->slider().low() < 0);
    QVERIFY(page.rows().row(5)->slider().high() >= 4 * detail.row.max);
    page.setLabel(run, 5, QStringLiteral("dots"), {});
    QVERIFY(page.rows().row(5)->title().contains(QStringLiteral("dots")));
    page.setLabel(run + 1, 5, QStringLiteral("other"), {});
    QVERIFY(page.rows().row(5)->title().contains(QStringLiteral("dots")));
    page.finder().search().setText(QStringLiteral("stripes"));
    EVENTUALLY_EQUAL(page.finder().model().rowCount(), 1);
    EVENTUALLY(page.isFilled());

    // To Explore, by a double click on its images or from the menu.
    QSignalSpy explored(&page, &SteerPage::exploreWanted);
    QTest::mouseDClick(page.rows().row(5)->findChild<ThumbStrip*>(), Qt::LeftButton);
    QVERIFY(page.canExplore());
    page.exploreCurrent();
    QCOMPARE(explored.size(), 2);
    for (const QList<QVariant>& to : explored) QCOMPARE(to, (QList<QVariant>{qlonglong(run), qlonglong(5)}));

    // From Explore: of this SAE, and of another.
    page.steerNeuron(summary.runs[0].run, 9);
    QVERIFY(page.rows().row(9));
    RunInfo other = summary.runs[0].run;
    other.saeFingerprint = "another";
    other.saePath = "/saes/another.pt";
    page.steerNeuron(other, 11);
    QVERIFY(page.showsChooser());
    QCOMPARE(page.chooser().params().sae, std::filesystem::path("/saes/another.pt"));
    QVERIFY(!page.rows().row(11));
    page.clear();
    QVERIFY(!page.loader().hasSource() && !page.canExplore());
  }

  void presetsAreKeptAndCarried() {
    TestWorkspace workspace(64, 200);
    WorkspaceSummary summary = workspace.summary();
    for (RunChoice& choice : summary.runs) choice.run.saeFingerprint = fingerprint();
    const auto bench = ready();
    SteerPage& page = bench->page;
    page.setWorkspace(summary);
    page.addNeuron(5);
    page.rows().row(5)->valueBox().setValue(30);
    page.addNeuron(40);
    page.rows().row(40)->enabledBox().click();
    EVENTUALLY(bench->whole());
    const SteerEdits edits = page.edits();
    QSignalSpy listed(&page.presets(), &PresetMenu::listed);
    page.presets().save(QStringLiteral("a & b"));
    EVENTUALLY_EQUAL(page.presets().names(), QStringList{QStringLiteral("a & b")});
    while (page.undo().canUndo()) page.undo().undo();
    page.sampling().setOptions({.maxTokens = 3});
    page.question().setEditText(QStringLiteral("what is red?"));
    page.presets().choose(QStringLiteral("a & b"));
    QVERIFY(page.edits() == edits);
    QCOMPARE(page.question().currentText(), m_llava.question());
    QCOMPARE(page.sampling().options().maxTokens, 12);
    EVENTUALLY(bench->whole());
    QCOMPARE(page.answer(Speaker::Steered).text(), m_llava.answer("steered"));
    page.undo().undo();
    QVERIFY(page.edits().neurons.empty());

    const QString file = workspace.folder() + QStringLiteral("/out.json");
    page.undo().redo();
    page.presets().writeFile(file);
    EVENTUALLY(QFile::exists(file));
    Bench other(*m_theme, services());
    other.page.presets().readFile(file);  // before there is a model
    QTest::qWait(50);
    other.page.load(params());
    EVENTUALLY(other.whole());
    QVERIFY(other.page.edits() == edits);
    QCOMPARE(other.page.answer(Speaker::Steered).text(), m_llava.answer("steered"));
    QVERIFY(other.failures.isEmpty());
    QFile bad(workspace.folder() + QStringLiteral("/bad.json"));
    QVERIFY(bad.open(QIODevice::WriteOnly));
    bad.write("{\"format\": \"other\"}");
    bad.close();
    other.page.presets().readFile(bad.fileName());
    EVENTUALLY_EQUAL(other.failures.size(), 1);
    QVERIFY(other.page.edits() == edits);

    page.presets().remove(QStringLiteral("a & b"));
    EVENTUALLY(page.presets().names().isEmpty());
    QVERIFY(bench->failures.isEmpty());
    // Presets are an SAE's: under another one there are none.
  }

  void theDemoOpensByItselfOnceInView() {
    TestWorkspace workspace(64, 100);
    WorkspaceSummary summary = workspace.summary();
    SteeringServices s = services();
    s.demo = params();
    JobRunner runner;
    SteerPage page(*m_theme, runner, readTestImage, s);
    page.setWorkspace(summary);
    QVERIFY(page.isFilled());
    for (RunChoice& choice : summary.runs) choice.run.saePath = "/usr/share/sememe/demo/sae-patch/trainer_0";
    page.setWorkspace(summary);
    QVERIFY(!page.isFilled());
    QTest::qWait(30);
    QVERIFY(!page.isReady());
    page.resize(1200, 700);
    page.show();
    EVENTUALLY(page.isReady() && page.isFilled());
  }

  // Its image is a path in a data set of the workspace; elsewhere the preset comes without it, which is no failure.
  void theDemosImageIsLookedForInTheWorkspace() {
    const QFileInfo image(m_llava.image());
    TestWorkspace with(64, 100), without(64, 100);
    {
      Workspace file = with.open(OpenMode::ReadWrite);
      file.datasets().ensure({.name = "World", .root = image.absolutePath().toStdString(), .fingerprint = "world"}, {}, {});
    }
    QTemporaryDir folder;
    SteeringServices s = services();
    s.demo = params();
    s.demoPreset = QString(folder.path() + QStringLiteral("/steering.json")).toStdString();
    SteeringPreset preset;
    preset.name = "Demo";
    preset.image = image.fileName().toStdString();
    preset.question = m_llava.question().toStdString();
    preset.neurons = {{{5, Intervention::Op::Set, 30}, true}};
    writeTextFile(s.demoPreset, presetJson(preset));
    for (const bool found : {true, false}) {
      Bench bench(*m_theme, s);
      bench.page.setWorkspace((found ? with : without).summary());
      bench.page.loadDemo();
      EVENTUALLY_EQUAL(bench.page.edits().neurons.size(), size_t(1));
      EVENTUALLY(bench.page.isReady() && bench.page.isFilled());
      if (found) EVENTUALLY(bench.whole());
      QCOMPARE(bench.page.answer(Speaker::Steered).text().isEmpty(), !found);
      QVERIFY(bench.failures.isEmpty());
    }
  }
};

QTEST_MAIN(SteerPageTest)
#include "steer_page_test.moc"

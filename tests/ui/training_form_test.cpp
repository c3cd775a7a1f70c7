// Tests of the form of a new training: which fields there are, what is refused and where it is said, presets, persistence.
#include "ui/experiments/training_form.h"

#include <QApplication>
#include <QSignalSpy>
#include <QTest>
#include <QWheelEvent>

#include "core/pipeline/train_presets.h"
#include "tests/ui/training_fixture.h"

using namespace sememe;

class TrainingFormTest : public QObject {
  Q_OBJECT
  TrainableWorkspace m_workspace;
  Theme m_theme;

 private Q_SLOTS:
  void eachTypeShowsWhatItUses() {
    TrainingForm form(m_theme);
    form.setSources(m_workspace.summary());
    const auto used = [&](const char* key) { return !form.field(key).isHidden(); };
    const struct { const char *type, *shown, *hidden; } cases[] = {
        {"standard", "l1 sparsityWarmup", "k auxk groups targetL0 bandwidth sparsityPenalty"},
        {"gated", "l1 sparsityWarmup", "k auxk groups targetL0 bandwidth sparsityPenalty"},
        {"topk", "k auxk", "l1 groups targetL0 bandwidth sparsityWarmup"},
        {"batch_topk", "k auxk", "l1 groups targetL0 bandwidth sparsityWarmup"},
        {"matryoshka_batch_topk", "k auxk groups", "l1 targetL0 bandwidth sparsityWarmup"},
        {"jumprelu", "targetL0 bandwidth sparsityPenalty sparsityWarmup", "k auxk l1 groups"},
    };
    QCOMPARE(std::size(cases), saeTypes().size());
    for (const auto& c : cases) {
      form.field("type").setText(QString::fromLatin1(c.type));
      for (const QByteArray& key : QByteArray(c.shown).split(' ')) QVERIFY2(used(key.constData()), qPrintable(QString::fromLatin1(c.type) + QString::fromLatin1(key)));
      for (const QByteArray& key : QByteArray(c.hidden).split(' ')) QVERIFY2(!used(key.constData()), qPrintable(QString::fromLatin1(c.type) + QString::fromLatin1(key)));
      // Its defaults are right as they are: for 8 × 8 latents once k fits.
      form.field("k").setText(QStringLiteral("4"));
      QVERIFY2(form.job().has_value(), qPrintable(form.problem()));
      QCOMPARE(form.job()->type, std::string(c.type));
    }
  }

  void onlyCompleteRunsAreOffered() {
    TrainingForm form(m_theme);
    form.setSources(m_workspace.summary());
    QCOMPARE(form.field("run").choice()->count(), 1);
    QCOMPARE(form.field("encoder").choice()->count(), 3);  // none, and two of these images
    QCOMPARE(form.job()->activations, m_workspace.path().string() + "#" + std::to_string(m_workspace.activations));
    QVERIFY(!form.job()->embeddings.empty());  // MS is measured where it can be
    form.setSources({});
    QVERIFY(!form.job());
    QVERIFY(!form.startButton().isEnabled());
    QVERIFY(!form.startButton().toolTip().isEmpty());
  }

  void wrongValuesAreSaidBesideTheField_data() {
    QTest::addColumn<QByteArray>("key");
    QTest::addColumn<QString>("value");
    const std::pair<const char*, const char*> wrong[] = {
        {"k", "many"}, {"k", "0"}, {"k", "65"}, {"k", ""}, {"k", "2.5"}, {"size", "0"}, {"size", "-3"}, {"size", "wide"},
        {"steps", "0"}, {"steps", "1e30"}, {"batch", "0"}, {"batch", "-1"}, {"lr", "fast"}, {"lr", "-1"}, {"lr", "nan"},
        {"warmup", "-1"}, {"holdOut", "51"}, {"holdOut", "-1"}, {"holdOut", "0"}, {"groups", "a b"}, {"groups", "0.5, 0.4"},
        {"groups", "1/0"}, {"groups", ""}, {"decayStart", "5"}, {"decayStart", "999999"}, {"seed", "-1"}, {"seed", "x"},
        {"saveEvery", "-2"}, {"validateEvery", "often"}, {"auxk", "-1"}, {"name", "a/b"}, {"name", ".."}, {"name", "Taken"},
    };
    for (const auto& [key, value] : wrong) QTest::addRow("%s=%s", key, value) << QByteArray(key) << QString::fromLatin1(value);
  }
  void wrongValuesAreSaidBesideTheField() {
    QFETCH(QByteArray, key);
    QFETCH(QString, value);
    TrainingForm form(m_theme);
    form.setSources(m_workspace.summary());
    form.setTakenNames({QStringLiteral("taken")});
    QVERIFY(form.job());
    FormField& field = form.field(key.constData());
    const QString before = field.text();
    field.setText(value);
    QVERIFY2(!field.problem().isEmpty(), qPrintable(form.problem()));
    QVERIFY(!form.job());
    QVERIFY(!form.startButton().isEnabled());
    QVERIFY(form.problem().contains(field.problem()));
    QSignalSpy started(&form, &TrainingForm::startWanted);
    form.start();
    QCOMPARE(started.count(), 0);
    field.setText(before);
    QVERIFY(field.problem().isEmpty());
    QVERIFY(form.startButton().isEnabled());
  }

  void valuesAreReadAsPeopleWriteThem() {
    TrainingForm form(m_theme);
    form.setSources(m_workspace.summary());
    form.field("steps").setText(QStringLiteral("1e6"));
    form.field("batch").setText(QStringLiteral("16,384"));
    form.field("lr").setText(QStringLiteral("3e-4"));
    form.field("groups").setText(QStringLiteral("1/4 1/4, 1/2"));
    form.field("holdOut").setText(QStringLiteral("12.5"));
    form.field("k").setText(QStringLiteral(" 5 "));
    QVERIFY2(form.job(), qPrintable(form.problem()));
    QCOMPARE(form.job()->steps, int64_t(1'000'000));
    QCOMPARE(form.job()->batch, int64_t(16'384));
    QCOMPARE(form.job()->lr, 3e-4);
    QCOMPARE(form.job()->groupFractions, (std::vector<double>{0.25, 0.25, 0.5}));
    QCOMPARE(form.job()->holdOut, 0.125);
    QCOMPARE(form.job()->k, int64_t(5));
    form.field("lr").setText({});
    QCOMPARE(form.job()->lr, 0.0);
  }

  void aPresetFillsTheFormUntilAValueChanges() {
    TrainingForm form(m_theme);
    form.setSources(m_workspace.summary());
    for (const TrainPreset& preset : trainPresets()) {
      form.field("preset").setText(QString::fromLatin1(preset.name));
      TrainJobParams wanted;
      preset.apply(wanted);
      // Not every paper's size has room in eight dimensions.
      if (!form.job()) continue;
      QCOMPARE(form.job()->type, wanted.type);
      QCOMPARE(form.job()->k, wanted.k);
      QCOMPARE(form.job()->steps, wanted.steps);
      QCOMPARE(form.job()->decayStart, wanted.decayStart);
      QCOMPARE(form.job()->saveEvery, wanted.saveEvery);
      QCOMPARE(form.job()->expansion, wanted.expansion);
    }
    form.field("preset").setText(QStringLiteral("paper-matryoshka"));
    form.field("holdOut").setText(QStringLiteral("20"));
    QCOMPARE(form.field("preset").text(), QStringLiteral("paper-matryoshka"));
    form.field("k").setText(QStringLiteral("7"));
    QVERIFY(form.field("preset").text().isEmpty());
    QCOMPARE(form.job()->steps, int64_t(110'000));
  }

  void theWheelPassesOverChoices() {
    TrainingForm form(m_theme);
    form.setSources(m_workspace.summary());
    form.show();
    QComboBox* types = form.field("type").choice();
    types->clearFocus();
    const int before = types->currentIndex();
    QWheelEvent wheel(QPointF(5, 5), QPointF(5, 5), {}, QPoint(0, -120), Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
    QApplication::sendEvent(types, &wheel);
    QCOMPARE(types->currentIndex(), before);
  }

  void namesAreMadeAndFree() {
    TrainingForm form(m_theme);
    form.setSources(m_workspace.summary());
    const QString name = form.trainingName();
    QVERIFY(name.contains(QLatin1String("k20")));
    form.setTakenNames({name});
    QVERIFY(form.trainingName() != name);
    QVERIFY(form.job());
    QSignalSpy started(&form, &TrainingForm::startWanted);
    form.startButton().click();
    QCOMPARE(started.count(), 1);
  }

  void valuesComeBack() {
    TrainingForm form(m_theme);
    form.setSources(m_workspace.summary());
    form.field("type").setText(QStringLiteral("jumprelu"));
    form.field("targetL0").setText(QStringLiteral("33"));
    form.field("encoder").choice()->setCurrentIndex(0);
    TrainingForm other(m_theme);
    other.setValues(form.values());
    other.setSources(m_workspace.summary());
    QCOMPARE(other.field("type").text(), QStringLiteral("jumprelu"));
    QCOMPARE(other.job()->targetL0, 33.0);
    QVERIFY(other.job()->embeddings.empty());
    other.setValues({{QStringLiteral("type"), QStringLiteral("no such type")}, {QStringLiteral("k"), QStringLiteral("?")}});
    QCOMPARE(other.field("type").text(), QStringLiteral("jumprelu"));
  }
};

QTEST_MAIN(TrainingFormTest)
#include "training_form_test.moc"

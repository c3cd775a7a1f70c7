// Presets of steering to JSON and back, and every slip of the pen.
#include "core/pipeline/steering_preset.h"

#include <QTemporaryDir>
#include <QtTest>
#include <limits>

#include "core/base/files.h"
#include "tests/support/failure.h"

using namespace sememe;
using Op = Intervention::Op;

namespace {

SteeringPreset filled() {
  SteeringPreset p;
  p.name = "Redder, “much”";
  p.image = "train/flower/001.png";
  p.question = "What is shown\nin this image?";
  p.mode = Steering::Mode::KeepError;
  p.preZero = true;
  p.neurons = {{{12, Op::Set, 60}, true}, {{7, Op::Add, -1.25}, false}, {{7, Op::Scale, 0.1}, true}, {{65535, Op::Zero, 0}, true}};
  p.painted = {0, 5, 575};
  p.sampling.maxTokens = 32;
  p.sampling.temperature = 0.7;
  p.sampling.topP = 0.9;
  p.sampling.noRepeatNgram = 3;
  p.sampling.seed = 18446744073709551615u;
  return p;
}

void compare(const SteeringPreset& found, const SteeringPreset& expected) {
  QCOMPARE(found.name, expected.name);
  QCOMPARE(found.image, expected.image);
  QCOMPARE(found.question, expected.question);
  QVERIFY(found.mode == expected.mode);
  QCOMPARE(found.preZero, expected.preZero);
  QCOMPARE(found.neurons.size(), expected.neurons.size());
  for (size_t i = 0; i < found.neurons.size(); ++i) {
    const PresetNeuron &a = found.neurons[i], &b = expected.neurons[i];
    QVERIFY(a.edit.op == b.edit.op);
    QCOMPARE(a.edit.neuron, b.edit.neuron);
    QCOMPARE(a.edit.value, b.edit.value);
    QCOMPARE(a.enabled, b.enabled);
  }
  QCOMPARE(found.painted, expected.painted);
  QCOMPARE(found.sampling.maxTokens, expected.sampling.maxTokens);
  QCOMPARE(found.sampling.temperature, expected.sampling.temperature);
  QCOMPARE(found.sampling.topP, expected.sampling.topP);
  QCOMPARE(found.sampling.noRepeatNgram, expected.sampling.noRepeatNgram);
  QCOMPARE(found.sampling.seed, expected.sampling.seed);
}

}  // namespace

class SteeringPresetTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void comesBackAsItWas() {
    compare(parsePreset(presetJson(filled()), "x"), filled());
    SteeringPreset plain;
    plain.name = "a";
    compare(parsePreset(presetJson(plain), "x"), plain);
    QTemporaryDir folder;
    const std::filesystem::path path = folder.filePath(QStringLiteral("a.json")).toStdString();
    writeTextFile(path, presetJson(filled()));
    compare(readPresetFile(path), filled());
    // In a workspace the name it has there counts.
    StoredPreset stored{"renamed", presetJson(filled()), 0};
    QCOMPARE(readStoredPreset(stored).name, std::string("renamed"));
  }

  // The format as it is agreed, which other programs write.
  void readsTheAgreedFormat() {
    const SteeringPreset p = parsePreset(R"({"format":"sememe-steering","version":1,"name":"flower","image":"a.png","question":"What?",
      "mode":"replace","pre_zero":false,"neurons":[{"neuron":12,"op":"set","value":60.0,"enabled":true},{"neuron":3,"op":"zero"},
      {"neuron":4,"op":"scale","value":2}],"mask":[9,2,9],
      "sampling":{"max_tokens":32,"temperature":0.0,"top_p":1.0,"no_repeat_ngram":0,"seed":0}})", "x");
    QCOMPARE(p.neurons.size(), size_t(3));
    QVERIFY(p.neurons[1].edit.op == Op::Zero && p.neurons[1].enabled);
    QCOMPARE(p.neurons[2].edit.value, 2.0);
    QCOMPARE(p.painted, (std::vector<int>{2, 9}));
    QCOMPARE(p.sampling.maxTokens, 32);
    // The least there can be.
    const SteeringPreset least = parsePreset(R"({"format":"sememe-steering","version":1,"name":"a","neurons":[]})", "x");
    QCOMPARE(least.sampling.maxTokens, SamplingOptions().maxTokens);
    QVERIFY(least.painted.empty());
  }

  void becomesSteering() {
    const Steering steering = filled().steering();
    QCOMPARE(steering.interventions.size(), size_t(3));
    QCOMPARE(steering.interventions[1].value, 0.1);
    QVERIFY(steering.mode == Steering::Mode::KeepError && steering.preZero && steering.mask.empty());
    SteeringPreset p = filled();
    QCOMPARE(failureText([&] { p.paintedMask(575); }).first, ErrorCode::Mismatch);
    const std::vector<bool> mask = p.paintedMask(576);
    QCOMPARE(mask.size(), size_t(576));
    QCOMPARE(std::count(mask.begin(), mask.end(), true), 3);
    QVERIFY(mask[0] && mask[5] && mask[575]);
    p.painted.clear();
    QVERIFY(p.paintedMask(576).empty());
    p.setPainted(mask);
    QCOMPARE(p.painted, filled().painted);
    p.setPainted({});
    QVERIFY(p.painted.empty());
  }

  void refuses_data() {
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("to");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("words");
    const auto row = [](const char* name, const char* from, const char* to, ErrorCode code, const char* words) {
      QTest::newRow(name) << QString::fromUtf8(from) << QString::fromUtf8(to) << int(code) << QString::fromUtf8(words);
    };
    const ErrorCode invalid = ErrorCode::Invalid;
    row("no JSON", "\"version\": 1", "\"version\" 1", ErrorCode::Corrupt, "no JSON");
    row("another format", "sememe-steering", "sememe-study", ErrorCode::Unsupported, "no preset");
    row("no format", "\"format\"", "\"formats\"", ErrorCode::Unsupported, "no preset");
    row("a newer version", "\"version\": 1", "\"version\": 2", ErrorCode::Unsupported, "newer version of Sememe (preset version 2");
    row("version as a fraction", "\"version\": 1", "\"version\": 1.5", invalid, "version");
    row("no name", "\"name\"", "\"named\"", invalid, "name");
    row("an empty name", "\"Redder, “much”\"", "\"\"", invalid, "name");
    row("an unknown key", "\"pre_zero\"", "\"prezero\"", invalid, "prezero|no such key");
    row("a mode", "keep-error", "keep", invalid, "mode");
    row("not true or false", "\"pre_zero\": true", "\"pre_zero\": 1", invalid, "pre_zero");
    row("no neurons", "\"neurons\"", "\"neuron\"", invalid, "neurons");
    row("a negative neuron", "\"neuron\": 12", "\"neuron\": -12", invalid, "neurons[0].neuron");
    row("a neuron as a fraction", "\"neuron\": 12", "\"neuron\": 12.5", invalid, "neurons[0].neuron");
    row("an absurd neuron", "\"neuron\": 12", "\"neuron\": 99999999999999999999", invalid, "neurons[0].neuron");
    row("an operation", "\"scale\"", "\"multiply\"", invalid, "neurons[2].op");
    row("no value", "\"value\": 60.0", "\"values\": 60.0", invalid, "neurons[0].value");
    row("a value as a text", "\"value\": 60.0", "\"value\": \"60\"", invalid, "neurons[0].value");
    row("an infinite value", "\"value\": 60.0", "\"value\": 1e999", ErrorCode::Corrupt, "no JSON");
    row("enabled as a text", "\"enabled\": false", "\"enabled\": \"no\"", invalid, "neurons[1].enabled");
    row("a negative patch", "575", "-575", invalid, "mask[2]");
    row("an absurd patch", "575", "5750000000", invalid, "mask[2]");
    row("a length too many", "\"max_tokens\": 32", "\"max_tokens\": 3200000000", invalid, "sampling.max_tokens");
    row("a temperature", "\"temperature\": 0.7", "\"temperature\": -0.7", invalid, "temperature");
    row("top-p", "\"top_p\": 0.9", "\"top_p\": 1.9", invalid, "sampling");
    row("a negative seed", "\"seed\": 18446744073709551615", "\"seed\": -1", invalid, "sampling.seed");
    row("an unknown way of sampling", "\"top_p\"", "\"top_k\"", invalid, "sampling.top_k");
  }

  void refuses() {
    QFETCH(QString, from);
    QFETCH(QString, to);
    QFETCH(int, code);
    QFETCH(QString, words);
    QString json = QString::fromStdString(presetJson(filled()));
    QVERIFY(json.contains(from));
    json.replace(json.indexOf(from), from.size(), to);
    const auto [found, text] = failureText([&] { parsePreset(json.toStdString(), "mine.json"); });
    QVERIFY2(text.contains(QLatin1String("mine.json")), qPrintable(text));
    QCOMPARE(int(found), code);
    for (const QString& word : words.split(QLatin1Char('|')))
      QVERIFY2(text.contains(word), qPrintable(text));
  }

  void refusesWhatJsonCannotSay() {
    SteeringPreset p = filled();
    p.neurons[0].edit.value = std::numeric_limits<double>::infinity();
    QCOMPARE(failureText([&] { presetJson(p); }).first, ErrorCode::Invalid);
    p = filled();
    p.image = "gr\xfc\xdf.png";  // a file's name that is not UTF-8
    QVERIFY(!parsePreset(presetJson(p), "x").image.empty());
  }

  void aFileThatIsNotThereOrTooLarge() {
    QTemporaryDir folder;
    const std::filesystem::path path = folder.filePath(QStringLiteral("a.json")).toStdString();
    QCOMPARE(failure([&] { readPresetFile(path); }), int(ErrorCode::NotFound));
    writeTextFile(path, std::string((1 << 20) + 1, ' '));
    QCOMPARE(failure([&] { readPresetFile(path); }), int(ErrorCode::Corrupt));
  }
};

QTEST_GUILESS_MAIN(SteeringPresetTest)
#include "steering_preset_test.moc"

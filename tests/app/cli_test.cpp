// sememe-cli: failures, JSON, and the commands one after another from images to scored neurons.
#include <QtTest>

#include <csignal>
#include <unistd.h>

#include "tests/app/cli_fixture.h"

using namespace sememe;

class CliTest : public QObject {
  Q_OBJECT

 private:
  // Exit status 1, nothing on stdout, one line that begins with "error: " and holds `text`.
  static void verifyFails(const QStringList& arguments, const QString& text) {
    const CliRun run = runCli(arguments);
    QVERIFY2(run.status == 1, qPrintable(run.err));
    QVERIFY(run.out.isEmpty());
    const QStringList errors = run.errorLines().filter(QStringLiteral("error: "));
    QCOMPARE(errors.size(), 1);
    QVERIFY2(errors.first().startsWith(QStringLiteral("error: ")) && errors.first().contains(text), qPrintable(run.err));
  }
  static void verifyFails(const QString& line, const QString& text) { verifyFails(cliArguments(line), text); }

 private Q_SLOTS:
  void failsWithOneLine() {
    const QTemporaryDir dir;
    const QString model = kGoldenFolder + QStringLiteral("/clip"), images = kGoldenFolder + QStringLiteral("/images");
    QDir().mkpath(dir.filePath(QStringLiteral("empty")));
    const QStringList unlayered = {QStringLiteral("extract"), QStringLiteral("--model"), model, QStringLiteral("--images")};
    const QStringList extract = QStringList{QStringLiteral("extract"), QStringLiteral("--layer"), QStringLiteral("1")} + unlayered.mid(1);
    const QStringList workspace = {QStringLiteral("--workspace"), dir.filePath(QStringLiteral("a.sememe"))};
    verifyFails(extract + QStringList{dir.filePath(QStringLiteral("empty"))} + workspace, QStringLiteral("empty"));
    verifyFails(extract + QStringList{dir.filePath(QStringLiteral("absent"))} + workspace, QStringLiteral("absent"));
    verifyFails(extract + QStringList{images, QStringLiteral("--split"), QStringLiteral("val")} + workspace, QStringLiteral("val"));
    verifyFails(unlayered + QStringList{images, QStringLiteral("--layer"), QStringLiteral("9")} + workspace, QStringLiteral("layer"));
    verifyFails(extract + QStringList{images, QStringLiteral("--tokens"), QStringLiteral("most")} + workspace, QStringLiteral("most"));

    // Somebody else's file in the workspace's place.
    const QString foreign = dir.filePath(QStringLiteral("foreign.sememe"));
    writeFile(foreign, QByteArray(4096, 'x'));
    verifyFails(extract + QStringList{images, QStringLiteral("--workspace"), foreign}, QStringLiteral("foreign.sememe"));
    verifyFails({QStringLiteral("inspect"), foreign}, QStringLiteral("foreign.sememe"));
    verifyFails({QStringLiteral("inspect"), dir.filePath(QStringLiteral("absent"))}, QStringLiteral("absent"));

    // A place that cannot be written: below a file, and (for those whom permissions bind) in a locked folder.
    verifyFails(extract + QStringList{images, QStringLiteral("--out"), foreign + QStringLiteral("/sub")}, QStringLiteral("foreign.sememe"));
    verifyFails(extract + QStringList{images, QStringLiteral("--workspace"), foreign + QStringLiteral("/a.sememe")}, QStringLiteral("foreign.sememe"));
    if (geteuid() != 0) {
      const QString locked = dir.filePath(QStringLiteral("locked"));
      QDir().mkpath(locked);
      QVERIFY(QFile::setPermissions(locked, QFile::ReadOwner | QFile::ExeOwner));
      verifyFails(extract + QStringList{images, QStringLiteral("--out"), locked + QStringLiteral("/sub")}, QStringLiteral("locked"));
      verifyFails(extract + QStringList{images, QStringLiteral("--workspace"), locked + QStringLiteral("/a.sememe")}, QStringLiteral("locked"));
      QFile::setPermissions(locked, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    }
  }

  // From images to scored neurons, in a workspace.
  void goesTheWholeWay() {
    const QTemporaryDir dir;
    const QString images = dir.filePath(QStringLiteral("im ages"));
    manyImages(images, 60, 30, 25);
    writeFile(images + QStringLiteral("/1/00500.png"), "no picture at all");
    const QString workspace = dir.filePath(QStringLiteral("a.sememe"));
    const QStringList common = {QStringLiteral("--json"), QStringLiteral("--threads"), QStringLiteral("1"), QStringLiteral("--workspace"), workspace,
                                QStringLiteral("--model"), kGoldenFolder + QStringLiteral("/clip"), QStringLiteral("--images"), images};
    const CliRun extracted = runCli(QStringList{QStringLiteral("extract"), QStringLiteral("--layer"), QStringLiteral("1")} + common);
    QVERIFY2(extracted.status == 0, qPrintable(extracted.err));
    const QJsonObject e = extracted.json();
    QCOMPARE(e.value(QStringLiteral("images")).toInt(), 61);
    QCOMPARE(e.value(QStringLiteral("failed")).toArray().size(), 1);
    QVERIFY(extracted.err.contains(QStringLiteral("Extracting activations")));
    QVERIFY(!extracted.err.contains(QLatin1Char('\r')));  // plain lines where there is no terminal

    const CliRun again = runCli(QStringList{QStringLiteral("extract"), QStringLiteral("--layer"), QStringLiteral("1"), QStringLiteral("--quiet")} + common);
    QCOMPARE(again.json().value(QStringLiteral("already_done")).toInt(), 61);
    QVERIFY(again.err.isEmpty());
    const CliRun embedded = runCli(QStringList{QStringLiteral("embed")} + common);
    QVERIFY2(embedded.status == 0, qPrintable(embedded.err));

    const QString run = workspace + QLatin1Char('#') + QString::number(e.value(QStringLiteral("run")).toInt());
    const QString embeddings = workspace + QLatin1Char('#') + QString::number(embedded.json().value(QStringLiteral("run")).toInt());
    const CliRun indexed = runCli({QStringLiteral("index"), QStringLiteral("--json"), QStringLiteral("--activations"), run, QStringLiteral("--workspace")});
    QVERIFY2(indexed.status == 0, qPrintable(indexed.err));
    QCOMPARE(indexed.json().value(QStringLiteral("neurons")).toInt(), 32);
    QCOMPARE(indexed.json().value(QStringLiteral("rows")).toInt(), 60);
    const CliRun scored = runCli({QStringLiteral("score"), QStringLiteral("--json"), QStringLiteral("--activations"), run,
                                  QStringLiteral("--embeddings"), embeddings});
    QVERIFY2(scored.status == 0, qPrintable(scored.err));
    for (const char* key : {"neurons", "dead", "mean", "std", "best", "worst"}) QVERIFY2(scored.json().contains(QLatin1String(key)), key);
    QCOMPARE(scored.json().value(QStringLiteral("best")).toArray().size(), 10);
    const CliRun inspected = runCli({QStringLiteral("inspect"), QStringLiteral("--json"), workspace});
    QCOMPARE(inspected.json().value(QStringLiteral("kind")).toString(), QStringLiteral("workspace"));
    QVERIFY(inspected.out.contains(QStringLiteral("scored with clip")));
    verifyFails({QStringLiteral("index"), QStringLiteral("--activations"), workspace}, QStringLiteral("#RUN"));
    verifyFails({QStringLiteral("score"), QStringLiteral("--activations"), run, QStringLiteral("--embeddings"), workspace + QStringLiteral("#7")},
                QStringLiteral("7"));
  }

  // Training, encoding and scoring in files.
  void trainsAndEncodes() {
    const QTemporaryDir dir;
    const QString activations = kGoldenFolder + QStringLiteral("/activations"), sae = dir.filePath(QStringLiteral("sae"));
    const QStringList train = {QStringLiteral("train"),  QStringLiteral("--json"),      QStringLiteral("--activations"), activations,
                               QStringLiteral("--out"),  sae,                           QStringLiteral("--expansion"),   QStringLiteral("2"),
                               QStringLiteral("--k"),    QStringLiteral("4"),           QStringLiteral("--batch"),       QStringLiteral("32"),
                               QStringLiteral("--steps"), QStringLiteral("40"),         QStringLiteral("--warmup"),      QStringLiteral("5"),
                               QStringLiteral("--validation"), activations,             QStringLiteral("--threads"),     QStringLiteral("1"),
                               QStringLiteral("--group-fractions"), QStringLiteral("0.25"), QStringLiteral("0.75")};
    const CliRun trained = runCli(train);
    QVERIFY2(trained.status == 0, qPrintable(trained.err));
    QCOMPARE(trained.json().value(QStringLiteral("dict_size")).toInt(), 48);
    QVERIFY(QFile::exists(sae + QStringLiteral("/trainer_0/ae.pt")));
    QVERIFY(QFile::exists(sae + QStringLiteral("/trainer_0/config.json")));
    QCOMPARE(trained.json().value(QStringLiteral("validation")).toObject().value(QStringLiteral("rows")).toInt(), 60);
    QVERIFY(runCli(train).json().value(QStringLiteral("already_done")).toBool());
    verifyFails(train + QStringList{QStringLiteral("--seed"), QStringLiteral("3")}, QString());

    const QString latents = dir.filePath(QStringLiteral("latents"));
    const CliRun encoded = runCli({QStringLiteral("encode"), QStringLiteral("--json"), QStringLiteral("--activations"), activations,
                                   QStringLiteral("--sae"), sae + QStringLiteral("/trainer_0"), QStringLiteral("--out"), latents});
    QVERIFY2(encoded.status == 0, qPrintable(encoded.err));
    const CliRun scored = runCli({QStringLiteral("score"), QStringLiteral("--activations"), latents, QStringLiteral("--embeddings"),
                                  kGoldenFolder + QStringLiteral("/toy_val_embeddings_dino.pt"), QStringLiteral("--out"), dir.filePath(QStringLiteral("ms"))});
    QVERIFY2(scored.status == 0, qPrintable(scored.err));
    QVERIFY(scored.out.contains(QStringLiteral("monosemanticity")));
    QVERIFY(QFile::exists(dir.filePath(QStringLiteral("ms/all_neurons_scores.pth"))));
  }

  // Several SAEs in one pass, with images held out and MS; presets under what is given.
  void trainsSeveral() {
    const QTemporaryDir dir;
    const QString activations = kGoldenFolder + QStringLiteral("/activations"), out = dir.filePath(QStringLiteral("saes"));
    const QStringList train = {QStringLiteral("train"), QStringLiteral("--json"), QStringLiteral("--activations"), activations,
                               QStringLiteral("--out"), out, QStringLiteral("--preset"), QStringLiteral("paper-batchtopk"),
                               QStringLiteral("--batch"), QStringLiteral("32"), QStringLiteral("--steps"), QStringLiteral("12"),
                               QStringLiteral("--warmup"), QStringLiteral("3"), QStringLiteral("--decay-start"), QStringLiteral("8"),
                               QStringLiteral("--type"), QStringLiteral("batch_topk,topk"), QStringLiteral("--k"), QStringLiteral("2,4"),
                               QStringLiteral("--expansion"), QStringLiteral("1"), QStringLiteral("--hold-out"), QStringLiteral("0.25"),
                               QStringLiteral("--embeddings"), kGoldenFolder + QStringLiteral("/toy_val_embeddings_dino.pt"),
                               QStringLiteral("--threads"), QStringLiteral("1")};
    const CliRun trained = runCli(train);
    QVERIFY2(trained.status == 0, qPrintable(trained.err));
    const QJsonArray trainings = trained.json().value(QStringLiteral("trainings")).toArray();
    QCOMPARE(trainings.size(), 4);
    for (const QJsonValue& one : trainings) {
      const QJsonObject validation = one.toObject().value(QStringLiteral("validation")).toObject();
      QCOMPARE(validation.value(QStringLiteral("rows")).toInt(), 15);
      QVERIFY(validation.value(QStringLiteral("ms")).toObject().contains(QStringLiteral("mean")));
    }
    QFile config(out + QStringLiteral("/topk_4_x1/trainer_0/config.json"));
    QVERIFY(config.open(QIODevice::ReadOnly));
    const QJsonObject trainer = QJsonDocument::fromJson(config.readAll()).object().value(QStringLiteral("trainer")).toObject();
    QCOMPARE(trainer.value(QStringLiteral("auxk_alpha")).toDouble(), 0.03);  // the preset's
    QCOMPARE(trainer.value(QStringLiteral("steps")).toInt(), 12);
    QVERIFY(QFile::exists(out + QStringLiteral("/batch_topk_2_x1/trainer_0/log.jsonl")));
    verifyFails({QStringLiteral("train"), QStringLiteral("--activations"), activations, QStringLiteral("--out"), out,
                 QStringLiteral("--preset"), QStringLiteral("mine")},
                QStringLiteral("paper-matryoshka"));
  }

  // Uniqueness and hierarchy, from the paper's files and from a workspace.
  void measuresNeuronsTogether() {
    const QTemporaryDir dir;
    const QString analysis = QStringLiteral(GOLDEN_DIR "/analysis"), images = dir.filePath(QStringLiteral("inat"));
    QFile classes(analysis + QStringLiteral("/sets_classes.txt"));
    QVERIFY(classes.open(QIODevice::ReadOnly));
    for (int i = 0; !classes.atEnd(); ++i)
      writeFile(images + QStringLiteral("/train/%1/%2.ppm").arg(QString::fromLatin1(classes.readLine().trimmed())).arg(i, 5, 10, QLatin1Char('0')), "P6 1 1 255\nabc");
    const QString top = dir.filePath(QStringLiteral("hai_indices_16.npy")), worst = analysis + QStringLiteral("/sets_worst.npy");
    QVERIFY(QFile::copy(analysis + QStringLiteral("/sets_top.npy"), top));
    QVERIFY(QFile::copy(worst, dir.filePath(QStringLiteral("hai_indices_16_worst.npy"))));
    const CliRun unique = runCli({QStringLiteral("uniqueness"), QStringLiteral("--json"), QStringLiteral("--top"), top, QStringLiteral("--worst"), worst});
    QVERIFY2(unique.status == 0, qPrintable(unique.err));
    QCOMPARE(unique.json().value(QStringLiteral("pairs")).toInt(), 5460);
    QCOMPARE(unique.json().value(QStringLiteral("counts_above")).toObject().value(QStringLiteral("0.3")).toInt(), 98);
    const CliRun depths = runCli({QStringLiteral("hierarchy"), QStringLiteral("--json"), QStringLiteral("--top"), top, QStringLiteral("--images"), images,
                                  QStringLiteral("--split"), QStringLiteral("train"), QStringLiteral("--group-fractions"), QStringLiteral("0.1"),
                                  QStringLiteral("0.3"), QStringLiteral("0.6")});
    QVERIFY2(depths.status == 0, qPrintable(depths.err));
    const QJsonObject group = depths.json().value(QStringLiteral("groups")).toArray().at(1).toObject();
    QVERIFY(qAbs(group.value(QStringLiteral("depth_mean")).toDouble() - 3.03125) < 1e-9);
    QCOMPARE(depths.json().value(QStringLiteral("classes")).toString(), QStringLiteral("iNaturalist names"));
    verifyFails({QStringLiteral("uniqueness"), QStringLiteral("--top"), dir.filePath(QStringLiteral("absent.npy"))}, QStringLiteral("absent"));
    verifyFails({QStringLiteral("hierarchy"), QStringLiteral("--top"), top, QStringLiteral("--images"), kGoldenFolder + QStringLiteral("/images")},
                QStringLiteral("image"));
    verifyFails({QStringLiteral("uniqueness")}, QStringLiteral("run"));

    // A workspace knows its images; nested folders are a tree too.
    const QString nested = dir.filePath(QStringLiteral("nested")), workspace = dir.filePath(QStringLiteral("w.sememe"));
    manyImages(nested + QStringLiteral("/a"), 12, 30, 30);
    manyImages(nested + QStringLiteral("/b"), 9, 30, 30);
    const CliRun extracted = runCli({QStringLiteral("extract"), QStringLiteral("--model"), kGoldenFolder + QStringLiteral("/clip"), QStringLiteral("--layer"),
                                     QStringLiteral("1"), QStringLiteral("--images"), nested, QStringLiteral("--workspace"), workspace});
    QVERIFY2(extracted.status == 0, qPrintable(extracted.err));
    const QString run = workspace + QStringLiteral("#1");
    verifyFails({QStringLiteral("uniqueness"), QStringLiteral("--run"), run}, QStringLiteral("index"));
    QCOMPARE(runCli({QStringLiteral("index"), QStringLiteral("--activations"), run}).status, 0);
    const CliRun raw = runCli({QStringLiteral("uniqueness"), QStringLiteral("--json"), QStringLiteral("--run"), run});
    QVERIFY2(raw.status == 0, qPrintable(raw.err));
    QCOMPARE(raw.json().value(QStringLiteral("neurons")).toInt(), 32);
    const CliRun folders = runCli({QStringLiteral("hierarchy"), QStringLiteral("--json"), QStringLiteral("--run"), run});
    QVERIFY2(folders.status == 0, qPrintable(folders.err));
    QCOMPARE(folders.json().value(QStringLiteral("classes")).toString(), QStringLiteral("folders"));
    const double depth = folders.json().value(QStringLiteral("groups")).toArray().at(0).toObject().value(QStringLiteral("depth_mean")).toDouble();
    QVERIFY(depth >= 0 && depth <= 2);
  }

  void namesEveryFamily_data() {
    QTest::addColumn<QString>("folder");
    QTest::addColumn<QString>("family");
    for (const auto& [folder, family] : {std::pair{"clip", "clip"}, {"siglip", "siglip"}, {"dinov2_swiglu", "dinov2"}, {"llama_linear", "llama"}, {"llava_siglip", "llava"}})
      QTest::newRow(folder) << QString::fromLatin1(folder) << QString::fromLatin1(family);
  }
  void namesEveryFamily() {
    QFETCH(QString, folder);
    QFETCH(QString, family);
    const CliRun run = runCli({QStringLiteral("inspect"), QStringLiteral("--json"), QStringLiteral(GOLDEN_DIR "/models/") + folder});
    QVERIFY2(run.status == 0, qPrintable(run.err));
    const QJsonObject facts = run.json().value(QStringLiteral("facts")).toObject();
    QVERIFY2(facts.value(QStringLiteral("family")).toString().contains(family), qPrintable(run.out));
    for (const char* fact : {"layers", "stored as"}) QVERIFY2(facts.contains(QLatin1String(fact)), qPrintable(run.out));
  }

  void refusesOtherFamilies() {
    const QTemporaryDir dir;
    writeFile(dir.filePath(QStringLiteral("config.json")), R"({"model_type": "bert"})");
    const CliRun run = runCli({QStringLiteral("inspect"), dir.path()});
    QCOMPARE(run.status, 1);
    for (const char* type : {"bert", "clip", "siglip", "dinov2", "llama", "llava"}) QVERIFY2(run.err.contains(QLatin1String(type)), qPrintable(run.err));
  }

  // An SAE on the activations that it was trained on, on others of the same width, and on a width that is not its own.
  void saysWhetherAnSaeFits() {
    const QTemporaryDir dir;
    const QString activations = kGoldenFolder + QStringLiteral("/activations"), sae = dir.filePath(QStringLiteral("sae"));
    const CliRun trained = runCli({QStringLiteral("train"), QStringLiteral("--activations"), activations, QStringLiteral("--out"), sae,
                                   QStringLiteral("--type"), QStringLiteral("topk"), QStringLiteral("--k"), QStringLiteral("6"),
                                   QStringLiteral("--expansion"), QStringLiteral("4"), QStringLiteral("--batch"), QStringLiteral("30"),
                                   QStringLiteral("--steps"), QStringLiteral("1500"), QStringLiteral("--lr"), QStringLiteral("0.003"),
                                   QStringLiteral("--threads"), QStringLiteral("1")});
    QVERIFY2(trained.status == 0, qPrintable(trained.err));
    const QStringList inspect = {QStringLiteral("inspect"), sae, QStringLiteral("--activations")};
    const CliRun own = runCli(inspect + QStringList{activations, QStringLiteral("--json")});
    QVERIFY2(own.status == 0, qPrintable(own.err));
    const QJsonObject fit = own.json().value(QStringLiteral("fit")).toObject();
    QVERIFY2(fit.value(QStringLiteral("fits")).toBool(), qPrintable(own.out));
    QCOMPARE(fit.value(QStringLiteral("rows")).toInt(), 60);
    QCOMPARE(fit.value(QStringLiteral("k")).toInt(), 6);
    QVERIFY(own.json().value(QStringLiteral("problems")).toArray().isEmpty());
    QVERIFY(runCli(inspect + QStringList{activations}).out.contains(QStringLiteral("this SAE fits these activations")));

    // 64 rows of 24 numbers between 0 and 500 that follow no rule.
    QByteArray header = "{'descr': '<f4', 'fortran_order': False, 'shape': (64, 24), }";
    header += QByteArray(117 - header.size(), ' ') + '\n';
    QByteArray foreign = QByteArray("\x93NUMPY\x01\x00", 8) + char(header.size()) + '\0' + header;
    quint32 state = 7;
    for (int i = 0; i < 64 * 24; ++i) {
      state = state * 1664525u + 1013904223u;
      const auto value = float(state >> 16) / 131.0f;
      foreign.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    const QString others = dir.filePath(QStringLiteral("others.npy"));
    writeFile(others, foreign);
    const CliRun other = runCli(inspect + QStringList{others});
    QVERIFY2(other.status == 0, qPrintable(other.err));
    QVERIFY2(other.out.contains(QStringLiteral("problem: this SAE does not fit these activations")) && other.out.contains(QStringLiteral("hint: ")),
             qPrintable(other.out));
    // Encoding goes on, with a warning.
    const CliRun encoded = runCli({QStringLiteral("encode"), QStringLiteral("--activations"), others, QStringLiteral("--sae"), sae,
                                   QStringLiteral("--out"), dir.filePath(QStringLiteral("latents"))});
    QVERIFY2(encoded.status == 0 && encoded.err.contains(QStringLiteral("does not fit")), qPrintable(encoded.err));

    verifyFails(inspect + QStringList{kGoldenFolder + QStringLiteral("/toy_val_embeddings_dino.pt")}, QStringLiteral("width"));
    verifyFails({QStringLiteral("inspect"), kGoldenFolder + QStringLiteral("/clip"), QStringLiteral("--activations"), activations},
                QStringLiteral("for an SAE alone"));
  }

  void inspectsEverything_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("kind");
    QTest::newRow("model") << kGoldenFolder + QStringLiteral("/clip") << QStringLiteral("model");
    QTest::newRow("language model") << kGoldenFolder + QStringLiteral("/../models/llama") << QStringLiteral("model");
    QTest::newRow("saev") << kGoldenFolder + QStringLiteral("/../saev/schema5_topk") << QStringLiteral("sae");
    QTest::newRow("text tower") << kGoldenFolder + QStringLiteral("/../models/clip_text") << QStringLiteral("model");
    QTest::newRow("images") << kGoldenFolder + QStringLiteral("/images") << QStringLiteral("images");
    QTest::newRow("image") << kGoldenFolder + QStringLiteral("/images/first/a.png") << QStringLiteral("image");
    QTest::newRow("activations") << kGoldenFolder + QStringLiteral("/activations") << QStringLiteral("activations");
    QTest::newRow("one tensor") << kGoldenFolder + QStringLiteral("/toy_val_embeddings_dino.pt") << QStringLiteral("activations");
    QTest::newRow("array") << kGoldenFolder + QStringLiteral("/hai_indices_16.npy") << QStringLiteral("tensors");
    QTest::newRow("safetensors") << kGoldenFolder + QStringLiteral("/clip/model.safetensors") << QStringLiteral("tensors");
  }
  void inspectsEverything() {
    QFETCH(QString, path);
    QFETCH(QString, kind);
    const CliRun run = runCli({QStringLiteral("inspect"), QStringLiteral("--json"), path});
    QVERIFY2(run.status == 0, qPrintable(run.err));
    QCOMPARE(run.json().value(QStringLiteral("kind")).toString(), kind);
    QVERIFY(run.json().value(QStringLiteral("problems")).toArray().isEmpty());
    QVERIFY(runCli({QStringLiteral("inspect"), path}).out.contains(kind));
  }

  void stopsWhenAsked() {
    const QTemporaryDir dir;
    manyImages(dir.filePath(QStringLiteral("images")), 1500, 60, 60);
    const QStringList arguments = {QStringLiteral("extract"), QStringLiteral("--model"), kGoldenFolder + QStringLiteral("/clip"),
                                   QStringLiteral("--layer"), QStringLiteral("1"), QStringLiteral("--images"), dir.filePath(QStringLiteral("images")),
                                   QStringLiteral("--batch"), QStringLiteral("1"), QStringLiteral("--threads"), QStringLiteral("1"),
                                   QStringLiteral("--json"), QStringLiteral("--workspace"), dir.filePath(QStringLiteral("a.sememe"))};
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(QStringLiteral(SEMEME_CLI), arguments);
    // The first line of progress says that the model is open and work begins.
    QByteArray seen;
    while (!seen.contains("Extracting") && process.waitForReadyRead(60'000)) seen += process.readAll();
    ::kill(pid_t(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(60'000));
    seen += process.readAll();
    QVERIFY2(process.exitStatus() == QProcess::NormalExit && process.exitCode() == 130, seen.constData());
    QVERIFY(seen.contains("cancelled"));
    const CliRun rest = runCli(arguments);
    QVERIFY2(rest.status == 0, qPrintable(rest.err));
    QCOMPARE(rest.json().value(QStringLiteral("rows")).toInt(), 1500);
  }
};

QTEST_GUILESS_MAIN(CliTest)
#include "cli_test.moc"

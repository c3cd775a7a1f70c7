// RowOutput: parts, taking up unfinished work, refusing what belongs to another run.
#include <torch/torch.h>

#include <QtTest>

#include <filesystem>
#include <fstream>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/pipeline/row_output.h"
#include "core/weights/torch_file.h"

using namespace sememe;
namespace fs = std::filesystem;

namespace {

at::Tensor someRows() {
  torch::manual_seed(1);
  return at::randn({23, 3});
}

RowLayout layout(const QTemporaryDir& dir, const std::string& key = "k") {
  return {fs::path(dir.path().toStdString()) / "out", "set_activations_m_1_p", 10, 23, 3, 1, key};
}

// Writes what is left, in blocks of five rows; stops before row `until`.
void writeRows(RowOutput& output, const at::Tensor& rows, int64_t until) {
  while (output.done() < until) {
    const int64_t n = std::min<int64_t>(5, until - output.done());
    output.append(rows.narrow(0, output.done(), n));
    output.commit();
  }
}

}  // namespace

class RowOutputTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void writesPartsThatHoldTheRows() {
    const QTemporaryDir dir;
    const at::Tensor rows = someRows();
    RowOutput output(layout(dir));
    writeRows(output, rows, 23);
    QVERIFY(output.complete());
    QCOMPARE(output.files().size(), size_t{3});
    std::vector<at::Tensor> parts;
    for (const std::string& file : output.files()) parts.push_back(readTorchTensor(file));
    QCOMPARE(parts.back().size(0), int64_t{3});
    QVERIFY(at::equal(at::cat(parts), rows));
    QVERIFY(!fs::exists(layout(dir).folder / "set_activations_m_1_p.rows"));
  }

  void goesOnWhereItStopped_data() {
    QTest::addColumn<int>("stoppedAt");
    for (const int at : {0, 5, 10, 15, 20}) QTest::addRow("%d rows", at) << at;
  }
  void goesOnWhereItStopped() {
    QFETCH(int, stoppedAt);
    const QTemporaryDir dir;
    const at::Tensor rows = someRows();
    {
      RowOutput output(layout(dir));
      writeRows(output, rows, stoppedAt);
      output.append(at::full({3, 3}, 7.0));  // never committed, as by a killed program
    }
    RowOutput output(layout(dir));
    QCOMPARE(output.done(), int64_t(stoppedAt));
    writeRows(output, rows, 23);
    std::vector<at::Tensor> parts;
    for (const std::string& file : output.files()) parts.push_back(readTorchTensor(file));
    QVERIFY(at::equal(at::cat(parts), rows));
    // And a finished one has nothing left to do.
    QVERIFY(RowOutput(layout(dir)).complete());
  }

  void keepsFailedImages() {
    const QTemporaryDir dir;
    const fs::path folder = layout(dir).folder;
    {
      RowOutput output(layout(dir));
      output.append(someRows().narrow(0, 0, 10));
      output.commit({{4, "a/b.png", "truncated"}});
    }
    RowRecord record;
    QVERIFY_EXCEPTION_THROWN(readRowRecord(folder, record), Error);  // unfinished
    {
      RowOutput output(layout(dir));
      writeRows(output, someRows(), 23);
    }
    QVERIFY(readRowRecord(folder, record));
    QCOMPARE(record.failed.size(), size_t{1});
    QCOMPARE(record.failed[0].index, int64_t{4});
    QCOMPARE(QString::fromStdString(record.failed[0].reason), QStringLiteral("truncated"));
  }

  void refusesWhatIsNotItsOwn() {
    const QTemporaryDir dir;
    { RowOutput output(layout(dir)); }
    QVERIFY_EXCEPTION_THROWN(RowOutput(layout(dir, "other")), Error);
    const RowOutput held(layout(dir));
    QVERIFY_EXCEPTION_THROWN(RowOutput(layout(dir)), Error);  // another writer
    const QTemporaryDir second;
    fs::create_directories(layout(second).folder);
    writeTorchTensor(layout(second).folder / "set_activations_m_1_p_part1.pt", at::zeros({2, 3}));
    QVERIFY_EXCEPTION_THROWN(RowOutput(layout(second)), Error);  // somebody's file
  }

  void saysWhatIsBroken() {
    const QTemporaryDir dir;
    const fs::path folder = layout(dir).folder, record = folder / "set_activations_m_1_p_run.json";
    {
      RowOutput output(layout(dir));
      writeRows(output, someRows(), 15);
    }
    const std::string good = readTextFile(record);
    for (const std::string& text : {std::string("{"), std::string("[]"), good.substr(0, good.size() / 2),
                                    std::string(R"({"key":"k","rows":23,"dim":3,"rows_per_image":1,"rows_done":-4,"failed":[]})")}) {
      writeTextFile(record, text);
      QVERIFY_EXCEPTION_THROWN(RowOutput(layout(dir)), Error);
    }
    writeTextFile(record, good);
    fs::remove(folder / "set_activations_m_1_p_part1.pt");
    QVERIFY_EXCEPTION_THROWN(RowOutput(layout(dir)), Error);
  }
};

QTEST_GUILESS_MAIN(RowOutputTest)
#include "row_output_test.moc"

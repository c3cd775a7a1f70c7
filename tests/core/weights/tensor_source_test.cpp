// Tests of core/weights/tensor_source.h: every spec, parts in order, ranges, and resuming the writer.
#include "core/weights/tensor_source.h"

#include "core/weights/npy.h"
#include "core/weights/safetensors.h"
#include "core/weights/torch_file.h"
#include "weights_test_util.h"

using namespace sememe;
using namespace sememe::test;

class TensorSourceTest : public QObject {
  Q_OBJECT

  const at::Tensor m_matrix = expected({100, 7}, at::kFloat);

  static at::Tensor readAll(TensorSource& source, int64_t block) {
    std::vector<at::Tensor> blocks;
    for (int64_t row = 0; row < source.rows(); row += block)
      blocks.push_back(source.read(row, std::min(block, source.rows() - row)));
    return at::cat(blocks);
  }

  static int codeOfOpen(const fs::path& spec) {
    return codeOf([&] { TensorSource::open(spec.string()); });
  }

 private Q_SLOTS:
  void everySpec() {
    Folder folder;
    writeTorchTensor(folder / "x.pt", m_matrix);
    writeTorchTensor(folder / "x.pth", m_matrix.to(at::kDouble));
    writeTorchFile(folder / "dict.pt", PickleValue::dict({{"a", m_matrix.to(at::kHalf)}, {"state:b", m_matrix}}));
    writeNpy(folder / "x.npy", m_matrix.to(at::kInt));
    writeSafetensors(folder / "one.safetensors", {{"w", m_matrix}});
    writeSafetensors(folder / "two.safetensors", {{"w", m_matrix.to(at::kBFloat16)}, {"v", at::ones({2})}});
    writeTorchTensor(folder / "with:colon.pt", m_matrix);
    for (const char* spec : {"x.pt", "x.pth", "dict.pt:a", "dict.pt:state:b", "x.npy", "one.safetensors",
                             "one.safetensors:w", "two.safetensors:w", "with:colon.pt"}) {
      const auto source = TensorSource::open((folder / spec).string());
      QCOMPARE(source->rows(), int64_t(100));
      QCOMPARE(source->dim(), int64_t(7));
      const at::Tensor all = readAll(*source, 33);
      QVERIFY(all.scalar_type() == at::kFloat && all.is_contiguous());
      const std::string name = spec;
      const at::Tensor wanted = name == "x.npy"               ? m_matrix.to(at::kInt).to(at::kFloat)
                                : name == "two.safetensors:w" ? m_matrix.to(at::kBFloat16).to(at::kFloat)
                                                              : m_matrix;
      QVERIFY2(same(all, wanted), spec);
      QVERIFY(source->describe().find("[100, 7]") != std::string::npos);
      QCOMPARE(source->fingerprint(), TensorSource::open((folder / spec).string())->fingerprint());
    }
  }

  void whatIsNoMatrixIsRefused() {
    Folder folder;
    writeTorchTensor(folder / "vector.pt", at::ones({5}));
    writeTorchTensor(folder / "complex.pt", at::ones({5, 2}, at::kComplexFloat));
    writeTorchFile(folder / "dict.pt", PickleValue::dict({{"a", m_matrix}}));
    writeSafetensors(folder / "two.safetensors", {{"w", m_matrix}, {"v", at::ones({2})}});
    writeTextFile(folder / "notes.txt", "x");
    QCOMPARE(codeOfOpen(folder / "vector.pt"), int(ErrorCode::Mismatch));
    QCOMPARE(codeOfOpen(folder / "complex.pt"), int(ErrorCode::Mismatch));
    QCOMPARE(codeOfOpen(folder / "dict.pt"), int(ErrorCode::Mismatch));
    QCOMPARE(codeOfOpen(folder / "dict.pt:b"), int(ErrorCode::NotFound));
    QCOMPARE(codeOfOpen(folder / "two.safetensors"), int(ErrorCode::NotFound));
    QCOMPARE(codeOfOpen(folder / "two.safetensors:x"), int(ErrorCode::NotFound));
    QCOMPARE(codeOfOpen(folder / "notes.txt"), int(ErrorCode::Unsupported));
    QCOMPARE(codeOfOpen(folder / "absent.pt"), int(ErrorCode::NotFound));
    QCOMPARE(codeOfOpen(folder / "absent.pt:key"), int(ErrorCode::NotFound));
    QCOMPARE(codeOfOpen(folder.path()), int(ErrorCode::NotFound));
  }

  void tokensOfImagesBecomeRows() {
    const auto source = TensorSource::of(expected({4, 5, 3}, at::kFloat), "tokens");
    QCOMPARE(source->rows(), int64_t(20));
    QVERIFY(same(source->read(5, 2), expected({4, 5, 3}, at::kFloat)[1].narrow(0, 0, 2)));
  }

  void rangesAreChecked() {
    const auto source = TensorSource::of(m_matrix, "matrix");
    QVERIFY((source->read(100, 0).sizes() == at::IntArrayRef{0, 7}));
    for (const auto& [begin, count] : {std::pair<int64_t, int64_t>{-1, 1}, {0, 101}, {100, 1}, {5, -1}, {INT64_MAX, 1},
                                       {1, INT64_MAX}})
      QCOMPARE(codeOf([&, begin = begin, count = count] { source->read(begin, count); }), int(ErrorCode::Invalid));
  }

  void whatIsReadMayBeChanged() {
    Folder folder;
    writeTorchTensor(folder / "x.pt", m_matrix);
    const auto source = TensorSource::open((folder / "x.pt").string());
    source->read(0, 10).fill_(0);
    QVERIFY(same(source->read(0, 10), m_matrix.narrow(0, 0, 10)));
  }

  void partsAreOrderedByNumber() {
    Folder folder;
    // Twelve parts of different lengths, among files that are none.
    int64_t row = 0;
    for (int64_t part = 1; part <= 12; ++part) {
      const int64_t n = part == 12 ? 100 - row : part;
      writeTorchTensor(folder / ("set_train_activations_clip_11_post_mlp_residual_part" + std::to_string(part) + ".pt"),
                       m_matrix.narrow(0, row, n));
      row += n;
    }
    for (const char* other : {"notes.txt", "set_part.pt", "set_part1.pth", "set_part1.pt.part", "set_partx.pt", "part1.pt"})
      writeBytes(folder / other, "not a part");
    const auto source = TensorSource::open(folder.path().string());
    QCOMPARE(source->rows(), int64_t(100));
    for (const int64_t block : {1, 5, 17, 100}) QVERIFY(same(readAll(*source, block), m_matrix));
    QVERIFY(same(source->read(54, 3), m_matrix.narrow(0, 54, 3)));
    QVERIFY(source->describe().find("12 parts") != std::string::npos);
  }

  void manyPartsAreReadInAnyOrder() {
    Folder folder;
    PartsWriter writer(folder.path(), "x", 2);
    writer.append(m_matrix);
    writer.finish();
    const auto source = TensorSource::open(folder.path().string());
    for (int64_t i = 0; i < 200; ++i) {
      const int64_t row = i * 37 % 99;
      QVERIFY(same(source->read(row, 2), m_matrix.narrow(0, row, 2)));
    }
  }

  void partsThatDoNotFitAreRefused() {
    Folder widths, prefixes, twice, broken;
    writeTorchTensor(widths / "x_part1.pt", at::ones({2, 3}));
    writeTorchTensor(widths / "x_part2.pt", at::ones({2, 4}));
    QCOMPARE(codeOfOpen(widths.path()), int(ErrorCode::Mismatch));
    writeTorchTensor(prefixes / "x_part1.pt", at::ones({2, 3}));
    writeTorchTensor(prefixes / "y_part1.pt", at::ones({2, 3}));
    QCOMPARE(codeOfOpen(prefixes.path()), int(ErrorCode::Mismatch));
    writeTorchTensor(twice / "x_part1.pt", at::ones({2, 3}));
    writeTorchTensor(twice / "x_part01.pt", at::ones({2, 3}));
    QCOMPARE(codeOfOpen(twice.path()), int(ErrorCode::Mismatch));
    writeTorchTensor(broken / "x_part1.pt", at::ones({2, 3}));
    writeBytes(broken / "x_part2.pt", readBytes(broken / "x_part1.pt").substr(0, 100));
    QCOMPARE(codeOfOpen(broken.path()), int(ErrorCode::Corrupt));
  }

  void theWriterCutsIntoParts() {
    Folder folder;
    PartsWriter writer(folder.path(), "x", 30);
    for (int64_t row = 0; row < 100; row += 8) writer.append(m_matrix.narrow(0, row, std::min<int64_t>(8, 100 - row)));
    QCOMPARE(writer.rowsOnDisk(), int64_t(90));
    writer.finish();
    QCOMPARE(writer.rowsOnDisk(), int64_t(100));
    QCOMPARE(writer.parts(), int64_t(4));
    QCOMPARE(readTorchTensor(folder / "x_part1.pt").size(0), int64_t(30));
    QCOMPARE(readTorchTensor(folder / "x_part4.pt").size(0), int64_t(10));
    QVERIFY(same(readAll(*TensorSource::open(folder.path().string()), 9), m_matrix));
  }

  void theWriterGoesOn() {
    Folder folder;
    {
      PartsWriter writer(folder.path(), "x", 30);
      writer.append(m_matrix.narrow(0, 0, 70));
    }  // killed: 60 rows are on the disk
    writeBytes(folder / "x_part4.pt", "from an older run");
    writeTorchTensor(folder / "y_part1.pt", at::ones({1, 7}));
    {
      PartsWriter writer(folder.path(), "x", 30, true);
      QCOMPARE(writer.rowsOnDisk(), int64_t(60));
      writer.append(m_matrix.narrow(0, writer.rowsOnDisk(), 40));
      writer.finish();
    }
    QVERIFY(fs::exists(folder / "y_part1.pt"));
    fs::remove(folder / "y_part1.pt");
    QVERIFY(same(readAll(*TensorSource::open(folder.path().string()), 9), m_matrix));
    // Begun anew, the old parts go.
    PartsWriter again(folder.path(), "x", 30);
    QCOMPARE(again.rowsOnDisk(), int64_t(0));
    QVERIFY(!fs::exists(folder / "x_part1.pt"));
  }

  void theWriterCopiesWhatItKeeps() {
    Folder folder;
    at::Tensor block = m_matrix.narrow(0, 0, 10).clone();
    PartsWriter writer(folder.path(), "x", 30);
    writer.append(block);
    block.fill_(0);
    writer.finish();
    QVERIFY(same(readTorchTensor(folder / "x_part1.pt"), m_matrix.narrow(0, 0, 10)));
  }

  void theWriterRefusesOtherRows() {
    Folder folder;
    PartsWriter writer(folder.path(), "x", 30);
    writer.append(at::ones({2, 3}));
    QCOMPARE(codeOf([&] { writer.append(at::ones({2, 4})); }), int(ErrorCode::Mismatch));
    QCOMPARE(codeOf([&] { writer.append(at::ones({2, 3}, at::kHalf)); }), int(ErrorCode::Mismatch));
    QCOMPARE(codeOf([&] { writer.append(at::ones({2})); }), int(ErrorCode::Mismatch));
    QCOMPARE(codeOf([&] { PartsWriter bad(folder.path(), "x", 0); }), int(ErrorCode::Invalid));
  }

  void narrowTypesKeepTheirType() {
    Folder folder;
    PartsWriter writer(folder.path(), "x", 30);
    writer.append(m_matrix.to(at::kHalf));
    writer.finish();
    QVERIFY(readTorchTensor(folder / "x_part1.pt").scalar_type() == at::kHalf);
    QVERIFY(same(TensorSource::open(folder.path().string())->read(0, 100), m_matrix));
  }
};

QTEST_GUILESS_MAIN(TensorSourceTest)
#include "tensor_source_test.moc"

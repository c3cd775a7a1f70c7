// Tests of core/weights/saev_shards.h: rows across examples and shards, layers, broken folders.
#include "core/weights/saev_shards.h"

#include <string>

#include "core/base/files.h"
#include "weights_test_util.h"

using namespace sememe;
using namespace sememe::test;

class SaevShardsTest : public QObject {
  Q_OBJECT

  // Five examples of layers 5 and 11 with four tokens of width 6: three in the first shard, two in the second, which is
  // longer than it need be, as saev's last one is.
  const at::Tensor m_acts = at::arange(5 * 2 * 4 * 6, at::kFloat).view({5, 2, 4, 6});
  const std::string m_metadata = R"({"family": "clip", "ckpt": "x", "layers": [5, 11], "content_tokens_per_example": 3,
    "cls_token": true, "d_model": 6, "n_examples": 5, "data": "gANjb3MKc3lzdGVtCg==", "dtype": "float32", "protocol": "2.1"})";
  const std::string m_list = R"([{"name": "acts000000.bin", "n_examples": 3}, {"name": "acts000001.bin", "n_examples": 2}])";

  static std::string bytesOf(const at::Tensor& t) {
    const at::Tensor flat = t.contiguous();
    return {static_cast<const char*>(flat.const_data_ptr()), flat.nbytes()};
  }
  void write(const fs::path& folder) const {
    writeTextFile(folder / "metadata.json", m_metadata);
    writeTextFile(folder / "shards.json", m_list);
    writeTextFile(folder / "acts000000.bin", bytesOf(m_acts.narrow(0, 0, 3)));
    writeTextFile(folder / "acts000001.bin", bytesOf(m_acts.narrow(0, 3, 2)) + std::string(400, '\0'));
  }
  static std::string replaced(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  }

 private Q_SLOTS:
  void readsRows() {
    Folder folder;
    write(folder.path());
    const std::string path = folder.path().string();
    for (const int layer : {0, 1}) {
      const auto source = TensorSource::open(path + (layer ? ":11" : ":5"));
      const at::Tensor all = m_acts.select(1, layer).reshape({20, 6});
      QCOMPARE(source->rows(), 20);
      QCOMPARE(source->dim(), 6);
      for (int64_t begin = 0; begin <= 20; ++begin)
        for (int64_t count = 0; count <= 20 - begin; ++count) QVERIFY(at::equal(source->read(begin, count), all.narrow(0, begin, count)));
      QVERIFY(QString::fromStdString(source->describe()).contains(layer ? QStringLiteral("layer 11") : QStringLiteral("layer 5")));
      QCOMPARE(codeOf([&] { source->read(19, 2); }), int(ErrorCode::Invalid));
    }
    QVERIFY(TensorSource::open(path + ":5")->fingerprint() != TensorSource::open(path + ":11")->fingerprint());
  }

  void needsALayerWhereThereAreSeveral() {
    Folder folder;
    write(folder.path());
    QCOMPARE(codeOf([&] { TensorSource::open(folder.path().string()); }), int(ErrorCode::NotFound));
    QCOMPARE(codeOf([&] { TensorSource::open(folder.path().string() + ":7"); }), int(ErrorCode::NotFound));
    writeTextFile(folder / "metadata.json", replaced(m_metadata, "[5, 11]", "[11]"));
    writeTextFile(folder / "shards.json", replaced(m_list, "\"n_examples\": 2", "\"n_examples\": 4"));
    QCOMPARE(TensorSource::open(folder.path().string())->rows(), 28);
  }

  void refusesBrokenFolders() {
    const auto fails = [&](const char* file, const std::string& content, ErrorCode code) {
      Folder folder;
      write(folder.path());
      writeTextFile(folder / file, content);
      QVERIFY2(codeOf([&] { TensorSource::open(folder.path().string() + ":5"); }) == int(code), content.c_str());
    };
    fails("metadata.json", "{", ErrorCode::Corrupt);
    fails("metadata.json", "[]", ErrorCode::Corrupt);
    fails("metadata.json", "{}", ErrorCode::Unsupported);
    fails("metadata.json", replaced(m_metadata, "float32", "float16"), ErrorCode::Unsupported);
    fails("metadata.json", replaced(m_metadata, "\"d_model\": 6", "\"d_model\": -6"), ErrorCode::Corrupt);
    fails("metadata.json", replaced(m_metadata, "\"d_model\": 6", "\"d_model\": 60"), ErrorCode::Corrupt);
    fails("metadata.json", replaced(m_metadata, "[5, 11]", "[]"), ErrorCode::Corrupt);
    fails("metadata.json", replaced(m_metadata, "[5, 11]", "[5, \"x\"]"), ErrorCode::Corrupt);
    fails("shards.json", "[]", ErrorCode::Corrupt);
    fails("shards.json", "[7]", ErrorCode::Corrupt);
    fails("shards.json", replaced(m_list, "acts000001", "acts000002"), ErrorCode::NotFound);
    fails("shards.json", replaced(m_list, "acts000001.bin", "../acts000001.bin"), ErrorCode::Corrupt);
    fails("shards.json", replaced(m_list, "\"n_examples\": 3", "\"n_examples\": 4"), ErrorCode::Corrupt);
    fails("shards.json", replaced(m_list, "\"n_examples\": 3", "\"n_examples\": 0"), ErrorCode::Corrupt);
    fails("acts000000.bin", "short", ErrorCode::Corrupt);
  }
};

QTEST_GUILESS_MAIN(SaevShardsTest)
#include "saev_shards_test.moc"

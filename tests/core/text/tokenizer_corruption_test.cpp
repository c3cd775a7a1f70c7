// Tests of tokenizer.json against damage: each fault has its message, and no file brings the program down.
#include <algorithm>
#include <random>

#include "core/text/tokenizer.h"
#include "text_test_util.h"

using namespace sememe;
using namespace sememe::test;

namespace {

using Json = nlohmann::json;

// Reads a damaged file and uses what comes out of it; only an Error may be thrown.
bool survives(const std::string& content) {
  try {
    const auto tokenizer = Tokenizer::parse(content, "damaged.json");
    const auto ids = tokenizer->encode("Hello <image> 😀 \n a<mask> ﬁ", true);
    tokenizer->decode(ids, false);
    tokenizer->decode(std::vector<int64_t>{0, 1, 2, 3, 100, 200, 300, 500});
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

class TokenizerCorruptionTest : public QObject {
  Q_OBJECT

  // What is wrong with a golden file after this JSON patch (RFC 6902), which has ' for ".
  static std::string patched(const char* family, std::string patch) {
    std::replace(patch.begin(), patch.end(), '\'', '"');
    return errorOf([&] { Tokenizer::parse(goldenJson(family).patch(Json::parse(patch)).dump(), "t.json"); });
  }

 private Q_SLOTS:
  void namesTheFault_data() {
    QTest::addColumn<QString>("family");
    QTest::addColumn<QString>("patch");
    QTest::addColumn<int>("code");
    QTest::addColumn<QStringList>("words");
    const auto row = [](const char* name, const char* family, const char* patch, ErrorCode code,
                        const QStringList& words) {
      QTest::newRow(name) << QString::fromUtf8(family) << QString::fromUtf8(patch) << int(code) << words;
    };
    const auto q = [](const char* text) { return QString::fromUtf8(text); };
    const ErrorCode corrupt = ErrorCode::Corrupt, unsupported = ErrorCode::Unsupported;
    row("no model", "gpt2", "[{'op':'remove','path':'/model'}]", corrupt, {q("model"), q("missing")});
    row("model type", "gpt2", "[{'op':'replace','path':'/model/type','value':'WordPiece'}]", unsupported,
        {q("key model"), q("WordPiece"), q("BPE, Unigram")});
    row("no vocabulary", "gpt2", "[{'op':'remove','path':'/model/vocab'}]", corrupt, {q("key model"), q("vocab")});
    row("vocabulary type", "gpt2", "[{'op':'replace','path':'/model/vocab','value':7}]", corrupt, {q("model.vocab")});
    row("id type", "gpt2", "[{'op':'add','path':'/model/vocab/a','value':'1'}]", corrupt,
        {q("model.vocab"), q("\"a\"")});
    row("negative id", "gpt2", "[{'op':'add','path':'/model/vocab/a','value':-1}]", corrupt, {q("\"a\"")});
    row("huge id", "gpt2", "[{'op':'add','path':'/model/vocab/a','value':9999999999}]", corrupt, {q("\"a\"")});
    row("duplicate id", "gpt2", "[{'op':'add','path':'/model/vocab/new','value':5}]", corrupt,
        {q("id 5"), q("another")});
    row("merge part", "gpt2", "[{'op':'add','path':'/model/merges/3','value':'qq zz'}]", corrupt,
        {q("model.merges"), q("merge 3"), q("\"qq\""), q("not in the vocabulary")});
    row("merge result", "gpt2", "[{'op':'add','path':'/model/merges/0','value':['!','!']}]", corrupt,
        {q("merge 0"), q("\"!!\"")});
    row("merge spaces", "gpt2", "[{'op':'add','path':'/model/merges/0','value':'a b c'}]", corrupt,
        {q("merge 0"), q("\"a b c\"")});
    row("merge type", "gpt2", "[{'op':'add','path':'/model/merges/0','value':['a']}]", corrupt, {q("merge 0")});
    row("merges type", "gpt2", "[{'op':'replace','path':'/model/merges','value':{}}]", corrupt,
        {q("model.merges"), q("list")});
    row("flag type", "gpt2", "[{'op':'replace','path':'/model/fuse_unk','value':1}]", corrupt, {q("model.fuse_unk")});
    row("normalizer", "gpt2", "[{'op':'replace','path':'/normalizer','value':{'type':'BertNormalizer'}}]", unsupported,
        {q("normalizer"), q("BertNormalizer"), q("NFC, NFD")});
    row("inner normalizer", "siglip", "[{'op':'replace','path':'/normalizer/normalizers/1/type','value':'Nmt'}]",
        unsupported, {q("normalizer.normalizers[1]"), q("Nmt")});
    row("expression", "siglip", "[{'op':'replace','path':'/normalizer/normalizers/1/pattern/Regex','value':'(('}]",
        unsupported, {q("normalizer.normalizers[1].pattern.Regex")});
    row("repeated interval", "siglip",
        "[{'op':'replace','path':'/normalizer/normalizers/1/pattern/Regex','value':'a{2,3}+'}]", unsupported,
        {q("normalizer.normalizers[1].pattern.Regex"), q("interval")});
    row("empty pattern", "siglip",
        "[{'op':'replace','path':'/normalizer/normalizers/1/pattern','value':{'String':''}}]", corrupt,
        {q("pattern.String")});
    row("no pattern", "siglip", "[{'op':'replace','path':'/normalizer/normalizers/1/pattern','value':{}}]", corrupt,
        {q("pattern")});
    row("charsmap", "t5", "[{'op':'replace','path':'/normalizer/precompiled_charsmap','value':'!!!!'}]", corrupt,
        {q("normalizer.precompiled_charsmap"), q("base64")});
    row("short charsmap", "t5", "[{'op':'replace','path':'/normalizer/precompiled_charsmap','value':'AAAA'}]", corrupt,
        {q("cut off")});
    row("charsmap size", "t5", "[{'op':'replace','path':'/normalizer/precompiled_charsmap','value':'////////'}]",
        corrupt, {q("trie")});
    row("pre-tokenizer", "gpt2", "[{'op':'replace','path':'/pre_tokenizer','value':{'type':'UnicodeScripts'}}]",
        unsupported, {q("pre_tokenizer"), q("UnicodeScripts"), q("Metaspace")});
    row("behavior", "split_Isolated",
        "[{'op':'replace','path':'/pre_tokenizer/pretokenizers/0/behavior','value':'Gone'}]", unsupported,
        {q("behavior"), q("Gone"), q("MergedWithNext")});
    row("replacement", "t5", "[{'op':'replace','path':'/decoder/replacement','value':'__'}]", corrupt,
        {q("decoder.replacement")});
    row("scheme", "llama_first_whole", "[{'op':'replace','path':'/pre_tokenizer/prepend_scheme','value':'last'}]",
        unsupported, {q("prepend_scheme"), q("last")});
    row("contradiction", "llama_first_whole", "[{'op':'add','path':'/pre_tokenizer/add_prefix_space','value':false}]",
        corrupt, {q("pre_tokenizer"), q("contradict")});
    row("decoder", "gpt2", "[{'op':'replace','path':'/decoder','value':{'type':'CTC'}}]", unsupported,
        {q("decoder"), q("CTC"), q("ByteLevel")});
    row("post-processor", "gpt2", "[{'op':'replace','path':'/post_processor','value':{'type':'Other'}}]", unsupported,
        {q("post_processor"), q("Other"), q("TemplateProcessing")});
    row("template token", "llama_legacy",
        "[{'op':'replace','path':'/post_processor/special_tokens/<s>/tokens/0','value':'<q>'}]", corrupt,
        {q("post_processor.special_tokens.<s>"), q("\"<q>\""), q("not in the vocabulary")});
    row("template id", "llama_legacy", "[{'op':'replace','path':'/post_processor/special_tokens/<s>/ids/0','value':7}]",
        corrupt, {q("post_processor.special_tokens.<s>"), q("id 7")});
    row("template entry", "llama_legacy", "[{'op':'remove','path':'/post_processor/special_tokens/<s>'}]", corrupt,
        {q("post_processor.special_tokens"), q("<s>")});
    row("template sequence", "llama_legacy",
        "[{'op':'replace','path':'/post_processor/single/1/Sequence/id','value':'B'}]", corrupt, {q("Sequence.id")});
    row("mark", "clip", "[{'op':'replace','path':'/post_processor/cls/0','value':'<q>'}]", corrupt,
        {q("post_processor.cls"), q("<q>")});
    row("added id", "llama_legacy", "[{'op':'replace','path':'/added_tokens/3/id','value':5}]", corrupt,
        {q("added_tokens[3]"), q("<image>")});
    row("added twice", "llama_legacy",
        "[{'op':'add','path':'/added_tokens/-','value':{'id':9999,'content':'<image>'}}]", corrupt,
        {q("<image>"), q("twice")});
    row("added content", "llama_legacy", "[{'op':'remove','path':'/added_tokens/0/content'}]", corrupt,
        {q("added_tokens[0]"), q("content")});
    row("unigram entry", "t5", "[{'op':'replace','path':'/model/vocab/4','value':['a']}]", corrupt,
        {q("model.vocab"), q("entry 4")});
    row("unigram twice", "t5", "[{'op':'replace','path':'/model/vocab/4','value':['</s>',0]}]", corrupt,
        {q("</s>"), q("twice")});
    row("unknown id", "t5", "[{'op':'replace','path':'/model/unk_id','value':99999}]", corrupt, {q("model.unk_id")});
  }
  void namesTheFault() {
    QFETCH(QString, family);
    QFETCH(QString, patch);
    QFETCH(int, code);
    QFETCH(QStringList, words);
    const std::string error = patched(family.toUtf8().constData(), patch.toStdString());
    std::vector<std::string> all{"t.json"};
    for (const QString& word : words) all.push_back(word.toStdString());
    QVERIFY2(isError(error, ErrorCode(code), all), error.c_str());
  }

  void namesTheFile() {
    QVERIFY(
        isError(errorOf([] { Tokenizer::load(golden("no such folder")); }), ErrorCode::NotFound, {"no such folder"}));
    QVERIFY(isError(errorOf([] { Tokenizer::load(golden("")); }), ErrorCode::NotFound, {"tokenizer.json"}));
    for (const char* broken : {"", "{", "nonsense", "\xFF", "{\"a\":\"\xFF\"}"})
      QVERIFY(
          isError(errorOf([&] { Tokenizer::parse(broken, "x.json"); }), ErrorCode::Corrupt, {"x.json", "not JSON"}));
    for (const char* other : {"[]", "7", "null", "\"text\""})
      QVERIFY(isError(errorOf([&] { Tokenizer::parse(other, "x.json"); }), ErrorCode::Corrupt, {"x.json"}));
  }

  void refusesOversizedFiles() {
    QTemporaryDir dir;
    const fs::path path = fs::path(dir.path().toStdString()) / "tokenizer.json";
    writeTextFile(path, "{}");
    fs::resize_file(path, (int64_t{128} << 20) + 1);
    QVERIFY(isError(errorOf([&] { Tokenizer::load(path.parent_path()); }), ErrorCode::Corrupt,
                    {"tokenizer.json", "bytes"}));
  }

  void saysWhatItCannotEncode() {
    auto json = goldenJson("llama_unknown_single");
    json["model"]["unk_token"] = "<gone>";
    const auto bpe = Tokenizer::parse(json.dump(), "t.json");
    QVERIFY(isError(errorOf([&] { bpe->encode("𠜎"); }), ErrorCode::Corrupt, {"unk_token", "<gone>"}));
    json = goldenJson("t5");
    json["model"]["unk_id"] = nullptr;
    const auto unigram = Tokenizer::parse(json.dump(), "t.json");
    QVERIFY(isError(errorOf([&] { unigram->encode("𠜎"); }), ErrorCode::Corrupt, {"unk_id"}));
  }

  void stopsExplodingExpressions() {
    auto json = goldenJson("split_Isolated");
    json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a|aa)+$";
    const auto tokenizer = Tokenizer::parse(json.dump(), "t.json");
    QVERIFY(isError(errorOf([&] { tokenizer->encode(std::string(200, 'a') + "b"); }), ErrorCode::Unsupported,
                    {"expression"}));
  }

  void survivesDepth() {
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += "{\"type\":\"Sequence\",\"normalizers\":[";
    for (int i = 0; i < 100000; ++i) deep += "]}";
    const std::string json = "{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]},\"normalizer\":" + deep + "}";
    QVERIFY(isError(errorOf([&] { Tokenizer::parse(json, "d.json"); }), ErrorCode::Unsupported, {"nested too deep"}));
    QVERIFY(isError(errorOf([&] { Tokenizer::parse(std::string(1000000, '['), "d.json"); }), ErrorCode::Corrupt,
                    {"d.json"}));
  }

  void survivesEmptyModels() {
    const auto bpe = Tokenizer::parse(R"({"model":{"type":"BPE","vocab":{},"merges":[]}})", "e.json");
    QVERIFY(bpe->encode("text").empty());
    QCOMPARE(bpe->vocabSize(), int64_t{0});
    const auto unigram = Tokenizer::parse(R"({"model":{"type":"Unigram","vocab":[]}})", "e.json");
    QVERIFY(isError(errorOf([&] { unigram->encode("x"); }), ErrorCode::Corrupt, {"unk_id"}));
    QVERIFY(unigram->encode("").empty());
  }

  void survivesChanges_data() {
    QTest::addColumn<QString>("family");
    for (const char* family : {"clip", "llama_legacy", "siglip2", "siglip", "t5", "llama3", "suffix"})
      QTest::newRow(family) << QString::fromUtf8(family);
  }
  void survivesChanges() {
    QFETCH(QString, family);
    const std::string whole = readTextFile(golden(family.toStdString() + ".json"));
    std::mt19937 random(23);
    for (int i = 0; i < 60; ++i) QVERIFY(!survives(whole.substr(0, random() % (whole.size() - 2))));
    for (int i = 0; i < 400; ++i) {
      std::string bytes = whole;
      // Most faults land in the parts before the long vocabulary.
      const size_t range = i % 2 == 0 ? bytes.size() : std::min<size_t>(bytes.size(), 2500);
      for (int k = 0; k < 1 + i % 3; ++k)
        bytes[random() % range] =
            i % 5 == 0 ? char(random()) : "0123456789abcdefghijklmnopqrstuvwxyz\"{}[],:\\"[random() % 44];
      survives(bytes);
    }
  }

  void survivesSwappedValues() {
    // Every value of the parts before the vocabulary, replaced by one of each other type.
    for (const char* family : {"clip", "llama_legacy", "siglip", "llama3", "llama_first_split"}) {
      const Json whole = goldenJson(family);
      Json small = whole;
      small["model"]["vocab"] = small["model"]["merges"] = nullptr;
      const Json flat = small.flatten();
      for (const auto& [path, value] : flat.items()) {
        if (path.starts_with("/model/vocab") || path.starts_with("/model/merges")) continue;
        for (const char* other :
             {"null", "true", "-1", "1e300", "18446744073709551615", "\"\"", "\"x\"", "[]", "{}", "[[]]"}) {
          Json changed = whole;
          changed[Json::json_pointer(path)] = Json::parse(other);
          survives(changed.dump());
        }
      }
    }
  }
};

QTEST_GUILESS_MAIN(TokenizerCorruptionTest)
#include "tokenizer_corruption_test.moc"

// Tests of core/weights/unpickler.h: opcodes that no golden file holds, and pickles made to do harm.
#include "core/weights/unpickler.h"

#include "core/weights/pickle_text.h"
#include "weights_test_util.h"

using namespace sememe;
using namespace sememe::test;
using Kind = PickleValue::Kind;

namespace {

// The storage "s" has 10 floats; every other persistent id is a text that stands for itself.
PickleValue load(const std::string& pickle) {
  const auto persistent = [](const PickleValue& id) -> PickleValue {
    if (id.kind() == Kind::String && id.asString() == "s") return at::arange(10, at::kFloat);
    return id;
  };
  return Unpickler(std::as_bytes(std::span(pickle.data(), pickle.size())), "test", persistent).read();
}

int codeOfLoad(const std::string& pickle) {
  return codeOf([&] { load(pickle); });
}

std::string repeat(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

// _rebuild_tensor_v2(storage "s", offset, size, stride, False, {}).
std::string tensorPickle(const std::string& offset, const std::string& size, const std::string& stride) {
  std::string text = "ctorch._utils\n_rebuild_tensor_v2\n(U\x01sQ";
  return text.append(offset).append(size).append(stride).append("\x89}tR.");
}

std::string longOf(int64_t value) {
  std::string text = "\x8a\x08";
  for (int i = 0; i < 8; ++i) text += char(uint8_t(uint64_t(value) >> (8 * i)));
  return text;
}

}  // namespace

class UnpicklerTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void textProtocol() {
    // {'a': [1, 2.5, None], u'ü': (True, 3L)} of Python 2, protocol 0.
    const PickleValue value =
        load("(dp0\nS'a'\np1\n(lp2\nI1\naF2.5\naNasV\\u00fc\np3\n(I01\nL3L\ntp4\ns.");
    QCOMPARE(value.asPairs().size(), size_t(2));
    QCOMPARE(value.find("a")->asItems()[1].asDouble(), 2.5);
    QVERIFY(value.find("a")->asItems()[2].isNone());
    QCOMPARE(value.find("ü")->asItems()[0].asBool(), true);
    QCOMPARE(value.find("ü")->asItems()[1].asInt(), int64_t(3));
    QCOMPARE(load("S'a\\n\\x41\\\\\\''\n.").asString(), std::string("a\nA\\'"));
    QCOMPARE(load("I1\np0\n0g0\n.").asInt(), int64_t(1));
  }

  void numbers() {
    QCOMPARE(load("J\xff\xff\xff\xff.").asInt(), int64_t(-1));
    QCOMPARE(load("M\xff\xff.").asInt(), int64_t(65535));
    QCOMPARE(load(std::string("\x8a\x00.", 3)).asInt(), int64_t(0));
    QCOMPARE(load("\x8a\x01\x80.").asInt(), int64_t(-128));
    QCOMPARE(load(longOf(std::numeric_limits<int64_t>::min()) + ".").asInt(), std::numeric_limits<int64_t>::min());
    QCOMPARE(load("L123456789012345678901234567890L\n.").asOpaque().name, std::string("builtins.int"));
    QVERIFY(std::isinf(load("Finf\n.").asDouble()));
    QVERIFY(std::isnan(load("Fnan\n.").asDouble()));
  }

  void stackOpcodes() {
    QCOMPARE(load("K\x01K\x02"
                  "0.")
                 .asInt(),
             int64_t(1));                                                        // POP
    QCOMPARE(load("K\x07(K\x01K\x02"
                  "1.")
                 .asInt(),
             int64_t(7));                                                        // POP_MARK
    QCOMPARE(load("K\x03"
                  "2\x86.")
                 .asItems()[1]
                 .asInt(),
             int64_t(3));                                                        // DUP, TUPLE2
    QCOMPARE(load("K\x07(0.").asInt(), int64_t(7));                              // POP of a mark
    QCOMPARE(load("\x8f(K\x01K\x02\x90.").asOpaque().arguments.size(), size_t(2));  // EMPTY_SET, ADDITEMS
    QCOMPARE(load("(K\x01\x91.").asOpaque().name, std::string("builtins.frozenset"));
    QCOMPARE(load("\x80\x05\x95\x08" + std::string(7, '\0') + "K\x05.").asInt(), int64_t(5));  // FRAME
  }

  void objects() {
    QCOMPARE(load("(ia\nB\n.").asOpaque().name, std::string("a.B"));                             // INST
    QCOMPARE(load("(ca\nB\nK\x05o.").asOpaque().arguments[0].asInt(), int64_t(5));               // OBJ
    QCOMPARE(load("ca\nB\n)}\x92.").asOpaque().arguments.size(), size_t(1));                      // NEWOBJ_EX
    QCOMPARE(load("\x8c\x01"
                  "a\x8c\x01"
                  "B\x93.")
                 .asOpaque()
                 .name,
             std::string("a.B"));                                                                // STACK_GLOBAL
    QCOMPARE(load("c__builtin__\nset\n(](K\x01K\x02"
                  "etR.")
                 .asOpaque()
                 .arguments.size(),
             size_t(2));
    QCOMPARE(load("ca\nList\n)R(K\x01K\x02"
                  "e.")
                 .asOpaque()
                 .items.size(),
             size_t(2));
    QCOMPARE(load("ccopy_reg\n_reconstructor\n(ca\nB\nc__builtin__\nobject\nNtR.").asOpaque().name, std::string("a.B"));
    // OrderedDict([['x', 1]]) of Python 2.
    const PickleValue ordered = load("ccollections\nOrderedDict\n(](](U\x01xK\x01"
                                     "eetR.");
    QVERIFY(ordered.isOrderedDict());
    QCOMPARE(ordered.find("x")->asInt(), int64_t(1));
  }

  void theLastOfEqualKeysWins() {
    const PickleValue value = load("}(U\x01xK\x01U\x01yK\x02U\x01xK\x03u.");
    QCOMPARE(value.asPairs().size(), size_t(2));
    QCOMPARE(value.asPairs()[0].first.asString(), std::string("x"));
    QCOMPARE(value.find("x")->asInt(), int64_t(3));
  }

  void sharedPartsAreShared() {
    // t = [1]; t, then t.append(2), then (t, t)
    const PickleValue value = load("](K\x01"
                                   "eq\x01K\x02"
                                   "ah\x01\x86.");
    for (const PickleValue& item : value.asItems()) QCOMPARE(item.asItems().size(), size_t(2));
  }

  void tensorsStayInsideTheirStorage() {
    QCOMPARE(load(tensorPickle("K\x02", "K\x02K\x03\x86", "K\x03K\x01\x86")).asTensor().numel(), int64_t(6));
    const std::string zero("K\0", 2);
    const auto code = [](const std::string& offset, const std::string& size, const std::string& stride) {
      return codeOfLoad(tensorPickle(offset, size, stride));
    };
    const int corrupt = int(ErrorCode::Corrupt);
    QCOMPARE(code("K\x08", "K\x03\x85", "K\x01\x85"), corrupt);
    QCOMPARE(code(longOf(-1), "K\x03\x85", "K\x01\x85"), corrupt);
    QCOMPARE(code(longOf(INT64_MAX), "K\x03\x85", "K\x01\x85"), corrupt);
    QCOMPARE(code(zero, "K\x03\x85", "K\x05\x85"), corrupt);
    QCOMPARE(code(zero, "K\x03\x85", longOf(-1) + "\x85"), corrupt);
    QCOMPARE(code(zero, "K\x03\x85", longOf(INT64_MAX) + "\x85"), corrupt);
    QCOMPARE(code(zero, longOf(-1) + "\x85", "K\x01\x85"), corrupt);
    QCOMPARE(code(zero, longOf(INT64_MAX) + "\x85", "K\x01\x85"), corrupt);
    QCOMPARE(code(zero, longOf(int64_t{1} << 62) + longOf(4) + "\x86", "K\x01K\x01\x86"), corrupt);
    QCOMPARE(code(zero, "K\x03K\x03\x86", "K\x01\x85"), corrupt);
    QCOMPARE(code("N", "K\x03\x85", "K\x01\x85"), corrupt);
    QCOMPARE(code(zero, "U\x01x\x85", "K\x01\x85"), corrupt);
    QCOMPARE(code(zero, "N", "N"), corrupt);
    // Expanded without bound.
    QCOMPARE(code(zero, longOf(int64_t{1} << 40) + "\x85", zero + "\x85"), corrupt);
    QCOMPARE(load(tensorPickle(zero, longOf(1000) + "\x85", zero + "\x85")).asTensor().numel(), int64_t(1000));
    // No data needs no place.
    QCOMPARE(load(tensorPickle(zero, zero + "\x85", "K\x01\x85")).asTensor().numel(), int64_t(0));
    // Too many dimensions.
    QCOMPARE(code(zero, "(" + repeat("K\x01", 100) + "t", "(" + repeat("K\x01", 100) + "t"), corrupt);
    QCOMPARE(codeOfLoad("ctorch._utils\n_rebuild_tensor_v2\n)R."), corrupt);
  }

  void hostilePickles_data() {
    QTest::addColumn<QByteArray>("bytes");
    const auto add = [](const char* name, const std::string& bytes) {
      QTest::newRow(name) << QByteArray(bytes.data(), qsizetype(bytes.size()));
    };
    add("empty", "");
    add("no stop", "K\x01");
    add("stop on nothing", ".");
    add("unknown opcode", "\xff.");
    add("protocol 9", "\x80\x09N.");
    add("pop on nothing", "0.");
    add("tuple below the mark", "K\x01(\x85.");
    add("tuple of too few", "K\x01\x86.");
    add("mark missing", "K\x01t.");
    add("append to a number", "K\x01K\x02"
                              "a.");
    add("append to a tuple", ")K\x02"
                             "a.");
    add("append to nothing", "K\x02"
                             "a.");
    add("items of a list", "]K\x01K\x02s.");
    add("odd dict", "(K\x01"
                    "d.");
    add("memo never made", "h\x05.");
    add("memo of nothing", "q\x01.");
    add("negative memo", "Np-1\n.");
    add("text beyond the end", std::string("X\xff\xff\xff\x7f.", 6));
    add("text of 2^64 bytes", "\x8d\xff\xff\xff\xff\xff\xff\xff\xff.");
    add("bytes beyond the end", "C\x05"
                                "ab.");
    add("long beyond the end", "\x8b\xff\xff\xff\x7f.");
    add("line without end", "I123");
    add("number of letters", "Iabc\n.");
    add("float of letters", "Fabc\n.");
    add("long of letters", "Labc\n.");
    add("string without quotes", "Sabc\n.");
    add("string with a bad escape", "S'\\q'\n.");
    add("unicode with a bad escape", "V\\uzzzz\n.");
    add("unicode beyond Unicode", "V\\U00110000\n.");
    add("call of a number", "K\x01)R.");
    add("call without arguments", "ca\nB\nNR.");
    add("call of an object", "ca\nB\n)R)R.");
    add("class of numbers", "K\x01K\x02\x93.");
    add("dict of no pairs", "ccollections\nOrderedDict\n(](K\x01"
                            "etR.");
    add("bytes of other characters", "c_codecs\nencode\n(X\x03" + std::string(3, '\0') + "\xe2\x98\x85U\x06latin1tR.");
    add("a list in itself", "]q\x01h\x01"
                            "a.");
    add("a dict in its own value", "}q\x01U\x01xh\x01s.");
    add("a cycle over an object", "]q\x01(ca\nB\nh\x01oa.");
    add("a cycle over a state", "ca\nB\n)Rq\x01h\x01\x85"
                                "b.");
    add("deep lists", repeat("(", 300'000) + repeat("l", 300'000) + ".");
    add("deep tuples", ")" + repeat("\x85", 300'000) + ".");
    add("deep objects", "ca\nB\nq\x01)" + repeat("\x85h\x01\x86"
                                                 "0h\x01)R",
                                                 1000) + repeat("\x85", 300) + ".");
    add("deep, then cut off", ")" + repeat("\x85", 300'000));
    // Each tuple holds the one before it four times: 4^30 values when unfolded.
    add("memo bomb", "K\x01q\x01" + repeat("0(h\x01h\x01h\x01h\x01tq\x01", 30) + ".");
    // A text is not copied when it is repeated, a dict's pairs are: this asks for 10^5 · 10^5 of them.
    add("dict of dicts", "](" + repeat("](K\x01K\x02"
                                       "e",
                                       100'000) +
                             "e\x85q\x01" + repeat("0ccollections\nOrderedDict\nh\x01R", 1000) + ".");
    add("type of type of type", "ctorch._tensor\n_rebuild_from_type_v2\nq\x01)" +
                                    repeat("q\x02"
                                           "0(h\x01Nh\x02}t",
                                           100'000) +
                                    "q\x02"
                                    "0h\x01h\x02R.");
  }

  void hostilePickles() {
    QFETCH(QByteArray, bytes);
    QCOMPARE(codeOfLoad(bytes.toStdString()), int(ErrorCode::Corrupt));
  }

  void thingsOutsideTheFile() {
    for (const char* pickle : {"\x82\x01.", "\x97.", "N\x98."})
      QCOMPARE(codeOfLoad(pickle), int(ErrorCode::Unsupported));
  }

  void whatIsThrownAwayMayBeDeep() {
    // Built, popped, never part of the result.
    QCOMPARE(load(")" + repeat("\x85", 300'000) +
                  "0K\x05.")
                 .asInt(),
             int64_t(5));
    QCOMPARE(load("]q\x01h\x01"
                  "a0K\x05.")
                 .asInt(),
             int64_t(5));
  }

  void repeatedTextsCostNothing() {
    const std::string text(1 << 20, 'x');
    const std::string size("\0\0\x10\0", 4);
    const PickleValue value = load("](X" + size + text + "q\x01" + repeat("h\x01", 100'000) + "e.");
    QCOMPARE(value.asItems().size(), size_t(100'001));
    QCOMPARE(value.asItems().back().asString().data(), value.asItems().front().asString().data());
  }

  void unicodeHelpers() {
    QVERIFY(isUtf8("Größe ★ 🙂"));
    for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x28\xa1"})
      QVERIFY(!isUtf8(bad));
    QCOMPARE(*utf8ToLatin1(latin1ToUtf8("\xff\x80z")), std::string("\xff\x80z"));
    QVERIFY(!utf8ToLatin1("★"));
  }
};

QTEST_GUILESS_MAIN(UnpicklerTest)
#include "unpickler_test.moc"

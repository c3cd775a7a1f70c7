// Steering against the paper's wrapper in transformers, and what must hold of every edit.
#include "core/steering/steering_session.h"

#include <map>
#include <set>

#include "core/steering/sampling.h"
#include "tests/core/steering/steering_case.h"

using namespace sememe;
using namespace sememe::test;
using Op = Intervention::Op;

namespace {

struct Asked {
  at::Tensor logits;
  Answer answer;
};

Asked ask(SteeringSession& session, const std::optional<Steering>& steering, const SamplingOptions& options = tokens(12)) {
  Asked asked;
  AnswerCallbacks callbacks;
  callbacks.onFirst = [&](const at::Tensor& logits) { asked.logits = logits; };
  asked.answer = session.answer(steering, options, callbacks);
  return asked;
}

}  // namespace

class SteeringTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalsThePaper_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("CLIP, first key scheme, batch top-k") << QStringLiteral("llava");
    QTest::newRow("SigLIP, newer scheme, Matryoshka, an earlier layer") << QStringLiteral("llava_siglip");
  }

  void equalsThePaper() {
    QFETCH(QString, name);
    const Case c(name.toStdString());
    Steering several = set({{5, Op::Set, 20}, {40, Op::Set, -15}, {63, Op::Set, 25}}), preZero = set({{7, Op::Set, 12}});
    preZero.preZero = true;
    const std::map<std::string, std::optional<Steering>> cases = {{"original", {}},
                                                                  {"reconstruction", Steering{}},
                                                                  {"set", set({{5, Op::Set, 30}})},
                                                                  {"several", several},
                                                                  {"pre_zero", preZero}};
    SteeringSession session = c.session();
    // Twice and in turn: nothing of one may be left in the next.
    for (int round = 0; round < 2; ++round) {
      for (const auto& [label, steering] : cases) {
        const Asked asked = ask(session, steering);
        const double far = difference(asked.logits, c.expected->tensor(label + ".logits"));
        QVERIFY2(far < 1e-3, qPrintable(QString::fromStdString(label) + QStringLiteral(": %1").arg(far)));
        QCOMPARE(asked.answer.tokens, numbers(c.expected->tensor(label + ".greedy").clone()));
        QVERIFY(!asked.answer.ended);
        SteeringSession fresh = c.session();
        const Asked anew = ask(fresh, steering);
        QVERIFY(anew.logits.equal(asked.logits));
        QCOMPARE(anew.answer.tokens, asked.answer.tokens);
      }
    }
  }

  // Against whole latents edited and decoded.
  void editsAreWhatTheySay() {
    const Case c("llava");
    SteeringSession session = c.session();
    const ImageCode& code = session.code();
    const at::Tensor x = code.activation, z = c.sae->encode(x);
    const int64_t fires = z[0].sum(0).argmax().item<int64_t>();
    const std::vector<Intervention> all = {{fires, Op::Scale, 2.5}, {fires, Op::Add, -1}, {3, Op::Add, 4}, {9, Op::Set, 7}, {9, Op::Zero, 0}};
    at::Tensor edited = z.clone();
    edited.select(2, fires).mul_(2.5).sub_(1);
    edited.select(2, 3).add_(4);
    edited.select(2, 9).zero_();
    Steering steering = set(all);
    COMPARE_TENSORS(steer(*c.sae, code, steering), c.sae->decode(edited));
    steering.mode = Steering::Mode::KeepError;
    const at::Tensor kept = x + c.sae->decode(edited) - c.sae->decode(z);
    COMPARE_TENSORS(steer(*c.sae, code, steering), kept);

    // A mask of everything is none; else what is outside stays.
    steering.mask.assign(size_t(code.tokens()), true);
    QVERIFY(steer(*c.sae, code, steering).equal(steer(*c.sae, code, [&] { Steering s = steering; s.mask.clear(); return s; }())));
    steering.mask.assign(size_t(code.tokens()), false);
    steering.mask[2] = true;
    const at::Tensor one = steer(*c.sae, code, steering);
    COMPARE_TENSORS(one[0][2], kept[0][2]);
    QVERIFY(one[0][1].equal(x[0][1]) && one[0][3].equal(x[0][3]));
    steering.mode = Steering::Mode::Replace;
    steering.preZero = true;
    at::Tensor emptied = at::zeros_like(z);
    emptied.select(2, fires).fill_(-1);
    emptied.select(2, 3).fill_(4);
    const at::Tensor both = steer(*c.sae, code, steering);
    COMPARE_TENSORS(both[0][2], c.sae->decode(emptied)[0][2]);
    COMPARE_TENSORS(both[0][1], c.sae->decode(z)[0][1]);
  }

  void nothingEditedIsTheOriginal() {
    for (const char* name : {"llava", "llava_siglip"}) {
      const Case c(name);
      SteeringSession session = c.session();
      Steering nothing;
      nothing.mode = Steering::Mode::KeepError;
      const Asked steered = ask(session, nothing), original = ask(session, {});
      QVERIFY(steered.logits.equal(original.logits));
      QCOMPARE(steered.answer.tokens, original.answer.tokens);
    }
  }

  void samplesAsTransformers() {
    const auto expected = SafetensorsFile::open(steeringFolder() / "sampling.safetensors");
    const at::Tensor logits = expected->tensor("logits").clone();
    const std::vector<int64_t> history = numbers(expected->tensor("history").clone());
    int cases = 0;
    for (const std::string& key : expected->keys()) {
      if (!key.starts_with("probabilities.")) continue;
      const QStringList parts = QString::fromStdString(key).mid(14).split(QLatin1Char('.'));  // 0 5 0 9 2
      SamplingOptions options;
      options.temperature = parts.mid(0, 2).join(QLatin1Char('.')).toDouble();
      options.topP = parts.mid(2, 2).join(QLatin1Char('.')).toDouble();
      options.noRepeatNgram = parts[4].toInt();
      COMPARE_TENSORS(nextTokenProbabilities(logits, history, options), expected->tensor(key));
      ++cases;
    }
    QCOMPARE(cases, 36);

    // Draws follow the probabilities; the same seed draws the same.
    SamplingOptions options;
    options.temperature = 1;
    options.topP = 0.9;
    options.seed = 5;
    const at::Tensor probabilities = nextTokenProbabilities(logits, {}, options);
    at::Tensor drawn = at::zeros({50});
    Sampler sampler(options), again(options);
    for (int i = 0; i < 20000; ++i) {
      const int64_t token = sampler.next(logits, {});
      QCOMPARE(again.next(logits, {}), token);
      drawn.mutable_data_ptr<float>()[token] += 1;
    }
    QVERIFY(difference(drawn / 20000, probabilities) < 0.015);
    QVERIFY((drawn.gt(0) & probabilities.eq(0)).sum().item<int64_t>() == 0);
  }

  void stopsWhereItShould() {
    const Case c("llava");
    SteeringSession session = c.session();
    const std::vector<int64_t> whole = ask(session, {}).answer.tokens;
    SamplingOptions options = tokens(12);
    options.stopTokens = {whole[4]};
    const size_t first = size_t(std::find(whole.begin(), whole.end(), whole[4]) - whole.begin());
    const Answer ended = session.answer({}, options);
    QVERIFY(ended.ended);
    QCOMPARE(ended.tokens, std::vector<int64_t>(whole.begin(), whole.begin() + int64_t(first)));
    QVERIFY(ask(session, {}, tokens(0)).answer.tokens.empty());
    QVERIFY(ask(session, {}, tokens(0)).logits.defined());
    // More than the cache had room for, and the beginning is the same.
    const std::vector<int64_t> longer = ask(session, {}, tokens(300)).answer.tokens;
    QCOMPARE(longer.size(), size_t(300));
    QCOMPARE(std::vector<int64_t>(longer.begin(), longer.begin() + 12), whole);

    options = tokens(60);
    options.noRepeatNgram = 2;
    const std::vector<int64_t> varied = session.answer({}, options).tokens;
    std::set<std::pair<int64_t, int64_t>> pairs;
    for (size_t i = 0; i + 1 < varied.size(); ++i) QVERIFY(pairs.emplace(varied[i], varied[i + 1]).second);

    // A stop between two tokens; what comes next is not touched by it.
    std::stop_source stop;
    int seen = 0;
    AnswerCallbacks callbacks;
    callbacks.onToken = [&](int64_t) {
      if (++seen == 3) stop.request_stop();
    };
    QVERIFY_EXCEPTION_THROWN(session.answer({}, tokens(12), callbacks, stop.get_token()), Cancelled);
    QCOMPARE(seen, 3);
    QCOMPARE(ask(session, {}).answer.tokens, whole);
  }

  void refusesWhatCannotBe() {
    const Case c("llava");
    SteeringSession session(c.llava, c.sae, c.tap);
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { session.answer({}, {}); }, {"prompt"}));
    session.setPrompt(numbers(c.expected->tensor("ids").clone()));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { session.answer({}, {}); }, {"image"}));
    session.setImage(c.expected->tensor("pixels"));
    const auto edit = [&](const Steering& s) { session.answer(s, tokens(1)); };
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { edit(set({{64, Op::Set, 1}})); }, {"64", "63"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { edit(set({{-1, Op::Set, 1}})); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { edit(set({{1, Op::Set, std::nan("")}})); }, {"finite"}));
    Steering masked = set({{1, Op::Set, 1}});
    masked.mask = {true};
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { edit(masked); }, {"mask"}));
    const int64_t image = c.llava->config().imageToken;
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { session.setPrompt({1, 2}); }, {"image"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { session.setPrompt({1, image}); }));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { session.setPrompt({1, image, 97}); }, {"vocabulary"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { SteeringSession(c.llava, c.sae, {TapPoint::PostMlpResidual, 3}); }, {"change nothing"}));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { SteeringSession(c.llava, c.sae, {TapPoint::InMlp, 1}); }, {"36", "50"}));
    for (const auto& change : std::vector<std::function<void(SamplingOptions&)>>{
             [](SamplingOptions& o) { o.maxTokens = -1; }, [](SamplingOptions& o) { o.temperature = -1; },
             [](SamplingOptions& o) { o.topP = 0; }, [](SamplingOptions& o) { o.noRepeatNgram = -1; }}) {
      SamplingOptions options;
      change(options);
      QVERIFY(throwsError(ErrorCode::Invalid, [&] { session.answer({}, options); }));
    }
    QCOMPARE(tapName(defaultSteeringTap(c.llava->config())), std::string("2_post_mlp_residual"));
  }
};

QTEST_GUILESS_MAIN(SteeringTest)
#include "steering_test.moc"

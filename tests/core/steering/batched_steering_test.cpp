// Many questions in one pass against one session for each.
#include "core/steering/batched_steering.h"

#include <set>

#include "tests/core/steering/steering_case.h"

using namespace sememe;
using namespace sememe::test;
using Op = Intervention::Op;

class BatchedSteeringTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalsOneByOne_data() {
    QTest::addColumn<QString>("name");
    QTest::newRow("CLIP, first key scheme, batch top-k") << QStringLiteral("llava");
    QTest::newRow("SigLIP, newer scheme, Matryoshka, an earlier layer") << QStringLiteral("llava_siglip");
  }

  void equalsOneByOne() {
    QFETCH(QString, name);
    const Case c(name.toStdString());
    const std::vector<int64_t> prompt = numbers(c.expected->tensor("ids").clone());
    const at::Tensor pixels = at::cat({c.expected->tensor("pixels"), at::randn({2, 3, 28, 28}, at::make_generator<at::CPUGeneratorImpl>(4))});
    Steering preZero = set({{7, Op::Set, 12}}), kept = set({{40, Op::Set, -15}, {5, Op::Add, 3}}), masked = set({{5, Op::Set, 30}});
    preZero.preZero = true;
    kept.mode = Steering::Mode::KeepError;
    masked.mask.assign(size_t(c.llava->vision->info().tokens), false);
    masked.mask[1] = true;
    const std::vector<std::optional<Steering>> edits = {{}, Steering{}, set({{5, Op::Set, 30}}), preZero, kept, masked};

    BatchedSteering batched(c.llava, c.sae, c.tap);
    batched.setPrompt(prompt);
    const auto images = batched.images(pixels);
    QCOMPARE(images.size(), size_t(3));
    SamplingOptions sampled = tokens(12);
    sampled.temperature = 1;
    sampled.seed = 3;
    for (const SamplingOptions& options : {tokens(12), sampled}) {
      std::vector<SteeredQuestion> questions;
      std::vector<Answer> single;
      for (size_t i = 0; i < images.size(); ++i) {
        SteeringSession session(c.llava, c.sae, c.tap);
        session.setPrompt(prompt);
        session.setImage(pixels[int64_t(i)]);
        for (const auto& edit : edits) {
          questions.push_back({images[i], edit});
          single.push_back(session.answer(edit, options));
        }
      }
      // In one batch, in several of different sizes, and one by one: the caches of each size begin with the same prompt.
      for (const size_t size : {size_t(18), size_t(5), size_t(1)}) {
        std::vector<Answer> all;
        for (size_t first = 0; first < questions.size(); first += size) {
          const std::span some = std::span(questions).subspan(first, std::min(size, questions.size() - first));
          for (Answer& answer : batched.answer(some, options)) all.push_back(std::move(answer));
        }
        QCOMPARE(all.size(), single.size());
        for (size_t i = 0; i < all.size(); ++i) {
          QCOMPARE(all[i].tokens, single[i].tokens);
          QCOMPARE(all[i].ended, single[i].ended);
        }
      }
      // The edits say different things, else the above would not show a row taken for another.
      std::set<std::vector<int64_t>> different;
      for (const Answer& answer : single) different.insert(answer.tokens);
      QVERIFY(different.size() >= 8);
    }
    QCOMPARE(batched.answer(std::vector<SteeredQuestion>{{images[0], edits[2]}}, tokens(12)).front().tokens, numbers(c.expected->tensor("set.greedy").clone()));
  }

  // Rows that end early leave the others as they are.
  void endsEachByItself() {
    const Case c("llava");
    BatchedSteering batched(c.llava, c.sae, c.tap);
    batched.setPrompt(numbers(c.expected->tensor("ids").clone()));
    const auto image = batched.images(c.expected->tensor("pixels")).front();
    const std::vector<SteeredQuestion> questions = {{image, {}}, {image, set({{5, Op::Set, 30}})}, {image, Steering{}}};
    const std::vector<Answer> unstopped = batched.answer(questions, tokens(12));
    SamplingOptions options = tokens(12);
    options.stopTokens = {unstopped[1].tokens[2]};
    SteeringSession session = c.session();
    const std::vector<Answer> stopped = batched.answer(questions, options);
    int ended = 0;
    for (size_t i = 0; i < questions.size(); ++i) {
      const Answer single = session.answer(questions[i].steering, options);
      QCOMPARE(stopped[i].tokens, single.tokens);
      QCOMPARE(stopped[i].ended, single.ended);
      ended += stopped[i].ended;
    }
    QVERIFY(ended >= 1);
    QVERIFY(batched.answer(questions, tokens(0))[2].tokens.empty());
    QVERIFY(batched.answer({}, tokens(3)).empty());
  }

  // Without an SAE the neurons are the activation's columns: as a dictionary that passes everything through would have it.
  void editsTheTowersOwnNeurons() {
    const Case c("llava_siglip");
    BatchedSteering batched(c.llava, nullptr, c.tap);
    batched.setPrompt(numbers(c.expected->tensor("ids").clone()));
    const auto image = batched.images(c.expected->tensor("pixels")).front();
    QVERIFY(!image->code);
    const at::Tensor x = image->halted.pass.activation;
    Steering edit = set({{3, Op::Set, 30}, {8, Op::Scale, -2}});
    at::Tensor wanted = x.clone();
    wanted.select(2, 3).fill_(30);
    wanted.select(2, 8).mul_(-2);
    QVERIFY(steer(x, edit).equal(wanted));
    edit.mask.assign(size_t(x.size(1)), false);
    edit.mask[1] = true;
    QVERIFY(steer(x, edit)[0][1].equal(wanted[0][1]) && steer(x, edit)[0][0].equal(x[0][0]));
    edit.mask.clear();
    edit.preZero = true;
    QCOMPARE(steer(x, edit).abs().sum().item<double>(), 30.0 * double(x.size(1)));
    edit.preZero = false;

    // The pass goes on with the edited activation.
    LlavaImagePass pass = image->halted;
    pass.pass.activation = wanted;
    const at::Tensor features = c.llava->resumeImage(pass);
    const at::Tensor embeds = c.llava->embedPrompt(numbers(c.expected->tensor("ids").clone()), features);
    const at::Tensor states = c.llava->language->forward(embeds);
    const int64_t first = c.llava->language->logits(states[0][-1]).argmax().item<int64_t>();
    const std::vector<SteeredQuestion> questions = {{image, edit}, {image, {}}, {image, Steering{}}};
    const std::vector<Answer> answers = batched.answer(questions, tokens(12));
    QCOMPARE(answers[0].tokens.front(), first);
    QCOMPARE(answers[1].tokens, numbers(c.expected->tensor("original.greedy").clone()));
    QCOMPARE(answers[2].tokens, answers[1].tokens);
    QVERIFY(answers[0].tokens != answers[1].tokens);
  }

  void refusesAndStops() {
    const Case c("llava");
    BatchedSteering batched(c.llava, c.sae, c.tap);
    const auto image = batched.images(c.expected->tensor("pixels")).front();
    const auto ask = [&](const Steering& steering, const SamplingOptions& options, const std::stop_token& stop = {}) {
      batched.answer(std::vector<SteeredQuestion>{{image, {}}, {image, steering}}, options, stop);
    };
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { ask({}, tokens(1)); }, {"prompt"}));
    batched.setPrompt(numbers(c.expected->tensor("ids").clone()));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { ask(set({{64, Op::Set, 1}}), tokens(1)); }, {"64", "63"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { ask({}, tokens(-1)); }, {"tokens"}));
    QVERIFY(throwsError(ErrorCode::Mismatch, [&] { BatchedSteering(c.llava, c.sae, {TapPoint::InMlp, 1}); }, {"36", "50"}));
    QVERIFY(throwsError(ErrorCode::Invalid, [&] { BatchedSteering(c.llava, nullptr, {TapPoint::PostMlpResidual, 3}); }, {"change nothing"}));
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_EXCEPTION_THROWN(ask({}, tokens(3), stop.get_token()), Cancelled);
    ask({}, tokens(3));  // and goes on after it
  }
};

QTEST_GUILESS_MAIN(BatchedSteeringTest)
#include "batched_steering_test.moc"

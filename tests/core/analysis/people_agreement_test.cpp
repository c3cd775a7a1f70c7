// Agreement with people: codings of answers, shares, intervals, and what the bootstrap covers.
#include <QTest>
#include <cmath>
#include <random>

#include "core/analysis/people_agreement.h"
#include "core/base/error.h"
#include "tests/support/failure.h"

using namespace sememe;

class PeopleAgreementTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void detectsTheCoding() {
    const auto decoded = [](std::vector<std::string> answers) {
      const DecodedAnswers d = decodeAnswers(answers);
      return std::make_pair(d.coding, d.preference);
    };
    using List = std::vector<double>;
    QCOMPARE(decoded({"-1", "1", "+1"}), std::make_pair(AnswerCoding::Signs, List{-1, 1, 1}));
    QCOMPARE(decoded({"-1", "0", "1.0"}), std::make_pair(AnswerCoding::Signs, List{-1, 0, 1}));
    QCOMPARE(decoded({"0", "1"}), std::make_pair(AnswerCoding::Binary, List{-1, 1}));
    QCOMPARE(decoded({"1", "1"}), std::make_pair(AnswerCoding::Signs, List{1, 1}));
    QCOMPARE(decoded({"0.25", "0.5", "1"}), std::make_pair(AnswerCoding::Share, List{-0.5, 0, 1}));
    QCOMPARE(decoded({"-0.5", "0.25", "1"}), std::make_pair(AnswerCoding::Mean, List{-0.5, 0.25, 1}));
    QCOMPARE(decoded({"x", "Y", "y"}), std::make_pair(AnswerCoding::Names, List{1, -1, -1}));
  }

  void refusesOtherAnswers() {
    for (const std::vector<std::string>& answers : {std::vector<std::string>{}, {"1", "2"}, {"x", "1"}, {"1", ""}, {"nan"}, {"left"}}) {
      QCOMPARE(failureText([&] { decodeAnswers(answers); }).first, ErrorCode::Invalid);
    }
  }

  void countsAgreement() {
    const double nan = std::nan("");
    const std::vector<ComparedPair> pairs = {{1, 0.5, 0.45}, {-1, 0.5, 0.45}, {0.2, 0.9, 0.1}, {-0.2, 0.9, 0.75}, {1, 0.3, 0.3}, {0, 1, 0}, {1, nan, 0.5}};
    const Agreement a = agreementWithPeople(pairs, 1);
    QCOMPARE(a.undecided, 1);
    QCOMPARE(a.missing, 1);
    QCOMPARE(a.all.pairs, 5);
    QCOMPARE(a.all.share, 2.5 / 5);  // agree, not, agree, not, even
    QCOMPARE(a.intervals.size(), size_t(8));
    QCOMPARE(a.intervals[0].agreement.pairs, 3);
    QCOMPARE(a.intervals[0].agreement.share, 0.5);
    QCOMPARE(a.intervals[1].agreement.share, 0.0);
    QCOMPARE(a.intervals[3].agreement.pairs, 0);
    QVERIFY(std::isnan(a.intervals[3].agreement.share));
    QCOMPARE(a.intervals[7].agreement.share, 1.0);
    int64_t all = 0;
    for (const AgreementInterval& interval : a.intervals) all += interval.agreement.pairs;
    QCOMPARE(all, a.all.pairs);
  }

  void widensIntervalsForLargeMetrics() {
    const Agreement a = agreementWithPeople(std::vector<ComparedPair>{{1, 250, 0}, {1, 10, 0}}, 1);
    QCOMPARE(a.intervals.size(), size_t(10));
    QCOMPARE(a.intervals[0].agreement.pairs, 1);
    QCOMPARE(a.intervals[9].agreement.pairs, 1);
    QCOMPARE(a.intervals[9].to, 250.0);
    QCOMPARE(agreementWithPeople({}, 1).intervals.size(), size_t(0));
    QVERIFY(std::isnan(agreementWithPeople({}, 1).all.share));
  }

  // Of 200 sets of 100 pairs with a true share of .7, about 95 % of the intervals hold it.
  void intervalsCoverTheTruth() {
    std::mt19937_64 engine(5);
    int covered = 0;
    for (int set = 0; set < 200; ++set) {
      std::vector<ComparedPair> pairs;
      for (int i = 0; i < 100; ++i) pairs.push_back({engine() % 10 < 7 ? 1.0 : -1.0, 1, 0.5});
      const Agreement a = agreementWithPeople(pairs, uint64_t(set), 1000);
      QVERIFY(a.all.low <= a.all.share && a.all.share <= a.all.high);
      covered += a.all.low <= 0.7 && 0.7 <= a.all.high;
    }
    QVERIFY2(covered >= 180 && covered <= 199, qPrintable(QString::number(covered)));
  }

  void theSameSeedGivesTheSame() {
    std::vector<ComparedPair> pairs;
    for (int i = 0; i < 37; ++i) pairs.push_back({i % 3 ? 1.0 : -1.0, 0.4, 0.1});
    const Agreement a = agreementWithPeople(pairs, 8), b = agreementWithPeople(pairs, 8);
    QCOMPARE(a.all.low, b.all.low);
    QCOMPARE(a.all.high, b.all.high);
  }
};

QTEST_GUILESS_MAIN(PeopleAgreementTest)
#include "people_agreement_test.moc"

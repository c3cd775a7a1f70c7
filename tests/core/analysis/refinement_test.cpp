// What finer neurons refine: against the definition on random codes, on a made hierarchy, and where there is nothing to find.
#include <QTest>
#include <cmath>
#include <random>

#include "core/analysis/refinement.h"
#include "core/base/error.h"
#include "tests/support/failure.h"

using namespace sememe;

namespace {

SparseCodes codesOf(const at::Tensor& dense) {
  SparseCodesBuilder builder;
  builder.append(dense);
  return builder.codes();
}

}  // namespace

class RefinementTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void equalsTheDefinition() {
    at::manual_seed(2);
    const std::vector<int64_t> groups = {5, 9, 20};
    const at::Tensor z = at::rand({80, 34}) * (at::rand({80, 34}) < 0.25), w = at::randn({34, 6});
    // Some fire mostly where a coarser one does.
    for (int64_t n = 5; n < 34; n += 2) z.select(1, n).mul_((z.select(1, n < 14 ? n % 5 : 5 + n % 9) > 0) | (at::rand({80}) < 0.1));
    const std::vector<Refinement> found = findRefinements(codesOf(z), w, groups);
    const at::Tensor on = (z > 0).to(at::kDouble), unit = w.to(at::kDouble) / w.to(at::kDouble).norm(2, {1}, true);
    int parents = 0;
    int64_t before = 0, first = 5;
    for (size_t g = 1; g < groups.size(); ++g) {
      for (int64_t n = first; n < first + groups[g]; ++n) {
        int64_t parent = -1;
        double best = kLeastRefinement, share = 0;
        for (int64_t p = before; p < first; ++p) {
          const double s = (on.select(1, n) * on.select(1, p)).sum().item<double>() / on.select(1, n).sum().item<double>();
          const double score = (s - on.select(1, p).mean().item<double>()) * (1 + (unit[n] * unit[p]).sum().item<double>()) / 2;
          if (score > best) best = score, parent = p, share = s;
        }
        QCOMPARE(found[size_t(n)].parent, parent);
        if (parent < 0) continue;
        ++parents;
        QVERIFY(std::abs(found[size_t(n)].share - share) < 1e-6);
        QVERIFY(std::abs(found[size_t(n)].cosine - (unit[n] * unit[parent]).sum().item<double>()) < 1e-6);
      }
      before = first;
      first += groups[g];
    }
    QVERIFY(parents > 5);
    for (size_t n = 0; n < 5; ++n) QCOMPARE(found[n].parent, -1);
  }

  // Animals and things; dogs and cats under the one, cars under the other; something that fires everywhere has no child.
  void findsAMadeHierarchy() {
    std::mt19937 engine(1);
    const at::Tensor z = at::zeros({300, 6});
    for (int64_t i = 0; i < 300; ++i) {
      const int kind = int(engine() % 3);
      z[i][kind == 2 ? 1 : 0] = 1;
      z[i][2] = 0.5;  // everywhere
      z[i][3 + kind] = 2;
    }
    const std::vector<Refinement> found = findRefinements(codesOf(z), at::eye(6), std::vector<int64_t>{3, 3});
    QCOMPARE(found[3].parent, 0);
    QCOMPARE(found[4].parent, 0);
    QCOMPARE(found[5].parent, 1);
    QCOMPARE(found[3].share, 1.0F);
  }

  void nothingToFind() {
    // Dead neurons, a decoder of zeros, one group.
    for (const Refinement& r : findRefinements(codesOf(at::zeros({4, 6})), at::eye(6), std::vector<int64_t>{2, 4})) QCOMPARE(r.parent, -1);
    const at::Tensor z = at::zeros({4, 2});
    z[1].fill_(1);
    const std::vector<Refinement> flat = findRefinements(codesOf(z), at::zeros({2, 3}), std::vector<int64_t>{1, 1});
    QCOMPARE(flat[1].parent, 0);
    QCOMPARE(flat[1].cosine, 0.0F);
    QCOMPARE(findRefinements(codesOf(z), at::eye(2), std::vector<int64_t>{2})[1].parent, -1);
    QCOMPARE(failureText([&] { findRefinements(codesOf(z), at::eye(2), std::vector<int64_t>{1, 2}); }).first, ErrorCode::Mismatch);
    QCOMPARE(failureText([&] { findRefinements(codesOf(at::ones({2, 5})), at::eye(2), std::vector<int64_t>{1, 1}); }).first, ErrorCode::Mismatch);
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_THROWS_EXCEPTION(Cancelled, findRefinements(codesOf(z), at::eye(2), std::vector<int64_t>{1, 1}, stop.get_token()));
  }
};

QTEST_GUILESS_MAIN(RefinementTest)
#include "refinement_test.moc"

// Products of few rows and of rows in chunks, norms and rotations against LibTorch's own.
#include <torch/torch.h>

#include <QtTest>

#include "core/models/llama.h"
#include "core/models/products.h"

using namespace sememe;

class ProductsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { at::set_num_threads(2); }

  void fewRows_data() {
    QTest::addColumn<int>("rows");
    for (int rows = 1; rows <= 9; ++rows) QTest::addRow("%d", rows) << rows;
  }
  void fewRows() {
    QFETCH(int, rows);
    const at::NoGradGuard guard;
    torch::manual_seed(rows);
    for (const auto& [in, out] : {std::pair{1, 1}, {7, 3}, {8, 4}, {64, 5}, {129, 2}, {300, 700}}) {
      const at::Tensor w = at::randn({out, in}), b = at::randn({out}), x = at::randn({rows, in});
      for (const at::Tensor& bias : {b, at::Tensor()}) {
        const at::Tensor exact = at::linear(x.to(at::kDouble), w.to(at::kDouble), bias.defined() ? bias.to(at::kDouble) : bias);
        const at::Tensor ours = linearProduct(x.view({1, rows, in}), w, bias);
        QVERIFY((ours.sizes() == at::IntArrayRef{1, rows, out}));
        QVERIFY2((ours.view({rows, out}) - exact).abs().max().item<double>() < 2e-6 * in, "float32");
        if (rows <= 8) QVERIFY(at::equal(linearProduct(x.t().contiguous().t(), w, bias), linearProduct(x, w, bias)));
      }
      const at::Tensor wide = w.to(at::kBFloat16), narrow = x.to(at::kBFloat16);
      QVERIFY(at::equal(linearProduct(narrow, wide, {}), at::linear(narrow, wide)));
    }
  }

  // Where a gradient is wanted it is recorded.
  void recordsGradients() {
    const at::Tensor w = at::randn({4, 6}).requires_grad_(), x = at::randn({2, 6});
    linearProduct(x, w, {}).sum().backward();
    QVERIFY(at::allclose(w.grad(), x.sum(0).expand({4, 6})));
    const at::Tensor many = at::randn({2000, 6}).requires_grad_();
    inRowChunks(many, [](const at::Tensor& rows) { return rows.square(); }).sum().backward();
    QVERIFY(at::allclose(many.grad(), many.detach() * 2));
  }

  void normsAndRotations() {
    torch::manual_seed(3);
    for (const int64_t width : {1, 7, 32, 100, 2048}) {
      RmsNorm norm(width, 1e-5);
      norm->weight.set_data(at::randn({width}));
      const at::Tensor x = at::randn({2, 70, width}) * 5, wide = x.to(at::kDouble);
      const at::Tensor exact = norm->weight.to(at::kDouble) * wide * at::rsqrt(wide.square().mean(-1, true) + 1e-5);
      const at::NoGradGuard guard;
      QVERIFY((norm->forward(x) - exact).abs().max().item<double>() < 1e-5);
      QVERIFY((norm->forward(x.transpose(0, 1)) - exact.transpose(0, 1)).abs().max().item<double>() < 1e-5);
    }
    const Rope rope({}, 8);
    for (const at::Tensor& places : {at::arange(9).unsqueeze(0), at::stack({at::arange(9), at::arange(9) + 4})}) {
      const Rotation rotation = rope.at(places, at::kFloat);
      const at::Tensor projected = at::randn({2, 9, 24});
      const at::Tensor expected = rotation.apply(projected.clone().view({2, 9, 3, 8}).transpose(1, 2));
      const at::NoGradGuard guard;
      const at::Tensor turned = rotation.applyToOwn(projected.clone(), 3);
      QVERIFY((turned.sizes() == expected.sizes()));
      QVERIFY(at::allclose(turned, expected, 1e-5, 1e-6));
    }
  }

  void chunksOfRows() {
    const at::NoGradGuard guard;
    for (const int rows : {0, 1, 511, 1024, 1025, 2600}) {
      const at::Tensor x = at::randn({1, rows, 12}), w = at::randn({5, 12});
      int calls = 0;
      const at::Tensor y = inRowChunks(x, [&](const at::Tensor& some) {
        ++calls;
        return at::linear(some, w);
      });
      QVERIFY((y.sizes() == at::IntArrayRef{1, rows, 5}));
      QVERIFY(at::allclose(y, at::linear(x, w), 1e-5, 1e-5));
      QCOMPARE(calls > 1, rows >= 1024);
    }
  }
};

QTEST_GUILESS_MAIN(ProductsTest)
#include "products_test.moc"

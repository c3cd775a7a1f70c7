// The bars of the likeliest tokens.
#include "ui/steer/token_bars.h"

#include <QTest>

#include "tests/ui/ui_support.h"

using namespace sememe;

namespace {

std::vector<TokenChance> chances() {
  return {{5, "rose", 0.2, 0.5}, {9, " flower", 0.7, 0.01}, {3, "\n", 0.05, {}}, {0, "", 0.0000001, 0}};
}

}  // namespace

class TokenBarsTest : public QObject {
  Q_OBJECT
  Theme m_theme;

 private Q_SLOTS:
  void tokensAreLegible() {
    const auto shown = [](const std::string& text, int64_t token = 7) { return visibleToken({token, text, 0, {}}); };
    QCOMPARE(shown("flower"), QStringLiteral("flower"));
    QCOMPARE(shown(" a b"), QStringLiteral("␣a␣b"));
    QCOMPARE(shown("\n\t"), QStringLiteral("↵⇥"));
    QCOMPARE(shown("\r\x01"), QStringLiteral("\\r\\u0001"));
    QCOMPARE(shown("</s>"), QStringLiteral("</s>"));
    QCOMPARE(shown("花🌸"), QStringLiteral("花🌸"));
    QCOMPARE(shown("", 42), QStringLiteral("token 42"));
    QCOMPARE(shown("\xff").isEmpty(), false);  // half a character
  }

  void numbersAreLegible() {
    QCOMPARE(percent(1), QStringLiteral("100 %"));
    QCOMPARE(percent(0.99951), QStringLiteral("100 %"));
    QCOMPARE(percent(0.4213), QStringLiteral("42.1 %"));
    QCOMPARE(percent(0.00123), QStringLiteral("0.12 %"));
    QCOMPARE(percent(1e-9), QStringLiteral("< 0.01 %"));
    QCOMPARE(percent(0), QStringLiteral("0 %"));
  }

  void theLikeliestComesFirst() {
    TokenBars bars(m_theme);
    bars.setChances(chances());
    QCOMPARE(bars.chances().size(), size_t(4));
    QCOMPARE(bars.chances()[0].token, int64_t(9));
    QCOMPARE(bars.chances()[3].token, int64_t(0));
    QCOMPARE(bars.accessibleDescription().section(QLatin1Char(';'), 0, 0), QStringLiteral("␣flower 70.0 %, before 1.0 %"));
    QVERIFY(bars.accessibleDescription().contains(QStringLiteral("↵ 5.0 %;")));
    bars.setChances(std::vector<TokenChance>(30, chances()[0]));
    QCOMPARE(int(bars.chances().size()), TokenBars::kMost);
    bars.clear();
    QVERIFY(bars.chances().empty() && bars.accessibleDescription().isEmpty());
  }

  // What is drawn: the accent as far as the probability reaches, the thin bar as far as it was before.
  void barsAreAsLongAsTheChances() {
    TokenBars bars(m_theme);
    bars.resize(bars.sizeHint());
    bars.setChances(chances());
    const QImage shown = bars.grab().toImage().convertToFormat(QImage::Format_RGB32);
    const auto length = [&](int row, const QColor& color) {
      int longest = 0;
      const QRect area = bars.row(row);
      for (int y = area.top(); y <= area.bottom(); ++y) {
        int run = 0;
        for (int x = 0; x < shown.width(); ++x) {
          run = shown.pixelColor(x, y) == color ? run + 1 : 0;
          longest = std::max(longest, run);
        }
      }
      return longest;
    };
    const Colors& c = m_theme.colors();
    const int first = length(0, c.accent), second = length(1, c.accent), before = length(1, c.textMuted);
    QVERIFY(second > 8);
    QVERIFY2(std::abs(first - 3.5 * second) < 14, qPrintable(QStringLiteral("%1 %2").arg(first).arg(second)));
    QVERIFY2(std::abs(before - 2.5 * second) < 14, qPrintable(QStringLiteral("%1 %2").arg(before).arg(second)));
  }

  void fitsWhereThereIsLittleRoom() {
    TokenBars bars(m_theme);
    bars.grab();  // empty
    std::vector<TokenChance> many;
    for (int i = 0; i < 12; ++i) many.push_back({i, "averylongtokenthatnobodywouldhaveexpectedhere", 0.08, 0.1});
    bars.setChances(many);
    bars.resize(bars.minimumSizeHint());
    bars.grab();
    bars.resize(10, 10);
    bars.grab();
    QVERIFY(bars.minimumSizeHint().height() < bars.sizeHint().height());
    QCOMPARE(bars.row(1).top(), bars.row(0).top() + bars.row(0).height());
  }
};

QTEST_MAIN(TokenBarsTest)
#include "token_bars_test.moc"

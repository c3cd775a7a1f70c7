// Tests of the theme: contrast of every text colour, icons, switching.
#include "ui/theme/theme.h"

#include <QApplication>
#include <QDirIterator>
#include <QSignalSpy>
#include <QSvgRenderer>
#include <QTest>
#include <cmath>

using namespace sememe;

namespace {

// WCAG 2's relative luminance and contrast.
double luminance(const QColor& color) {
  const auto linear = [](double v) { return v <= 0.03928 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
  return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
}

double contrast(const QColor& a, const QColor& b) {
  const double la = luminance(a), lb = luminance(b);
  return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

}  // namespace

class ThemeTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void textCanBeRead() {
    for (const Colors* c : {&lightColors(), &darkColors()}) {
      for (const QColor& surface : {c->window, c->panel, c->raised, c->field, c->accentSoft, c->hover}) {
        QVERIFY2(contrast(c->text, surface) >= 7, qPrintable(surface.name()));
        QVERIFY2(contrast(c->textMuted, surface) >= 4.5, qPrintable(surface.name()));
      }
      for (const QColor& surface : {c->window, c->panel}) {
        QVERIFY(contrast(c->accent, surface) >= 4.5);
        QVERIFY(contrast(c->ok, surface) >= 4.5);
        QVERIFY(contrast(c->danger, surface) >= 4.5);
      }
      for (const QColor& curve : c->series) QVERIFY2(contrast(curve, c->panel) >= 3, qPrintable(curve.name()));
      QVERIFY(contrast(c->accentText, c->accent) >= 4.5);
      QVERIFY(contrast(c->tooltipText, c->tooltip) >= 7);
      QVERIFY(contrast(c->text, c->dangerSoft) >= 7);
      QVERIFY(contrast(c->accent, c->track) >= 3);  // bars
    }
  }

  void switchesAndTells() {
    Theme theme;
    QSignalSpy changed(&theme, &Theme::changed);
    theme.setMode(ThemeMode::Light);
    theme.setMode(ThemeMode::Dark);
    QVERIFY(theme.colors().dark);
    QVERIFY(changed.count() >= 1);
    QCOMPARE(QApplication::palette().color(QPalette::Window), darkColors().window);
    theme.setMode(ThemeMode::Light);
    QCOMPARE(QApplication::palette().color(QPalette::Window), lightColors().window);
    QVERIFY2(!qApp->styleSheet().contains(QLatin1Char('@')), "a colour's name was left in the style sheet");
  }

  void everyIconDrawsAndFollowsTheTheme() {
    Theme theme;
    int icons = 0;
    for (QDirIterator it(QStringLiteral(":/sememe/icons")); it.hasNext();) {
      const QString path = it.next();
      QVERIFY2(QSvgRenderer(path).isValid(), qPrintable(path));
      ++icons;
    }
    QVERIFY(icons > 20);
    theme.setMode(ThemeMode::Light);
    const QIcon icon = theme.icon(QStringLiteral("folder"));
    const QImage light = icon.pixmap(24, 24).toImage();
    theme.setMode(ThemeMode::Dark);
    const QImage dark = icon.pixmap(24, 24).toImage();
    QVERIFY(!light.isNull() && light != dark);
    QVERIFY(!Theme::programIcon().pixmap(64, 64).isNull());
  }
};

QTEST_MAIN(ThemeTest)
#include "theme_test.moc"

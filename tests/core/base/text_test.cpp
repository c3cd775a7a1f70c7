// White space and quotes around text.
#include <QTest>

#include "core/base/text.h"

using namespace sememe;

class TextTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void trimsWhiteSpaceAlone() {
    QVERIFY(trimmed(" \t a b\r\n") == "a b");
    QVERIFY(trimmed("\"a\" ") == "\"a\"");
    QVERIFY(trimmed(" \n ").empty() && trimmed("").empty());
  }

  void takesOnePairOfQuotesFromAField() {
    QVERIFY(fieldText(" \"tench, Tinca tinca\"\r") == "tench, Tinca tinca");
    QVERIFY(fieldText("\" a \"") == "a");
    QVERIFY(fieldText("\"\"a\"\"") == "\"a\"");
    QVERIFY(fieldText("3.5\" disk") == "3.5\" disk");
    QVERIFY(fieldText("disk of 3.5\"") == "disk of 3.5\"");
    QVERIFY(fieldText("\"") == "\"");
    QVERIFY(fieldText("\"\"").empty() && fieldText("  ").empty());
  }
};

QTEST_GUILESS_MAIN(TextTest)
#include "text_test.moc"

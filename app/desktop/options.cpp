// The command line of the window.
#include "app/desktop/options.h"

#include <QCommandLineParser>
#include <QRegularExpression>

namespace sememe {
namespace {

QStringList pageKeys() {
  QStringList keys;
  for (const PageInfo& info : pages()) keys << QString::fromLatin1(info.key);
  return keys;
}

}  // namespace

ParsedOptions parseOptions(const QStringList& arguments, const QString& version) {
  QCommandLineParser parser;
  parser.setApplicationDescription(
      QStringLiteral("Explores the neurons of sparse autoencoders.\n\n"
                     "Example: sememe --page explore --screenshot explore.png --theme dark demo.sememe"));
  parser.addPositionalArgument(QStringLiteral("workspace"), QStringLiteral("The *.sememe file to open."), QStringLiteral("[WORKSPACE]"));
  const QCommandLineOption page(QStringLiteral("page"), QString(QStringLiteral("The page to begin with: %1.").arg(pageKeys().join(QStringLiteral(", ")))), QStringLiteral("PAGE"));
  const QCommandLineOption shot(QStringLiteral("screenshot"), QStringLiteral("Draw the page, filled, to a PNG file without a screen, and quit."),
                                QStringLiteral("FILE"));
  const QCommandLineOption size(QStringLiteral("size"), QStringLiteral("Size of the window, such as 1440x900."), QStringLiteral("WxH"));
  const QCommandLineOption theme(QStringLiteral("theme"), QStringLiteral("dark or light, in the place of the one in the settings."),
                                 QStringLiteral("THEME"));
  const QCommandLineOption help({QStringLiteral("h"), QStringLiteral("help")}, QStringLiteral("Show this help."));
  const QCommandLineOption about({QStringLiteral("v"), QStringLiteral("version")}, QStringLiteral("Show the version."));
  parser.addOptions({page, shot, size, theme, help, about});

  const auto wrong = [](const QString& text) {
    return ParsedOptions{.options = {}, .text = QString(QStringLiteral("error: ") + text + QStringLiteral(" (see sememe --help)")), .status = 2};
  };
  if (!parser.parse(arguments)) return wrong(parser.errorText());
  if (parser.isSet(help)) return {.options = {}, .text = parser.helpText(), .status = 0};
  if (parser.isSet(about)) return {.options = {}, .text = QString(QStringLiteral("sememe ") + version), .status = 0};

  Options options;
  const QStringList files = parser.positionalArguments();
  if (files.size() > 1) return wrong(QStringLiteral("one workspace at a time, not %1").arg(files.size()));
  if (!files.isEmpty()) options.workspace = files.first();
  if (parser.isSet(page)) {
    const auto index = pageKeys().indexOf(parser.value(page));
    if (index < 0)
      return wrong(QStringLiteral("there is no page “%1”; there are: %2").arg(parser.value(page), pageKeys().join(QStringLiteral(", "))));
    options.page = pages()[index].page;
  }
  options.screenshot = parser.value(shot);
  if (parser.isSet(shot) && options.screenshot.isEmpty()) return wrong(QStringLiteral("--screenshot needs a file"));
  if (parser.isSet(size)) {
    const auto match = QRegularExpression(QStringLiteral("^([0-9]{3,5})x([0-9]{3,5})$")).match(parser.value(size));
    if (!match.hasMatch()) return wrong(QStringLiteral("--size is WIDTHxHEIGHT, such as 1440x900, not “%1”").arg(parser.value(size)));
    options.size = QSize(match.captured(1).toInt(), match.captured(2).toInt());
    if (options.size->width() > 8192 || options.size->height() > 8192) return wrong(QStringLiteral("--size is at most 8192x8192"));
  }
  if (parser.isSet(theme)) {
    const QString name = parser.value(theme);
    if (name == QLatin1String("dark")) options.theme = ThemeMode::Dark;
    else if (name == QLatin1String("light")) options.theme = ThemeMode::Light;
    else return wrong(QStringLiteral("--theme is dark or light, not “%1”").arg(name));
  }
  return {.options = options, .text = {}, .status = 0};
}

}  // namespace sememe

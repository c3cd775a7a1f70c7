// The command line of the window: a workspace, and a page to draw to a file instead of to the screen.
#pragma once

#include <QSize>
#include <QString>
#include <QStringList>
#include <optional>

#include "ui/settings/settings.h"
#include "ui/window/page_bar.h"

namespace sememe {

struct Options {
  QString workspace;   // empty: the start page
  QString screenshot;  // file to draw the page to; empty: show the window
  std::optional<QSize> size;
  std::optional<ThemeMode> theme;
  Page page = Page::Explore;
};

// What came of the arguments: options, or a text to print and the exit status (0 after --help and --version, 2 for wrong use).
struct ParsedOptions {
  std::optional<Options> options;
  QString text;
  int status = 0;
};

// `arguments`: with the program's name first.
ParsedOptions parseOptions(const QStringList& arguments, const QString& version);

}  // namespace sememe

// The look: the colours of the light and the dark theme, the application's palette and style sheet, and the icons.
#pragma once

#include <QColor>
#include <QIcon>
#include <QObject>
#include <QPixmap>
#include <QString>
#include <array>
#include <memory>

namespace sememe {

enum class ThemeMode { System, Light, Dark };

// Every colour that is painted anywhere. Text colours reach a contrast of 4.5 : 1 on window, panel and field;
// textFaint is for what is disabled or mere decoration.
struct Colors {
  bool dark = false;
  QColor window, panel, raised, field, hover;  // surfaces: behind the panels, the panels, menus, inputs, under the pointer
  QColor line, lineStrong;                     // between things, around inputs
  QColor text, textMuted, textFaint;
  QColor accent, accentHover, accentText, accentSoft;  // the one accent, what is written on it, a selected row
  QColor track, scroll;                                // the empty part of a bar, a scroll bar's handle
  QColor danger, dangerSoft, ok;
  QColor tooltip, tooltipText;
  QColor veil;  // over the page, behind the image viewer
  std::array<QColor, 8> series;  // of the curves in a chart, told apart on a panel; 3 : 1 or more
};
const Colors& lightColors();
const Colors& darkColors();

// Distances are multiples of this many pixels.
constexpr int kUnit = 8;

// The application's theme. GUI thread. Widgets that paint themselves keep a reference and repaint on changed().
class Theme : public QObject {
  Q_OBJECT
 public:
  // Made after QApplication and before anything changes its palette: that one tells whether the system is dark.
  explicit Theme(QObject* parent = nullptr);
  ~Theme() override;

  void setMode(ThemeMode mode);
  ThemeMode mode() const { return m_mode; }
  const Colors& colors() const { return *m_colors; }

  // A line icon of resources/icons in the text's colour, following the theme. Names without folder and ending.
  QIcon icon(const QString& name) const;
  // The same at one size (in device-independent pixels) and colour.
  static QPixmap pixmap(const QString& name, int side, const QColor& color, double devicePixelRatio);
  // The program's own icon, in colours.
  static QIcon programIcon();

 Q_SIGNALS:
  void changed();

 private:
  void apply();

  bool m_systemIsDark;
  ThemeMode m_mode = ThemeMode::System;
  std::shared_ptr<const Colors*> m_current;  // what the icons look at
  const Colors* m_colors;
};

}  // namespace sememe

// The look: colours, palette, style sheet and icons.
#include "ui/theme/theme.h"

#include <QApplication>
#include <QFile>
#include <QIconEngine>
#include <QPainter>
#include <QPalette>
#include <QPixmapCache>
#include <QProxyStyle>
#include <QSvgRenderer>
#include <cmath>
#include <utility>
#include <vector>

static void initResources() { Q_INIT_RESOURCE(resources); }  // outside of any namespace, as the macro wants

namespace sememe {
namespace {

// Fusion, without the desktop's pictures on the buttons of dialogs.
class PlainStyle : public QProxyStyle {
 public:
  using QProxyStyle::QProxyStyle;
  int styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget, QStyleHintReturn* value) const override {
    return hint == SH_DialogButtonBox_ButtonsHaveIcons ? 0 : QProxyStyle::styleHint(hint, option, widget, value);
  }
};

QColor rgb(uint value) { return QColor::fromRgb(value); }

QByteArray readResource(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QPixmap renderSvg(const QByteArray& svg, const QSize& pixels) {
  QPixmap pixmap(pixels);
  pixmap.fill(Qt::transparent);
  QSvgRenderer renderer(svg);
  QPainter painter(&pixmap);
  painter.setRenderHint(QPainter::Antialiasing);
  renderer.render(&painter, QRectF(QPointF(), QSizeF(pixels)));
  return pixmap;
}

QPixmap iconPixels(const QString& name, const QSize& pixels, const QColor& color) {
  const QString key = QStringLiteral("sememe/%1/%2/%3").arg(name).arg(pixels.width()).arg(color.name(QColor::HexArgb));
  QPixmap pixmap;
  if (QPixmapCache::find(key, &pixmap)) return pixmap;
  QByteArray svg = readResource(QStringLiteral(":/sememe/icons/%1.svg").arg(name));
  svg.replace("#000", color.name().toUtf8());
  pixmap = renderSvg(svg, pixels);
  QPixmapCache::insert(key, pixmap);
  return pixmap;
}

// Draws a line icon in the colour of the moment, sharp at every size.
class LineIconEngine : public QIconEngine {
 public:
  LineIconEngine(QString name, std::shared_ptr<const Colors*> colors)
      : m_name(std::move(name)), m_colors(std::move(colors)) {}

  void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override {
    const double ratio = painter->device()->devicePixelRatioF();
    const QSize pixels(int(std::lround(rect.width() * ratio)), int(std::lround(rect.height() * ratio)));
    painter->drawPixmap(rect, iconPixels(m_name, pixels, color(mode)));
  }
  QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State) override {
    return iconPixels(m_name, size, color(mode));
  }
  QPixmap scaledPixmap(const QSize& size, QIcon::Mode mode, QIcon::State, qreal ratio) override {
    QPixmap pixmap = iconPixels(m_name, size, color(mode));
    pixmap.setDevicePixelRatio(ratio);
    return pixmap;
  }
  QIconEngine* clone() const override { return new LineIconEngine(*this); }

 private:
  QColor color(QIcon::Mode mode) const {
    const Colors& colors = **m_colors;
    return mode == QIcon::Disabled ? colors.textFaint : mode == QIcon::Selected ? colors.text : colors.textMuted;
  }
  QString m_name;
  std::shared_ptr<const Colors*> m_colors;
};

QString styleSheet(const Colors& c) {
  QString text = QString::fromUtf8(readResource(QStringLiteral(":/sememe/style/sememe.qss")));
  // Longer names first: @text is the beginning of @textMuted.
  const std::pair<const char*, QColor> values[] = {
      {"@tooltipText", c.tooltipText}, {"@accentHover", c.accentHover}, {"@accentText", c.accentText},
      {"@accentSoft", c.accentSoft},   {"@lineStrong", c.lineStrong},   {"@textMuted", c.textMuted},
      {"@textFaint", c.textFaint},     {"@dangerSoft", c.dangerSoft},   {"@tooltip", c.tooltip},
      {"@accent", c.accent},           {"@danger", c.danger},           {"@window", c.window},
      {"@raised", c.raised},           {"@scroll", c.scroll},           {"@panel", c.panel},
      {"@field", c.field},             {"@hover", c.hover},             {"@track", c.track},
      {"@line", c.line},               {"@text", c.text},
  };
  for (const auto& [name, color] : values) text.replace(QLatin1String(name), color.name());
  return text.replace(QLatin1String("@variant"), c.dark ? QLatin1String("dark") : QLatin1String("light"));
}

QPalette palette(const Colors& c) {
  QPalette p;
  p.setColor(QPalette::Window, c.window);
  p.setColor(QPalette::Base, c.field);
  p.setColor(QPalette::AlternateBase, c.panel);
  p.setColor(QPalette::Button, c.raised);
  p.setColor(QPalette::Mid, c.line);
  p.setColor(QPalette::Dark, c.lineStrong);
  p.setColor(QPalette::Light, c.raised);
  p.setColor(QPalette::ToolTipBase, c.tooltip);
  p.setColor(QPalette::ToolTipText, c.tooltipText);
  p.setColor(QPalette::Highlight, c.accent);
  p.setColor(QPalette::HighlightedText, c.accentText);
  p.setColor(QPalette::Link, c.accent);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
    p.setColor(role, c.text);
    p.setColor(QPalette::Disabled, role, c.textFaint);
  }
  p.setColor(QPalette::PlaceholderText, c.textMuted);
  return p;
}

}  // namespace

const Colors& lightColors() {
  static const Colors colors{
      .dark = false,
      .window = rgb(0xF4F3EF), .panel = rgb(0xFFFFFF), .raised = rgb(0xFFFFFF), .field = rgb(0xFFFFFF), .hover = rgb(0xEEECE7),
      .line = rgb(0xE4E1DB), .lineStrong = rgb(0xC9C5BD),
      .text = rgb(0x1E2328), .textMuted = rgb(0x5B646E), .textFaint = rgb(0x9AA1A9),
      .accent = rgb(0x14697A), .accentHover = rgb(0x0F5664), .accentText = rgb(0xFFFFFF), .accentSoft = rgb(0xD9ECEF),
      .track = rgb(0xE9E6E0), .scroll = rgb(0xCFCBC4),
      .danger = rgb(0xB3372B), .dangerSoft = rgb(0xFBEAE7), .ok = rgb(0x2A7A4B),
      .tooltip = rgb(0x2A3036), .tooltipText = rgb(0xF4F3EF),
      .veil = QColor(24, 28, 32, 225),
      .series = {rgb(0x14697A), rgb(0xC8502E), rgb(0x6A4FB3), rgb(0x2A8A4B), rgb(0xA87400), rgb(0xC2327A), rgb(0x2F6FC4), rgb(0x6B6F76)},
  };
  return colors;
}

const Colors& darkColors() {
  static const Colors colors{
      .dark = true,
      .window = rgb(0x14171A), .panel = rgb(0x1A1E22), .raised = rgb(0x23292E), .field = rgb(0x14171A), .hover = rgb(0x272D33),
      .line = rgb(0x2B3238), .lineStrong = rgb(0x414A53),
      .text = rgb(0xE6E9EC), .textMuted = rgb(0xA0AAB4), .textFaint = rgb(0x67717B),
      .accent = rgb(0x52B9C9), .accentHover = rgb(0x74CBD8), .accentText = rgb(0x06242A), .accentSoft = rgb(0x1B3F47),
      .track = rgb(0x2B3238), .scroll = rgb(0x3C454D),
      .danger = rgb(0xF0897E), .dangerSoft = rgb(0x3A2321), .ok = rgb(0x6CC490),
      .tooltip = rgb(0x39424A), .tooltipText = rgb(0xF2F4F6),
      .veil = QColor(6, 8, 10, 230),
      .series = {rgb(0x52B9C9), rgb(0xF0895E), rgb(0xA994EA), rgb(0x6CC490), rgb(0xD9B44A), rgb(0xEE7FB4), rgb(0x7FAEF2), rgb(0xA0AAB4)},
  };
  return colors;
}

Theme::Theme(QObject* parent) : QObject(parent) {
  initResources();
  const QPalette system = QApplication::palette();
  m_systemIsDark = system.color(QPalette::Window).lightness() < system.color(QPalette::WindowText).lightness();
  m_colors = m_systemIsDark ? &darkColors() : &lightColors();
  m_current = std::make_shared<const Colors*>(m_colors);
  QApplication::setStyle(new PlainStyle(QStringLiteral("Fusion")));
  apply();
}

Theme::~Theme() = default;

void Theme::setMode(ThemeMode mode) {
  m_mode = mode;
  const bool dark = mode == ThemeMode::Dark || (mode == ThemeMode::System && m_systemIsDark);
  const Colors* colors = dark ? &darkColors() : &lightColors();
  if (colors == m_colors) return;
  m_colors = colors;
  *m_current = colors;
  apply();
  Q_EMIT changed();
}

void Theme::apply() {
  QApplication::setPalette(palette(*m_colors));
  qApp->setStyleSheet(styleSheet(*m_colors));
}

QIcon Theme::icon(const QString& name) const { return QIcon(new LineIconEngine(name, m_current)); }

QPixmap Theme::pixmap(const QString& name, int side, const QColor& color, double devicePixelRatio) {
  const int pixels = int(std::lround(side * devicePixelRatio));
  QPixmap pixmap = iconPixels(name, {pixels, pixels}, color);
  pixmap.setDevicePixelRatio(devicePixelRatio);
  return pixmap;
}

QIcon Theme::programIcon() {
  initResources();
  const QByteArray svg = readResource(QStringLiteral(":/sememe/icons/sememe.svg"));
  QIcon icon;
  for (const int side : {16, 24, 32, 48, 64, 128, 256}) icon.addPixmap(renderSvg(svg, {side, side}));
  return icon;
}

}  // namespace sememe

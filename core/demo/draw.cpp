// Paints the demo world's scenes from signed distances, so that edges, outlines and shadows come out smooth.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/demo/world.h"

namespace sememe {

namespace {

// Doubles throughout: compilers that fuse multiplications then still round to the same bytes.
struct Point {
  double x, y;
};
using Colour = std::array<double, 3>;

constexpr int kSide = kWorldSide;
constexpr double kOutline = 1.1;  // width, pixels
constexpr double kPi = std::numbers::pi;

constexpr std::array<Colour, kWorldColours> kPaint = {{{214, 48, 44},
                                                       {243, 134, 38},
                                                       {250, 212, 56},
                                                       {52, 158, 74},
                                                       {46, 98, 206},
                                                       {128, 64, 172},
                                                       {244, 128, 176},
                                                       {126, 78, 44},
                                                       {250, 250, 246}}};
constexpr std::array<Colour, kWorldBackgrounds> kBackdrop = {{{240, 240, 238},
                                                              {34, 36, 42},
                                                              {142, 146, 152},
                                                              {142, 186, 232},
                                                              {158, 206, 150},
                                                              {246, 232, 160},
                                                              {246, 202, 216},
                                                              {190, 168, 222}}};

// Outlines in a frame where the object's radius is about 1 and y points down. Circle, ring and moon have
// none: their distances follow from circles.
std::vector<Point> outline(int shape) {
  std::vector<Point> p;
  const auto polar = [&p](double radius, double angle) {
    p.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  };
  switch (shape) {
    case 1:  // square
      p = {{-.82, -.82}, {.82, -.82}, {.82, .82}, {-.82, .82}};
      break;
    case 2:  // triangle
      p = {{0, -1.08}, {1.02, .78}, {-1.02, .78}};
      break;
    case 3:  // star
      for (int i = 0; i < 10; ++i) polar(i % 2 == 0 ? 1.15 : .47, -kPi / 2 + i * kPi / 5);
      break;
    case 4:  // heart
      for (int i = 0; i < 56; ++i) {
        const double t = 2 * kPi * i / 56;
        const double s = std::sin(t);
        const double y = 13 * std::cos(t) - 5 * std::cos(2 * t) - 2 * std::cos(3 * t) - std::cos(4 * t);
        p.push_back({16 * s * s * s / 16.5, (2 - y) / 16.0});
      }
      break;
    case 6: {  // cross
      constexpr double w = .367, l = 1.02;
      p = {{-w, -l}, {w, -l}, {w, -w}, {l, -w}, {l, w},   {w, w},
           {w, l},   {-w, l}, {-w, w}, {-l, w}, {-l, -w}, {-w, -w}};
      break;
    }
    case 8:  // hexagon
      for (int i = 0; i < 6; ++i) polar(1.02, i * kPi / 3);
      break;
    case 9:  // arrow
      p = {{-1.1, -.3}, {.1, -.3}, {.1, -.82}, {1.12, 0}, {.1, .82}, {.1, .3}, {-1.1, .3}};
      break;
    case 10:  // flower
      for (int i = 0; i < 90; ++i) {
        const double t = 2 * kPi * i / 90;
        polar(.42 + .68 * std::pow(std::abs(std::cos(2.5 * t)), .6), t);
      }
      break;
    case 11:  // diamond
      p = {{0, -1.15}, {.68, 0}, {0, 1.15}, {-.68, 0}};
      break;
    default:
      break;
  }
  return p;
}

// The moon: a disc without another disc, and the two tips where their edges cross.
constexpr double kDisc = .95, kBite = .78;
constexpr Point kBiteCentre = {.48, -.12};

double length(Point a, Point b) { return std::sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y)); }

double circleDistance(Point q, Point centre, double radius) { return length(q, centre) - radius; }

double moonDistance(Point q) {
  static const std::array<Point, 2> tips = [] {
    const double between = length(kBiteCentre, {0, 0});
    const double along = (kDisc * kDisc - kBite * kBite + between * between) / (2 * between);
    const double across = std::sqrt(kDisc * kDisc - along * along);
    const Point u = {kBiteCentre.x / between, kBiteCentre.y / between};
    return std::array<Point, 2>{{{u.x * along - u.y * across, u.y * along + u.x * across},
                                 {u.x * along + u.y * across, u.y * along - u.x * across}}};
  }();
  const double disc = circleDistance(q, {0, 0}, kDisc), bite = circleDistance(q, kBiteCentre, kBite);
  const double bound = std::max(disc, -bite);
  if (bound <= 0) return bound;
  // Outside, an arc counts only where it is an edge of the moon; else a tip is nearest.
  double nearest = std::min(length(q, tips[0]), length(q, tips[1]));
  const double fromCentre = disc + kDisc, fromBite = bite + kBite;
  if (fromCentre > 1e-9) {
    const double k = kDisc / fromCentre;
    if (length({q.x * k, q.y * k}, kBiteCentre) >= kBite) nearest = std::min(nearest, std::abs(disc));
  }
  if (fromBite > 1e-9) {
    const double k = kBite / fromBite;
    const Point foot = {kBiteCentre.x + (q.x - kBiteCentre.x) * k, kBiteCentre.y + (q.y - kBiteCentre.y) * k};
    if (length(foot, {0, 0}) <= kDisc) nearest = std::min(nearest, std::abs(bite));
  }
  return nearest;
}

// Distances to one shape's edge in its own frame: negative inside.
class ShapeDistance {
 public:
  explicit ShapeDistance(int shape) : m_shape(shape), m_points(outline(shape)) {
    for (size_t i = 0; i < m_points.size(); ++i) {
      const Point a = m_points[i], b = m_points[(i + 1) % m_points.size()];
      const Point e = {b.x - a.x, b.y - a.y};
      m_edges.push_back({a, e, 1.0 / (e.x * e.x + e.y * e.y)});
    }
  }

  double operator()(Point q) const {
    if (m_edges.empty()) {
      if (m_shape == 7) return moonDistance(q);
      const double disc = circleDistance(q, {0, 0}, kDisc);
      return m_shape == 5 ? std::max(disc, -circleDistance(q, {0, 0}, .5)) : disc;  // 5: ring
    }
    double nearest = 1e9;
    bool inside = false;
    for (const Edge& edge : m_edges) {
      const double wx = q.x - edge.a.x, wy = q.y - edge.a.y;
      const double t = std::clamp((wx * edge.e.x + wy * edge.e.y) * edge.inverse, 0.0, 1.0);
      const double dx = wx - t * edge.e.x, dy = wy - t * edge.e.y;
      nearest = std::min(nearest, dx * dx + dy * dy);
      const double by = edge.a.y + edge.e.y;
      if ((edge.a.y > q.y) != (by > q.y) && wx < (q.y - edge.a.y) * edge.e.x / edge.e.y) inside = !inside;
    }
    return inside ? -std::sqrt(nearest) : std::sqrt(nearest);
  }

 private:
  struct Edge {
    Point a, e;
    double inverse;
  };
  int m_shape;
  std::vector<Point> m_points;
  std::vector<Edge> m_edges;
};

const ShapeDistance& shapeDistance(int shape) {
  static const std::vector<ShapeDistance> all = [] {
    std::vector<ShapeDistance> list;
    for (int s = 0; s < kWorldShapes; ++s) list.emplace_back(s);
    return list;
  }();
  return all[static_cast<size_t>(shape)];
}

// How much of a pixel lies on the inner side of an edge at this distance.
double coverage(double distance) { return std::clamp(0.5 - distance, 0.0, 1.0); }

double fraction(double v) { return v - std::floor(v); }

// 1 where the pattern's second colour is; u, v in pixels along the pattern.
double pattern(int texture, double u, double v, double period) {
  const auto soft = [](double d) { return std::clamp(d / 1.4 + 0.5, 0.0, 1.0); };
  if (texture == 1) return soft((std::abs(fraction(u / period) - .5) - .28) * period);
  if (texture == 2) {
    const double step = period * 1.05;
    const double du = (fraction(u / step) - .5) * step, dv = (fraction(v / step) - .5) * step;
    return soft(step * .286 - std::sqrt(du * du + dv * dv));
  }
  if (texture == 3) {
    const double step = period * 1.15;
    const double a = (std::abs(fraction(u / step) - .5) - .25) * step;
    const double b = (std::abs(fraction(v / step) - .5) - .25) * step;
    const double edge = std::min(std::abs(a), std::abs(b));
    return soft((a < 0) == (b < 0) ? edge : -edge);
  }
  return 0;
}

Colour secondColour(int colour, const Colour& paint) {
  if (colour == 8) return {120, 124, 132};                       // on white
  const bool light = colour == 1 || colour == 2 || colour == 6;  // orange, yellow, pink: a darker mark
  Colour c;
  for (size_t i = 0; i < 3; ++i)
    c[i] = light ? paint[i] * .42 + (i == 2 ? 22 : 18) : paint[i] * .28 + 255 * .72;
  return c;
}

class Painter {
 public:
  explicit Painter(const Scene& scene)
      : m_random(scene.noise),
        m_light{std::cos(scene.light), std::sin(scene.light)},
        m_pixels(kSide * kSide) {
    backdrop(kBackdrop[static_cast<size_t>(scene.background)]);
  }

  // Returns the object's coverage of each pixel, 0 … 1.
  std::vector<double> object(const SceneObject& o);
  Image finish();

 private:
  void backdrop(const Colour& colour) {
    Colour tinted;
    for (size_t i = 0; i < 3; ++i) tinted[i] = colour[i] * (1 + m_random.normal(0, .02));
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        const double u = (x + .5) / kSide - .5, v = (y + .5) / kSide - .5;
        const double shade = 1.015 + .2 * (u * m_light.x + v * m_light.y) - .1 * (u * u + v * v);
        for (size_t i = 0; i < 3; ++i) pixel(x, y)[i] = tinted[i] * shade;
      }
    }
  }
  Colour& pixel(int x, int y) { return m_pixels[static_cast<size_t>(y * kSide + x)]; }

  WorldRandom m_random;
  Point m_light;  // towards the light
  std::vector<Colour> m_pixels;
};

std::vector<double> Painter::object(const SceneObject& o) {
  // Distances in pixels over a window that also holds the shadow.
  const int reach = static_cast<int>(std::ceil(o.radius * 1.16 + 12));
  const int left = static_cast<int>(std::floor(o.x)) - reach, top = static_cast<int>(std::floor(o.y)) - reach;
  const int width = 2 * reach + 1;
  const double c = std::cos(o.rotation), s = std::sin(o.rotation);
  const ShapeDistance& shape = shapeDistance(o.shape);
  std::vector<double> field(static_cast<size_t>(width) * static_cast<size_t>(width));
  const auto at = [&](int x, int y) -> double& {
    x = std::clamp(x - left, 0, width - 1);
    y = std::clamp(y - top, 0, width - 1);
    return field[static_cast<size_t>(y * width + x)];
  };
  for (int y = top; y < top + width; ++y) {
    for (int x = left; x < left + width; ++x) {
      const double dx = (x + .5 - o.x) / o.radius, dy = (y + .5 - o.y) / o.radius;
      at(x, y) = shape({dx * c + dy * s, dy * c - dx * s}) * o.radius;
    }
  }

  const int x0 = std::max(left, 0), x1 = std::min(left + width, kSide);
  const int y0 = std::max(top, 0), y1 = std::min(top + width, kSide);
  // The shadow falls away from the light.
  const double sx = -m_light.x * 3.2, sy = -m_light.y * 3.2;
  for (int y = y0; y < y1; ++y) {
    for (int x = x0; x < x1; ++x) {
      const double fx = x - sx, fy = y - sy;
      const int ix = static_cast<int>(std::floor(fx)), iy = static_cast<int>(std::floor(fy));
      const double tx = fx - ix, ty = fy - iy;
      const double d = (at(ix, iy) * (1 - tx) + at(ix + 1, iy) * tx) * (1 - ty) +
                       (at(ix, iy + 1) * (1 - tx) + at(ix + 1, iy + 1) * tx) * ty - kOutline;
      const double t = std::clamp(.5 - d / 9.0, 0.0, 1.0);
      const double dark = 1 - .38 * t * t * (3 - 2 * t);
      for (double& v : pixel(x, y)) v *= dark;
    }
  }

  Colour paint = kPaint[static_cast<size_t>(o.colour)];
  for (double& v : paint) v *= 1 + m_random.normal(0, .03);
  const Colour second = secondColour(o.colour, paint);
  const double pc = std::cos(o.rotation + o.textureAngle), ps = std::sin(o.rotation + o.textureAngle);
  std::vector<double> mask(static_cast<size_t>(kSide) * kSide, 0.0);
  for (int y = y0; y < y1; ++y) {
    for (int x = x0; x < x1; ++x) {
      const double d = at(x, y);
      const double outer = coverage(d - kOutline);
      if (outer <= 0) continue;
      const double inner = coverage(d);
      mask[static_cast<size_t>(y * kSide + x)] = inner;
      const double dx = x + .5 - o.x, dy = y + .5 - o.y;
      const double mark = pattern(o.texture, dx * pc + dy * ps, dy * pc - dx * ps, o.period);
      // Light: a slope over the whole object and a bevel along its edge.
      const double gx = (at(x + 1, y) - at(x - 1, y)) / 2, gy = (at(x, y + 1) - at(x, y - 1)) / 2;
      const double rim = std::clamp(1 + d / 4.0, 0.0, 1.0);
      const double shade = .985 + .085 * (dx * m_light.x + dy * m_light.y) / o.radius +
                           .16 * rim * rim * (gx * m_light.x + gy * m_light.y);
      Colour& to = pixel(x, y);
      for (size_t i = 0; i < 3; ++i) {
        const double face = (paint[i] * (1 - mark) + second[i] * mark) * shade;
        to[i] = to[i] * (1 - outer) + paint[i] * .42 * (outer - inner) + face * inner;
      }
    }
  }
  return mask;
}

Image Painter::finish() {
  Image image;
  image.width = image.height = kSide;
  image.rgb.resize(static_cast<size_t>(kSide) * kSide * 3);
  // Grain of standard deviation 2: the sum of four random bytes is close to a normal one, and cheap.
  constexpr double kScale = 2.0 / 147.8;
  uint64_t bits = 0;
  size_t n = 0;
  for (const Colour& colour : m_pixels) {
    for (const double v : colour) {
      if (n % 2 == 0) bits = m_random.next();
      const int sum =
          static_cast<int>((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24 & 255));
      bits >>= 32;
      image.rgb[n++] = static_cast<uint8_t>(std::clamp(v + (sum - 510) * kScale + .5, 0.0, 255.0));
    }
  }
  return image;
}

}  // namespace

DrawnScene drawScene(const Scene& scene) {
  static_assert(kWorldSide % kWorldPatches == 0);
  constexpr int kPatch = kWorldSide / kWorldPatches;
  DrawnScene drawn;
  drawn.owner.fill(-1);
  Painter painter(scene);
  for (size_t i = 0; i < scene.objects.size(); ++i) {
    const std::vector<double> mask = painter.object(scene.objects[i]);
    std::vector<uint8_t> bytes(mask.size());
    std::array<double, kWorldPatches * kWorldPatches> area{};
    for (size_t p = 0; p < mask.size(); ++p) {
      bytes[p] = static_cast<uint8_t>(mask[p] * 255 + .5);
      area[p / kSide / kPatch * kWorldPatches + p % kSide / kPatch] += mask[p];
    }
    for (size_t p = 0; p < area.size(); ++p) {
      if (area[p] > .25 * kPatch * kPatch) drawn.owner[p] = static_cast<int8_t>(i);
    }
    drawn.masks.push_back(std::move(bytes));
  }
  drawn.image = painter.finish();
  return drawn;
}

}  // namespace sememe

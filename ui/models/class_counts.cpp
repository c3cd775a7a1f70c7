// Which classes a neuron's strongest images are of.
#include "ui/models/class_counts.h"

#include <QCoreApplication>
#include <QMap>
#include <QStringList>
#include <algorithm>
#include <cmath>
#include <limits>

namespace sememe {

std::vector<ClassCount> classCounts(const std::vector<GridImage>& images) {
  QMap<QString, int> byName;
  for (const GridImage& image : images) {
    if (!image.className.isEmpty()) ++byName[image.className];
  }
  std::vector<ClassCount> counts;
  for (auto it = byName.cbegin(); it != byName.cend(); ++it) counts.push_back({it.key(), it.value()});
  std::stable_sort(counts.begin(), counts.end(), [](const ClassCount& a, const ClassCount& b) { return a.images > b.images; });
  return counts;
}

double classEntropy(const std::vector<ClassCount>& counts) {
  double total = 0, entropy = 0;
  for (const ClassCount& c : counts) total += c.images;
  if (total == 0) return std::numeric_limits<double>::quiet_NaN();
  for (const ClassCount& c : counts) entropy -= c.images / total * std::log2(c.images / total);
  return std::max(entropy, 0.0);
}

QString classText(const std::vector<ClassCount>& counts, int shown) {
  QStringList parts;
  for (const ClassCount& c : counts) {
    if (parts.size() == shown) break;
    parts << QStringLiteral("%1 (%2)").arg(c.name).arg(c.images);
  }
  const int left = int(counts.size()) - int(parts.size());
  const QString text = parts.join(QStringLiteral(", "));
  return left > 0 ? QCoreApplication::translate("sememe", "%1 and %2 more").arg(text).arg(left) : text;
}

}  // namespace sememe

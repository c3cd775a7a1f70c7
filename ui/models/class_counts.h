// Which classes a neuron's strongest images are of.
#pragma once

#include <QString>
#include <vector>

#include "ui/models/neuron_loader.h"

namespace sememe {

struct ClassCount {
  QString name;
  int images = 0;
};

// Most frequent first, ties by name; images without a class are left out.
std::vector<ClassCount> classCounts(const std::vector<GridImage>& images);

// Shannon entropy of the shares, in bits: 0 where all are of one class; NaN without any.
double classEntropy(const std::vector<ClassCount>& counts);

// "tench (12), goldfish (3) and 2 more": the first `shown` of them.
QString classText(const std::vector<ClassCount>& counts, int shown);

}  // namespace sememe

// How general neurons are: the depth in a tree of classes at which the strongest images of a neuron still agree.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sememe {

// From the root to the class, the root itself left out: {"Animalia", "Chordata", …}.
using ClassPath = std::vector<std::string>;

// Of an iNaturalist class folder, "00000_Animalia_Annelida_…_terrestris": without the number. Any other name is a path of its parts
// between underscores behind the first, as the paper's inat_depth.py takes it.
ClassPath inaturalistPath(const std::string& folder);
bool looksLikeInaturalist(const std::string& folder);  // five digits and at least three parts

// A tree given as lines "child,parent" (WordNet's is.a list; a header line "child,parent" may come first; quotes allowed).
class ClassTree {
 public:
  // Throws Error (NotFound, Io; Corrupt: a line without two columns, a class that is its own ancestor).
  static ClassTree read(const std::filesystem::path& path);
  // The way down to `name`, which is its last part; {name} where the tree does not know it. A class with several parents has the
  // one of its first line.
  ClassPath path(const std::string& name) const;

 private:
  std::vector<std::pair<std::string, std::string>> m_parents;  // child, parent; sorted by child
};

// Depth of the lowest common ancestor over all pairs of a neuron's images.
struct NeuronDepth {
  int64_t mean = 0;      // rounded to the nearest, halves to even, as Python rounds
  int64_t majority = 0;  // the most common; of several the one met first
};

struct GroupDepth {
  int64_t size = 0;      // neurons of the group
  int64_t excluded = 0;  // of them left out: their weakest kept activation is 0
  double depthMean = 0, depthMajority = 0;  // over the others; NaN without any
};

// `top` int64 [F, k] image numbers (hai_indices), `worst` [F]; `paths` of the images' classes. As inat_depth.py computes.
// Throws Error (Mismatch: shapes, sizes that do not sum to F; Invalid: an image without a path).
std::vector<NeuronDepth> neuronDepths(const at::Tensor& top, const std::vector<ClassPath>& classes, const std::vector<int>& classOfImage);
std::vector<GroupDepth> groupDepths(const std::vector<NeuronDepth>& depths, const at::Tensor& worst, const std::vector<int64_t>& groupSizes);

// Sizes of the groups of F neurons: rounded down, the last one has the rest. Throws Error (Invalid) unless they sum to 1.
std::vector<int64_t> groupSizes(const std::vector<double>& fractions, int64_t neurons);

}  // namespace sememe

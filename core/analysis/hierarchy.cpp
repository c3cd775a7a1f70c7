// Lowest common ancestors of images, per neuron and per group.
#include "core/analysis/hierarchy.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/sae/train_params.h"

namespace sememe {
namespace {

// Paths with numbers for names, so that comparing them is quick.
std::vector<std::vector<int>> numbered(const std::vector<ClassPath>& classes) {
  std::map<std::string, int> numbers;
  std::vector<std::vector<int>> paths;
  for (const ClassPath& path : classes) {
    std::vector<int>& out = paths.emplace_back();
    for (const std::string& name : path) out.push_back(numbers.emplace(name, static_cast<int>(numbers.size())).first->second);
  }
  return paths;
}

int64_t commonDepth(const std::vector<int>& a, const std::vector<int>& b) {
  const size_t most = std::min(a.size(), b.size());
  size_t depth = 0;
  while (depth < most && a[depth] == b[depth]) ++depth;
  return static_cast<int64_t>(depth);
}

NeuronDepth depthOf(const int64_t* images, int64_t k, const std::vector<std::vector<int>>& paths, const std::vector<int>& classOfImage) {
  std::vector<std::pair<int64_t, int64_t>> counts;  // depth and how often, in the order met
  int64_t sum = 0, pairs = 0;
  for (int64_t i = 0; i < k; ++i) {
    const auto& first = paths[static_cast<size_t>(classOfImage[static_cast<size_t>(images[i])])];
    for (int64_t j = i + 1; j < k; ++j) {
      const int64_t depth = commonDepth(first, paths[static_cast<size_t>(classOfImage[static_cast<size_t>(images[j])])]);
      sum += depth;
      ++pairs;
      const auto found = std::find_if(counts.begin(), counts.end(), [&](const auto& c) { return c.first == depth; });
      if (found == counts.end()) {
        counts.emplace_back(depth, 1);
      } else {
        ++found->second;
      }
    }
  }
  NeuronDepth result;
  if (pairs == 0) return result;
  result.mean = static_cast<int64_t>(std::nearbyint(static_cast<double>(sum) / static_cast<double>(pairs)));
  result.majority = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;
  return result;
}

}  // namespace

ClassPath inaturalistPath(const std::string& folder) {
  ClassPath parts;
  size_t begin = folder.find('_');
  while (begin != std::string::npos) {
    const size_t end = folder.find('_', ++begin);
    parts.push_back(folder.substr(begin, end - begin));
    begin = end;
  }
  return parts;
}

bool looksLikeInaturalist(const std::string& folder) {
  return folder.size() > 6 && folder[5] == '_' && std::all_of(folder.begin(), folder.begin() + 5, [](unsigned char c) { return std::isdigit(c) != 0; }) &&
         std::count(folder.begin(), folder.end(), '_') >= 3;
}

ClassTree ClassTree::read(const std::filesystem::path& path) {
  ClassTree tree;
  const std::string text = readTextFile(path);
  std::set<std::string> seen;
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++number;
    if (line.empty()) continue;
    const size_t comma = line.find(',');
    const std::string child(fieldText(line.substr(0, comma)));
    const std::string parent(comma == std::string_view::npos ? std::string_view() : fieldText(line.substr(comma + 1)));
    if (comma == std::string_view::npos || child.empty() || parent.empty() || parent.find(',') != std::string::npos) {
      throw Error(ErrorCode::Corrupt, "expected a line \"child,parent\"", path.string() + ", line " + std::to_string(number));
    }
    if (number == 1 && child == "child") continue;
    if (seen.insert(child).second) tree.m_parents.emplace_back(child, parent);
  }
  std::sort(tree.m_parents.begin(), tree.m_parents.end());
  for (const auto& [child, parent] : tree.m_parents) {
    if (tree.path(child).size() > tree.m_parents.size() + 1) {
      throw Error(ErrorCode::Corrupt, "the class \"" + child + "\" is its own ancestor", path.string());
    }
  }
  return tree;
}

ClassPath ClassTree::path(const std::string& name) const {
  ClassPath path{name};
  while (path.size() <= m_parents.size() + 1) {
    const auto found = std::lower_bound(m_parents.begin(), m_parents.end(), path.back(), [](const auto& entry, const std::string& key) { return entry.first < key; });
    if (found == m_parents.end() || found->first != path.back()) break;
    path.push_back(found->second);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

std::vector<NeuronDepth> neuronDepths(const at::Tensor& top, const std::vector<ClassPath>& classes, const std::vector<int>& classOfImage) {
  if (top.dim() != 2 || top.scalar_type() != at::kLong) throw Error(ErrorCode::Mismatch, "expected image numbers of every neuron, int64 [F, k]");
  const at::Tensor images = top.to(at::kCPU).contiguous();
  const auto* data = images.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < images.numel(); ++i) {
    if (data[i] < 0 || data[i] >= static_cast<int64_t>(classOfImage.size()) || classOfImage[static_cast<size_t>(data[i])] < 0 ||
        classOfImage[static_cast<size_t>(data[i])] >= static_cast<int>(classes.size())) {
      throw Error(ErrorCode::Invalid, "there is no class for an image; are these the images that the neurons were indexed on?",
                  "image " + std::to_string(data[i]) + " of " + std::to_string(classOfImage.size()));
    }
  }
  const auto paths = numbered(classes);
  std::vector<NeuronDepth> depths(static_cast<size_t>(images.size(0)));
  parallelFor(0, images.size(0), 64, [&](int64_t from, int64_t to) {
    for (int64_t f = from; f < to; ++f) depths[static_cast<size_t>(f)] = depthOf(data + f * images.size(1), images.size(1), paths, classOfImage);
  });
  return depths;
}

std::vector<GroupDepth> groupDepths(const std::vector<NeuronDepth>& depths, const at::Tensor& worst, const std::vector<int64_t>& groupSizes) {
  int64_t total = 0;
  for (const int64_t size : groupSizes) total += size;
  if (worst.dim() != 1 || worst.size(0) != static_cast<int64_t>(depths.size()) || total != worst.size(0)) {
    throw Error(ErrorCode::Mismatch, "the groups and the weakest activations must be those of " + std::to_string(depths.size()) + " neurons");
  }
  const at::Tensor last = worst.to(at::kCPU, at::kDouble).contiguous();
  const auto* weakest = last.const_data_ptr<double>();
  std::vector<GroupDepth> groups;
  int64_t f = 0;
  for (const int64_t size : groupSizes) {
    GroupDepth group{size, 0, 0, 0};
    for (int64_t i = 0; i < size; ++i, ++f) {
      if (weakest[f] == 0) {
        ++group.excluded;
        continue;
      }
      group.depthMean += static_cast<double>(depths[static_cast<size_t>(f)].mean);
      group.depthMajority += static_cast<double>(depths[static_cast<size_t>(f)].majority);
    }
    const auto counted = static_cast<double>(size - group.excluded);
    group.depthMean = counted > 0 ? group.depthMean / counted : std::numeric_limits<double>::quiet_NaN();
    group.depthMajority = counted > 0 ? group.depthMajority / counted : std::numeric_limits<double>::quiet_NaN();
    groups.push_back(group);
  }
  return groups;
}

std::vector<int64_t> groupSizes(const std::vector<double>& fractions, int64_t neurons) {
  double sum = 0;
  for (const double fraction : fractions) {
    if (!(fraction > 0 && fraction <= 1)) throw Error(ErrorCode::Invalid, "group fractions must lie in 0 … 1", std::to_string(fraction));
    sum += fraction;
  }
  if (!(std::abs(sum - 1) < 1e-8 + 1e-5)) throw Error(ErrorCode::Invalid, "group fractions must sum to 1", std::to_string(sum));
  // As the trainer divides them.
  TrainParams params;
  params.type = SaeType::MatryoshkaBatchTopK;
  params.dictSize = neurons;
  params.groupFractions = fractions;
  return params.groupSizes();
}

}  // namespace sememe

// Uniqueness and hierarchy from files or from a workspace.
#include "core/pipeline/neuron_sets.h"

#include <torch/torch.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/analysis/hierarchy.h"
#include "core/analysis/uniqueness.h"
#include "core/base/error.h"
#include "core/image/image_folder.h"
#include "core/pipeline/row_input.h"
#include "core/sae/dictionary.h"
#include "core/store/workspace.h"
#include "core/weights/npy.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

// Image numbers ascending by strength, the weakest activation kept, and where they are from.
struct TopSets {
  at::Tensor top, worst;
  std::optional<RunInfo> run;
  std::optional<DatasetInfo> dataset;
};

TopSets readFiles(const TopImagesInput& input) {
  fs::path worst = input.worst;
  if (worst.empty()) worst = input.top.parent_path() / (input.top.stem().string() + "_worst.npy");
  TopSets sets{readNpy(input.top), readNpy(worst), {}, {}};
  if (sets.top.dim() != 2 || sets.top.scalar_type() != at::kLong)
    throw Error(ErrorCode::Mismatch, "expected image numbers of every neuron, int64 [F, k]", input.top.string());
  if (sets.worst.dim() != 1 || sets.worst.size(0) != sets.top.size(0))
    throw Error(ErrorCode::Mismatch, "expected one activation for each of the " + std::to_string(sets.top.size(0)) + " neurons", worst.string());
  if (const at::Tensor bad = at::isfinite(sets.worst).logical_not().nonzero(); bad.size(0) > 0)
    throw Error(ErrorCode::Corrupt, "a value is NaN or infinite", worst.string() + ", row " + std::to_string(bad[0].item<int64_t>()));
  return sets;
}

TopSets readRun(const std::string& spec, const std::stop_token& stop, const ProgressFn& progress) {
  const auto input = RowInput::open(spec);
  Workspace* workspace = input->workspace();
  if (!workspace || !input->run().indexed)
    throw Error(ErrorCode::Invalid, "this is no run whose neurons were indexed; `sememe-cli index` does that", spec);
  const RunInfo& run = input->run();
  TopSets sets{at::zeros({run.dim, int64_t(kTopImages)}, at::kLong), at::zeros({run.dim}, at::kDouble), run, {}};
  if (run.dataset) sets.dataset = workspace->datasets().get(run.dataset);
  auto* top = sets.top.mutable_data_ptr<int64_t>();
  auto* worst = sets.worst.mutable_data_ptr<double>();
  ProgressMeter meter(progress, "Reading neurons", run.dim);
  for (int64_t neuron = 0; neuron < run.dim; ++neuron) {
    throwIfStopped(stop);
    const std::vector<TopImage> images = workspace->neurons().detail(run.id, neuron).top;
    meter.advance();
    if (images.size() < kTopImages) continue;  // nearly dead
    worst[neuron] = images.back().activation;
    for (size_t i = 0; i < kTopImages; ++i) top[(size_t(neuron) + 1) * kTopImages - 1 - i] = images[i].image;
  }
  meter.finish();
  return sets;
}

TopSets readTopSets(const TopImagesInput& input, const std::stop_token& stop, const ProgressFn& progress) {
  if (input.run.empty() == input.top.empty())
    throw Error(ErrorCode::Invalid, "either a run or a file of top images has to be given");
  return input.run.empty() ? readFiles(input) : readRun(input.run, stop, progress);
}

struct ClassesOfImages {
  std::string from;
  std::vector<ClassPath> paths;
  std::vector<int> classOfImage;
};

ClassesOfImages readClasses(const fs::path& root, const std::string& split, const fs::path& tree) {
  const ImageFolder folder = listImageFolder(root, split);
  ClassesOfImages classes;
  if (!tree.empty() || (!folder.classes.empty() && looksLikeInaturalist(folder.classes.front()))) {
    const std::optional<ClassTree> known = tree.empty() ? std::nullopt : std::optional(ClassTree::read(tree));
    classes.from = tree.empty() ? "iNaturalist names" : tree.string();
    for (const std::string& name : folder.classes) classes.paths.push_back(known ? known->path(name) : inaturalistPath(name));
    for (const ImageEntry& image : folder.images) classes.classOfImage.push_back(image.classIndex);
    return classes;
  }
  // Nested folders: every folder that holds images is a class, its way down the path.
  classes.from = "folders";
  std::map<std::string, int> numbers;
  for (const ImageEntry& image : folder.images) {
    const fs::path relative = fs::path(image.path).lexically_relative(split.empty() ? "." : split);
    const auto [found, isNew] = numbers.emplace(relative.parent_path().generic_string(), int(numbers.size()));
    if (isNew) {
      ClassPath& path = classes.paths.emplace_back();
      for (const fs::path& part : relative.parent_path()) path.push_back(part.string());
    }
    classes.classOfImage.push_back(found->second);
  }
  return classes;
}

std::vector<int64_t> sizesOfGroups(const HierarchyParams& params, const TopSets& sets) {
  const int64_t neurons = sets.top.size(0);
  if (!params.groupFractions.empty()) return groupSizes(params.groupFractions, neurons);
  if (sets.run && !sets.run->saePath.empty()) {
    std::error_code ignored;
    if (fs::exists(sets.run->saePath, ignored)) {
      const auto dictionary = loadDictionary(sets.run->saePath);
      if (dictionary->dictSize() == neurons) return dictionary->groupSizes();
    }
  }
  return {neurons};
}

}  // namespace

UniquenessResult measureUniqueness(const TopImagesInput& input, std::stop_token stop, const ProgressFn& progress) {
  const TopSets sets = readTopSets(input, stop, progress);
  const Uniqueness u = uniqueness(sets.top, sets.worst, 10, stop, progress);
  UniquenessResult result{u.neurons, u.dead, u.pairs, u.above, {}};
  for (const SimilarPair& pair : u.mostSimilar) result.mostSimilar.push_back({pair.first, pair.second, pair.jaccard});
  return result;
}

HierarchyResult measureHierarchy(const HierarchyParams& params, std::stop_token stop, const ProgressFn& progress) {
  const TopSets sets = readTopSets(params.input, stop, progress);
  if (sets.top.size(1) < 2)
    throw Error(ErrorCode::Mismatch, "there is one image a neuron, and the depth is that of pairs; index two images or more",
                params.input.top.string());
  fs::path root = params.images;
  std::string split = params.split;
  if (root.empty() && sets.dataset) {
    root = sets.dataset->root;
    split = sets.dataset->split;
  }
  if (root.empty()) throw Error(ErrorCode::Invalid, "the image folder has to be given: its class folders say what the images show");
  const ClassesOfImages classes = readClasses(root, split, params.tree);
  if (std::all_of(classes.paths.begin(), classes.paths.end(), [](const ClassPath& path) { return path.empty(); }))
    throw Error(ErrorCode::Invalid, "the images have no classes; give a folder with class folders, or a tree", root.string());
  HierarchyResult result;
  result.classes = classes.from;
  const auto depths = neuronDepths(sets.top, classes.paths, classes.classOfImage);
  for (const GroupDepth& g : groupDepths(depths, sets.worst, sizesOfGroups(params, sets)))
    result.groups.push_back({g.size, g.excluded, g.depthMean, g.depthMajority});
  return result;
}

}  // namespace sememe

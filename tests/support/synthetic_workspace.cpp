// A workspace of any size, made up from a seed in seconds: for benchmarks and tests of the store and the
// window.
#include "tests/support/synthetic_workspace.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/image/image.h"
#include "core/store/workspace.h"

namespace sememe {
namespace {

constexpr int64_t kFiring = 32;  // neurons that fire on an image
constexpr int64_t kEmbeddingDim = 8;
constexpr int kPictures = 64;  // different thumbnails
constexpr int kSide = 96;      // their pixels
constexpr int kBins = 32;

// Numbers that are the same with every standard library, which its distributions are not.
class Random {
 public:
  explicit Random(uint64_t seed) : m_engine(seed) {}
  double unit() { return double(m_engine() >> 11) * 0x1p-53; }  // [0, 1)
  int64_t below(int64_t n) { return std::min<int64_t>(n - 1, int64_t(unit() * double(n))); }

 private:
  std::mt19937_64 m_engine;
};

std::vector<std::vector<uint8_t>> makePictures(Random& random) {
  std::vector<std::vector<uint8_t>> pictures;
  for (int p = 0; p < kPictures; ++p) {
    Image image{kSide, kSide, std::vector<uint8_t>(size_t(3 * kSide * kSide))};
    const double cx = random.unit() * kSide, cy = random.unit() * kSide,
                 radius = (0.15 + 0.3 * random.unit()) * kSide;
    uint8_t back[3], front[3];
    for (int c = 0; c < 3; ++c) {
      back[c] = uint8_t(random.below(256));
      front[c] = uint8_t(random.below(256));
    }
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        const bool inside = std::hypot(x - cx, y - cy) < radius;
        for (int c = 0; c < 3; ++c) {
          const int shade = (inside ? front[c] : back[c]) * (kSide + y) / (2 * kSide);
          image.rgb[size_t(3 * (y * kSide + x) + c)] = uint8_t(shade);
        }
      }
    }
    pictures.push_back(encodeJpeg(image, 85));
  }
  return pictures;
}

int64_t addDataset(Workspace& workspace, int64_t images, uint64_t seed, Random& random) {
  const int64_t classCount = std::min<int64_t>(100, images);
  std::vector<ClassInfo> classes;
  for (int64_t c = 0; c < classCount; ++c) {
    classes.push_back({"class_" + std::to_string(c), "things of kind " + std::to_string(c)});
  }
  std::vector<ImageRecord> records(static_cast<size_t>(images));
  for (int64_t i = 0; i < images; ++i) {
    ImageRecord& record = records[size_t(i)];
    record.classIndex = int(i * classCount / images);
    record.path = classes[size_t(record.classIndex)].name + "/image_" + std::to_string(i) + ".jpg";
    record.status = ImageStatus::Ok;
    record.width = record.height = kSide;
  }
  const std::string print = "synthetic " + std::to_string(images) + " " + std::to_string(seed);
  const int64_t dataset = workspace.datasets().ensure(
      {.name = "Synthetic", .root = "synthetic", .fingerprint = print}, classes, records);
  const auto pictures = makePictures(random);
  for (int64_t i = 0; i < images; ++i) {
    workspace.datasets().setThumbnail(dataset, i, pictures[size_t(random.below(kPictures))]);
  }
  return dataset;
}

// Latents: a few neurons fire on many images, most on few, some on none.
SparseRows makeRows(int64_t neurons, int64_t images, Random& random) {
  SparseRows rows;
  std::vector<uint32_t> firing;
  for (int64_t i = 0; i < images; ++i) {
    firing.clear();
    for (int64_t k = 0; k < kFiring; ++k) {
      const double u = random.unit();
      // Neighbours in popularity lie far apart in number.
      firing.push_back(uint32_t(int64_t(u * u * double(neurons)) * 7919 % neurons));
    }
    std::sort(firing.begin(), firing.end());
    firing.erase(std::unique(firing.begin(), firing.end()), firing.end());
    for (const uint32_t neuron : firing) {
      rows.neurons.push_back(neuron);
      rows.values.push_back(float(0.01 - 2 * std::log1p(-random.unit())));
    }
    rows.offsets.push_back(uint32_t(rows.neurons.size()));
  }
  return rows;
}

std::vector<SparseColumn> transpose(const SparseRows& rows, int64_t neurons) {
  std::vector<SparseColumn> columns(static_cast<size_t>(neurons));
  for (int64_t row = 0; row < rows.rows(); ++row) {
    for (uint32_t i = rows.offsets[size_t(row)]; i < rows.offsets[size_t(row) + 1]; ++i) {
      columns[rows.neurons[i]].rows.push_back(uint32_t(row));
      columns[rows.neurons[i]].values.push_back(rows.values[i]);
    }
  }
  return columns;
}

NeuronStatistics statistics(const SparseColumn& column, int64_t images) {
  NeuronStatistics s;
  s.firingCount = int64_t(column.rows.size());
  s.firingRate = double(s.firingCount) / double(images);
  s.mean = std::accumulate(column.values.begin(), column.values.end(), 0.0) / double(images);
  for (const float value : column.values) s.max = std::max(s.max, double(value));
  s.histogram.assign(kBins, 0);
  s.histogramMax = s.max;
  s.histogram[0] = images - s.firingCount;
  for (const float value : column.values) {
    ++s.histogram[size_t(std::min<int64_t>(kBins - 1, int64_t(value / s.max * kBins)))];
  }
  std::vector<TopImage> top;
  for (size_t i = 0; i < column.rows.size(); ++i) top.push_back({column.rows[i], column.values[i]});
  std::sort(top.begin(), top.end(),
            [](const TopImage& a, const TopImage& b) { return a.activation > b.activation; });
  top.resize(std::min(top.size(), kTopImages));
  // A neuron that fires on fewer images shows the last ones at zero, as indexing does.
  for (int64_t i = images - 1; i >= 0 && top.size() < kTopImages; --i) {
    if (!std::binary_search(column.rows.begin(), column.rows.end(), uint32_t(i))) top.push_back({i, 0.0f});
  }
  s.top = std::move(top);
  return s;
}

}  // namespace

SyntheticWorkspace makeSyntheticWorkspace(const std::filesystem::path& path, int64_t neurons, int64_t images,
                                          uint64_t seed) {
  if (neurons < 2 * kFiring || images < 1) {
    throw Error(ErrorCode::Invalid, "a synthetic workspace has 64 neurons or more, and an image",
                path.string());
  }
  Random random(seed);
  Workspace workspace = Workspace::open(path, OpenMode::Create);
  SyntheticWorkspace made;
  Transaction transaction(workspace.database());
  made.dataset = addDataset(workspace, images, seed, random);

  const std::string salt = std::to_string(seed);
  const SparseRows rows = makeRows(neurons, images, random);
  RunInfo latents{.key = "latents " + salt, .name = "Synthetic latents", .kind = RunKind::Latents};
  latents.dataset = made.dataset;
  latents.modelName = "synthetic-vit";
  latents.modelFingerprint = "model " + salt;
  latents.saeType = "matryoshka_batch_topk";
  latents.saeFingerprint = "sae " + salt;
  latents.saeDim = 64;
  latents.saeSize = neurons;
  latents.saeK = kFiring;
  latents.point = "post_mlp_residual";
  latents.layer = 22;
  latents.tokens = "mean";
  latents.rows = images;
  latents.dim = neurons;
  made.run = workspace.runs().ensure(latents).id;
  workspace.activations().appendSparse(made.run, 0, rows);
  workspace.runs().setComplete(made.run);

  const std::vector<SparseColumn> columns = transpose(rows, neurons);
  IndexWriter writer(workspace.database(), made.run, images);
  for (int64_t n = 0; n < neurons; ++n) {
    const SparseColumn& column = columns[size_t(n)];
    writer.add(statistics(column, images));
    writer.addColumn(n, column.rows, column.values);
  }
  writer.commit();

  const char* encoders[2] = {"Synthetic CLIP", "Synthetic DINOv2"};
  for (int e = 0; e < 2; ++e) {
    RunInfo info{.key = "embeddings " + std::to_string(e) + " " + salt, .name = encoders[e]};
    info.kind = RunKind::Embeddings;
    info.dataset = made.dataset;
    info.modelName = encoders[e];
    info.rowType = RowType::F32;
    info.rows = images;
    info.dim = kEmbeddingDim;
    made.embeddings[e] = workspace.runs().ensure(info).id;
    std::vector<float> values(size_t(images * kEmbeddingDim));
    for (float& value : values) value = float(random.unit() - 0.5);
    workspace.activations().appendRows(made.embeddings[e], 0, images, values);
    workspace.runs().setComplete(made.embeddings[e]);

    std::vector<double> ms(static_cast<size_t>(neurons));
    for (size_t n = 0; n < ms.size(); ++n) {
      const double u = random.unit();
      // A tenth of the scores are rounded, so that there are ties.
      ms[n] = columns[n].rows.size() < 2 ? std::numeric_limits<double>::quiet_NaN()
              : n % 10 == 0              ? std::round(100 * u * u) / 100
                                         : u * u - 0.02;
    }
    workspace.neurons().setScores(made.run, made.embeddings[e], ms);
  }

  const char* words[] = {"red", "blue", "striped", "round", "shadow", "star", "face", "Wheel", "text", "sky"};
  for (int64_t n = 0; n < neurons; n += 250) {
    const std::string label = std::string(words[random.below(10)]) + " " + words[random.below(10)];
    workspace.neurons().setLabel(made.run, n, label, n % 1000 == 0 ? "checked by eye" : "");
  }
  transaction.commit();
  return made;
}

}  // namespace sememe

// A run of a workspace that is being written from images, and how runs are named on the command line.
#include "core/pipeline/workspace_output.h"

#include <algorithm>
#include <charconv>

#include "core/base/error.h"
#include "core/pipeline/class_names.h"

namespace sememe {

namespace {

// Names that came to lie beside the images since; a name that a class has stays.
void addClassNames(Workspace& workspace, int64_t dataset, const ImageFolder& images) {
  const std::vector<ClassInfo> classes = workspace.datasets().classes(dataset);
  if (std::all_of(classes.begin(), classes.end(), [](const ClassInfo& c) { return !c.label.empty(); })) return;
  const std::vector<std::string> labels = classLabels(images.classes, images.root);
  Transaction transaction(workspace.database());
  for (size_t i = 0; i < classes.size() && i < labels.size(); ++i)
    if (classes[i].label.empty() && !labels[i].empty()) workspace.datasets().setClassLabel(dataset, int(i), labels[i]);
  transaction.commit();
}

int64_t ensureDataset(Workspace& workspace, const ImageFolder& images) {
  if (const auto known = workspace.datasets().find(images.fingerprint);
      known && known->root == std::filesystem::absolute(images.root).string()) {
    addClassNames(workspace, known->id, images);
    return known->id;
  }
  std::vector<ClassInfo> classes;
  const std::vector<std::string> labels = classLabels(images.classes, images.root);
  for (size_t i = 0; i < labels.size(); ++i) classes.push_back({images.classes[i], labels[i]});
  std::vector<ImageRecord> records;
  records.reserve(images.images.size());
  for (const ImageEntry& entry : images.images) {
    ImageRecord record;
    record.path = entry.path;
    record.classIndex = entry.classIndex;
    records.push_back(std::move(record));
  }
  DatasetInfo info;
  info.name = datasetName(images);
  info.root = std::filesystem::absolute(images.root).string();
  info.split = images.split;
  info.fingerprint = images.fingerprint;
  return workspace.datasets().ensure(info, classes, records);
}

// Halves end at 65,504; beyond it a value would be stored as infinite.
void checkRange(const at::Tensor& rows, RowType type) {
  if (type != RowType::F16 || rows.numel() == 0) return;
  const double largest = rows.abs().max().item<double>();
  if (largest > 65504)
    throw Error(ErrorCode::Invalid, "an activation of " + std::to_string(largest) + " does not fit f16; bf16 or f32 is needed");
}

}  // namespace

bool parseWorkspaceRun(const std::string& spec, WorkspaceRun& result) {
  const size_t hash = spec.rfind('#');
  const std::string path = spec.substr(0, hash);
  if (!path.ends_with(".sememe")) return false;
  const char* end = spec.data() + spec.size();
  int64_t run = 0;
  if (hash != std::string::npos) {
    const auto [rest, error] = std::from_chars(spec.data() + hash + 1, end, run);
    if (error != std::errc() || rest != end) run = 0;
  }
  if (run < 1) throw Error(ErrorCode::Invalid, "which run of the workspace? FILE.sememe#RUN was expected, with a number from 1", spec);
  result = {path, run};
  return true;
}

WorkspaceOutput::WorkspaceOutput(const std::filesystem::path& path, const ImageFolder& images, RunInfo info)
    : m_workspace(Workspace::open(path, OpenMode::Create)) {
  info.dataset = ensureDataset(m_workspace, images);
  info.rows = int64_t(images.images.size()) * info.rowsPerImage;
  m_run = m_workspace.runs().ensure(info);
}

bool WorkspaceOutput::needsThumbnails() const {
  const auto& datasets = m_workspace.datasets();
  return datasets.thumbnailCount(m_run.dataset) + int64_t(datasets.failed(m_run.dataset).size()) <
         datasets.get(m_run.dataset).images;
}

void WorkspaceOutput::add(const ImageBlock& block) {
  Transaction transaction(m_workspace.database());
  auto& datasets = m_workspace.datasets();
  for (size_t i = 0; i < block.indices.size(); ++i) {
    const LoadedInfo& info = block.infos[i];
    datasets.setOk(m_run.dataset, block.indices[i], info.width, info.height);
    if (!info.thumbnail.empty()) datasets.setThumbnail(m_run.dataset, block.indices[i], info.thumbnail);
  }
  for (const FailedImage& failed : block.failed) {
    datasets.setFailed(m_run.dataset, failed.index, failed.reason);
    m_workspace.runs().addFailure(m_run.id, failed.index, failed.reason);
  }
  const int64_t firstRow = block.first * m_run.rowsPerImage;
  if (m_run.kind == RunKind::Latents) {
    m_workspace.activations().appendSparse(m_run.id, firstRow, block.rows.sparse);
  } else {
    const at::Tensor& rows = block.rows.dense;
    checkRange(rows, m_run.rowType);
    const at::Tensor plain = rows.contiguous();
    m_workspace.activations().appendRows(m_run.id, firstRow, rows.size(0),
                                         {plain.const_data_ptr<float>(), size_t(plain.numel())});
  }
  if (firstRow + block.images * m_run.rowsPerImage == m_run.rows) m_workspace.runs().setComplete(m_run.id);
  transaction.commit();
  m_run = m_workspace.runs().get(m_run.id);
}

std::vector<FailedImage> WorkspaceOutput::failed() const {
  std::vector<FailedImage> failed;
  for (const RunFailure& f : m_workspace.runs().failures(m_run.id))
    failed.push_back({f.image, m_workspace.datasets().image(m_run.dataset, f.image).path, f.reason});
  return failed;
}

}  // namespace sememe

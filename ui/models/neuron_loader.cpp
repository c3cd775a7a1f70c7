// Brings what is shown of a neuron from the workspace, ahead of time.
#include "ui/models/neuron_loader.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace sememe {
namespace {

constexpr int kThumbnailCacheKb = 160 * 1024;
constexpr int kViewCache = 600;
constexpr int kFallbackSide = 192;  // of a thumbnail made from the file, where the workspace has none

NeuronViewPtr readView(Workspace& workspace, const RunInfo& run, int64_t neuron) {
  auto view = std::make_shared<NeuronView>();
  view->run = run.id;
  view->detail = workspace.neurons().detail(run.id, neuron);
  std::vector<ClassInfo> classes;
  if (run.dataset != 0) classes = workspace.datasets().classes(run.dataset);
  for (const TopImage& top : view->detail.top) {
    GridImage image;
    image.image = top.image;
    image.activation = top.activation;
    if (run.dataset != 0) {
      const ImageRecord record = workspace.datasets().image(run.dataset, top.image);
      image.path = QString::fromStdString(record.path);
      image.file = QString::fromStdString(workspace.datasets().imageFile(run.dataset, top.image).string());
      if (record.classIndex >= 0 && size_t(record.classIndex) < classes.size()) {
        const ClassInfo& info = classes[size_t(record.classIndex)];
        image.className = QString::fromStdString(info.label.empty() ? info.name : info.label);
      }
    }
    view->images.push_back(std::move(image));
  }
  return view;
}

}  // namespace

NeuronLoader::NeuronLoader(JobRunner& runner, ImageReader readImage, QObject* parent)
    : QObject(parent), m_runner(runner), m_readImage(std::move(readImage)), m_thumbnails(kThumbnailCacheKb), m_views(kViewCache) {}

void NeuronLoader::setSource(const std::filesystem::path& workspace, const RunInfo& run) {
  const bool sameImages = workspace == m_workspace && run.dataset == m_run.dataset;
  if (sameImages && run.id == m_run.id) return;
  ++m_generation;
  if (m_selection) m_selection->cancel();
  prefetch({});
  m_views.clear();
  if (!sameImages) m_thumbnails.clear();
  m_workspace = workspace;
  m_run = run;
  m_selected = -1;
}

void NeuronLoader::clear() {
  setSource({}, {});
  m_views.clear();
  m_thumbnails.clear();
}

bool NeuronLoader::isWarm(int64_t neuron) const {
  const NeuronViewPtr* view = m_views.object(neuron);
  return view && std::all_of((*view)->images.begin(), (*view)->images.end(),
                             [&](const GridImage& i) { return m_thumbnails.contains(i.image); });
}

NeuronViewPtr NeuronLoader::view(int64_t neuron) const {
  const NeuronViewPtr* view = m_views.object(neuron);
  return view ? *view : nullptr;
}

void NeuronLoader::select(int64_t neuron) {
  if (m_selection) m_selection->cancel();
  m_selected = neuron;
  if (isWarm(neuron)) {
    const NeuronViewPtr view = *m_views.object(neuron);
    Q_EMIT viewReady(view);
    Q_EMIT thumbnailsReady(neuron);
    return;
  }
  m_selection = load(neuron, Urgency::Now, true);
}

void NeuronLoader::prefetch(const std::vector<int64_t>& neurons) {
  for (auto it = m_prefetches.begin(); it != m_prefetches.end();) {
    const bool wanted = std::find(neurons.begin(), neurons.end(), it.key()) != neurons.end();
    if (wanted && it.value()) {
      ++it;
      continue;
    }
    if (it.value()) it.value()->cancel();
    it = m_prefetches.erase(it);
  }
  for (const int64_t neuron : neurons) {
    if (!isWarm(neuron) && !m_prefetches.contains(neuron)) m_prefetches.insert(neuron, load(neuron, Urgency::Later, false));
  }
}

Job* NeuronLoader::load(int64_t neuron, Urgency urgency, bool selected) {
  JobSpec spec;
  spec.lane = Lane::Reader;
  spec.urgency = urgency;
  spec.workspace = m_workspace;
  const QPointer<QObject> guard(this);
  const int generation = m_generation;
  Job* job = m_runner.run(
      spec, this,
      [this, guard, generation, neuron, run = m_run, readImage = m_readImage](JobContext& context) {
        Workspace& workspace = context.workspace();
        const NeuronViewPtr view = readView(workspace, run, neuron);
        context.post(guard, [this, generation, neuron, view] {
          if (generation != m_generation) return;
          if (!m_views.contains(neuron)) m_views.insert(neuron, new NeuronViewPtr(view));
          if (neuron == m_selected) Q_EMIT viewReady(*m_views.object(neuron));
        });
        std::vector<Decoded> decoded;
        if (run.dataset == 0) return decoded;
        std::vector<int64_t> wanted;
        for (const GridImage& image : view->images) wanted.push_back(image.image);
        std::unordered_map<int64_t, QImage> found;
        for (const Thumbnail& t : workspace.datasets().thumbnails(run.dataset, wanted)) {
          throwIfStopped(context.stop);
          QImage pixels = QImage::fromData(t.jpeg.data(), int(t.jpeg.size()));
          if (!pixels.isNull()) found[t.image] = std::move(pixels).convertToFormat(QImage::Format_RGB32);
        }
        for (const GridImage& image : view->images) {
          QImage& pixels = found[image.image];
          if (pixels.isNull()) {
            throwIfStopped(context.stop);
            try {
              pixels = readImage(std::filesystem::path(image.file.toStdString()));
              if (pixels.width() > kFallbackSide || pixels.height() > kFallbackSide)
                pixels = pixels.scaled(kFallbackSide, kFallbackSide, Qt::KeepAspectRatio, Qt::SmoothTransformation);
            } catch (const Error&) {
              pixels = QImage();  // neither thumbnail nor file: shown as missing
            }
          }
          decoded.push_back({image.image, pixels});
        }
        return decoded;
      },
      [this, generation, neuron](std::vector<Decoded> decoded) {
        if (generation != m_generation) return;
        store(decoded);
        Q_EMIT loaded(neuron);
        if (neuron == m_selected) Q_EMIT thumbnailsReady(neuron);
      });
  if (selected) {
    connect(job, &Job::failed, this, [this, generation](const JobFailure& failure) {
      if (generation == m_generation) Q_EMIT failed(failure);
    });
  }
  return job;
}

void NeuronLoader::store(const std::vector<Decoded>& thumbnails) {
  for (const Decoded& t : thumbnails) {
    auto* thumb = new Thumb{QPixmap::fromImage(t.pixels)};
    m_thumbnails.insert(t.image, thumb, 1 + int(t.pixels.sizeInBytes() / 1024));
  }
}

NeuronLoader::State NeuronLoader::thumbnailState(int64_t image) const {
  const Thumb* thumb = m_thumbnails.object(image);
  return !thumb ? State::Waiting : thumb->pixmap.isNull() ? State::Missing : State::Here;
}

QPixmap NeuronLoader::thumbnail(int64_t image) const {
  const Thumb* thumb = m_thumbnails.object(image);
  return thumb ? thumb->pixmap : QPixmap();
}

void NeuronLoader::readFull(const GridImage& image, QObject* receiver, FullImageFn deliver) {
  struct Outcome {
    QImage image;
    QString reason;
  };
  JobSpec spec;
  spec.lane = Lane::Reader;
  spec.urgency = Urgency::Now;
  m_runner.run(
      spec, receiver,
      [file = image.file, readImage = m_readImage](JobContext&) {
        Outcome outcome;
        try {
          if (file.isEmpty()) throw Error(ErrorCode::NotFound, "this run has no image files");
          outcome.image = readImage(std::filesystem::path(file.toStdString()));
        } catch (const Error& error) {
          outcome.reason = error.code() == ErrorCode::NotFound ? tr("The image file is not on this machine.")
                                                               : tr("The image file can not be read: %1.")
                                                                     .arg(QString::fromStdString(error.message()));
        }
        return outcome;
      },
      [deliver = std::move(deliver)](const Outcome& outcome) { deliver(outcome.image, outcome.reason); });
}

void NeuronLoader::updateLabel(int64_t neuron, const QString& label, const QString& notes) {
  const NeuronViewPtr* view = m_views.object(neuron);
  if (!view) return;
  auto changed = std::make_shared<NeuronView>(**view);
  changed->detail.label = label.toStdString();
  changed->detail.row.label = label.toStdString();
  changed->detail.notes = notes.toStdString();
  m_views.insert(neuron, new NeuronViewPtr(std::move(changed)));
}

}  // namespace sememe

// Brings what is shown of a neuron (its numbers, its strongest images, their thumbnails) from the workspace, ahead of time.
#pragma once

#include <QCache>
#include <QHash>
#include <QImage>
#include <QObject>
#include <QPixmap>
#include <QPointer>
#include <QString>
#include <functional>
#include <memory>
#include <vector>

#include "ui/jobs/job_runner.h"

namespace sememe {

// Reads an image file for display; called on a reader thread. Throws Error as decodeImage does.
using ImageReader = std::function<QImage(const std::filesystem::path&)>;

struct GridImage {
  int64_t image = 0;
  float activation = 0;
  QString path;       // relative to the data set
  QString file;       // absolute; empty without a data set
  QString className;  // empty: none
};

// A neuron as it is shown. Immutable; shared between the cache and the widgets.
struct NeuronView {
  int64_t run = 0;
  NeuronDetail detail;
  std::vector<GridImage> images;  // strongest first
};
using NeuronViewPtr = std::shared_ptr<const NeuronView>;

// GUI thread; the reading happens on reader lanes, the decoding of thumbnails too.
class NeuronLoader : public QObject {
  Q_OBJECT
 public:
  NeuronLoader(JobRunner& runner, ImageReader readImage, QObject* parent = nullptr);

  void setSource(const std::filesystem::path& workspace, const RunInfo& run);
  void clear();
  void setThumbnailMemory(int kilobytes) { m_thumbnails.setMaxCost(kilobytes); }  // 160 MB at first
  bool hasSource() const { return !m_workspace.empty(); }

  // Sends viewReady, then thumbnailsReady; both before it returns when the neuron is in the caches. Overtakes the
  // selection before it.
  void select(int64_t neuron);
  // Reads these too when nothing more urgent waits, in this order; what was asked for before and is not here is dropped.
  void prefetch(const std::vector<int64_t>& neurons);

  enum class State { Waiting, Here, Missing };
  State thumbnailState(int64_t image) const;
  QPixmap thumbnail(int64_t image) const;  // null unless Here

  // The whole image from its file; null with a reason in words when there is none.
  using FullImageFn = std::function<void(const QImage& image, const QString& reason)>;
  void readFull(const GridImage& image, QObject* receiver, FullImageFn deliver);

  void updateLabel(int64_t neuron, const QString& label, const QString& notes);  // of the cached view
  NeuronViewPtr view(int64_t neuron) const;  // null: not in the cache
  bool isWarm(int64_t neuron) const;  // select() would answer at once

 Q_SIGNALS:
  void viewReady(const sememe::NeuronViewPtr& view);
  void thumbnailsReady(qint64 neuron);
  void loaded(qint64 neuron);  // any that was asked for is in the caches now
  void failed(const sememe::JobFailure& failure);

 private:
  struct Thumb {
    QPixmap pixmap;  // null: missing
  };
  struct Decoded {
    int64_t image;
    QImage pixels;
  };
  Job* load(int64_t neuron, Urgency urgency, bool selected);
  void store(const std::vector<Decoded>& thumbnails);

  JobRunner& m_runner;
  ImageReader m_readImage;
  std::filesystem::path m_workspace;
  RunInfo m_run;
  int m_generation = 0;
  int64_t m_selected = -1;
  mutable QCache<int64_t, Thumb> m_thumbnails;  // least recently used go first; cost in kB
  QCache<int64_t, NeuronViewPtr> m_views;
  QPointer<Job> m_selection;
  QHash<int64_t, QPointer<Job>> m_prefetches;
};

}  // namespace sememe

// The presets: those of the workspace for the SAE that is loaded, and JSON files.
#pragma once

#include <QMenu>
#include <QToolButton>
#include <filesystem>
#include <functional>
#include <vector>

#include "core/pipeline/steering_preset.h"
#include "ui/jobs/job_runner.h"

namespace sememe {

class PresetMenu : public QToolButton {
  Q_OBJECT
 public:
  // `now`: what is on the page, its image as an absolute path.
  PresetMenu(JobRunner& runner, std::function<SteeringPreset()> now, QWidget* parent = nullptr);

  // Where presets are kept; an empty path: nowhere, but files work. `dataset`: whose folder images are relative to; 0: none.
  void setSource(const std::filesystem::path& workspace, bool readOnly, const std::string& saeFingerprint, int64_t dataset);

  void saveAs();  // asks for a name, and before one is replaced
  void exportFile();
  void importFile();
  void save(const QString& name);
  void remove(const QString& name);
  void writeFile(const QString& path);
  void readFile(const QString& path);
  // The demo's own: its image is a path in the demo's world, looked for in the workspace's data sets; where it is not, the
  // preset has none.
  void readDemo(const QString& path, const std::filesystem::path& workspace);
  QStringList names() const;  // of the workspace's
  void choose(const QString& name);

 Q_SIGNALS:
  void chosen(const sememe::SteeringPreset& preset);  // its image is absolute or empty
  void listed();                                      // names() are up to date
  void said(const QString& sentence);
  void failed(const QString& title, const sememe::JobFailure& failure, std::function<void()> retry);

 private:
  using FindImage = std::function<std::string(const std::string& image, JobContext& context)>;  // what is written → a file
  void read(const QString& path, const JobSpec& spec, const FindImage& find, const std::function<void()>& retry);
  void list();
  void fill();
  void write(const QString& sentence, const QString& failure, std::function<void(Workspace&)> change);

  JobRunner& m_runner;
  std::function<SteeringPreset()> m_now;
  std::filesystem::path m_workspace, m_root;  // m_root: of the data set
  bool m_readOnly = true;
  std::string m_sae;
  int64_t m_dataset = 0;
  int m_generation = 0;
  std::vector<SteeringPreset> m_presets;
  QString m_name;  // of the one that was chosen or saved last
  QMenu* m_menu;
};

}  // namespace sememe

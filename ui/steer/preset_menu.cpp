// Listing, keeping and carrying presets.
#include "ui/steer/preset_menu.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QInputDialog>
#include <QMessageBox>
#include <QStandardPaths>
#include <algorithm>
#include <utility>

#include "core/base/files.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

fs::path toPath(const QString& text) { return fs::path(text.toStdString()); }

// As an image is written down that lies under `root`; else absolute.
std::string relativeTo(const fs::path& root, const std::string& image) {
  if (image.empty() || root.empty()) return image;
  const fs::path relative = fs::path(image).lexically_relative(root);
  return relative.empty() || *relative.begin() == ".." ? image : relative.generic_string();
}

std::string absoluteFrom(const fs::path& root, const std::string& image) {
  return image.empty() || root.empty() ? image : (root / image).lexically_normal().string();
}

QString menuText(QString name) { return name.replace(QLatin1Char('&'), QLatin1String("&&")); }

}  // namespace

PresetMenu::PresetMenu(JobRunner& runner, std::function<SteeringPreset()> now, QWidget* parent)
    : QToolButton(parent), m_runner(runner), m_now(std::move(now)), m_menu(new QMenu(this)) {
  setText(tr("Presets"));
  setToolButtonStyle(Qt::ToolButtonTextOnly);
  setPopupMode(QToolButton::InstantPopup);
  setProperty("boxed", true);
  setFocusPolicy(Qt::TabFocus);
  setMenu(m_menu);
  fill();
}

void PresetMenu::setSource(const fs::path& workspace, bool readOnly, const std::string& saeFingerprint, int64_t dataset) {
  m_workspace = workspace;
  m_readOnly = readOnly;
  m_sae = saeFingerprint;
  m_dataset = dataset;
  m_presets.clear();
  m_root.clear();
  fill();
  list();
}

void PresetMenu::list() {
  const int generation = ++m_generation;
  if (m_workspace.empty() || m_sae.empty()) {
    Q_EMIT listed();
    return;
  }
  struct Found {
    std::vector<SteeringPreset> presets;
    fs::path root;
  };
  JobSpec spec;
  spec.workspace = m_workspace;
  Job* job = m_runner.run(
      spec, this,
      [sae = m_sae, dataset = m_dataset](JobContext& context) {
        Found found;
        if (dataset != 0) found.root = context.workspace().datasets().get(dataset).root;
        for (const StoredPreset& stored : context.workspace().presets().list(sae)) found.presets.push_back(readStoredPreset(stored));
        for (SteeringPreset& p : found.presets) p.image = absoluteFrom(found.root, p.image);
        return found;
      },
      [this, generation](Found found) {
        if (generation != m_generation) return;
        m_presets = std::move(found.presets);
        m_root = std::move(found.root);
        fill();
        Q_EMIT listed();
      });
  connect(job, &Job::failed, this, [this, generation](const JobFailure& failure) {
    if (generation == m_generation) Q_EMIT failed(tr("The presets can not be read"), failure, [this] { list(); });
  });
}

void PresetMenu::fill() {
  m_menu->clear();
  for (const SteeringPreset& preset : m_presets) {
    const QString name = QString::fromStdString(preset.name);
    m_menu->addAction(menuText(name), this, [this, name] { choose(name); });
  }
  if (m_presets.empty()) m_menu->addAction(m_workspace.empty() ? tr("Open a workspace to keep presets in it") : tr("None for this SAE yet"))->setEnabled(false);
  m_menu->addSeparator();
  const bool writable = !m_workspace.empty() && !m_readOnly && !m_sae.empty();
  m_menu->addAction(tr("&Save as…"), this, &PresetMenu::saveAs)->setEnabled(writable);
  QMenu* removing = m_menu->addMenu(tr("&Delete"));
  removing->setEnabled(writable && !m_presets.empty());
  for (const SteeringPreset& preset : m_presets) {
    const QString name = QString::fromStdString(preset.name);
    removing->addAction(menuText(name), this, [this, name] {
      const auto answer = QMessageBox::question(this, tr("Delete preset"), tr("Delete the preset “%1”? It can not be brought back.").arg(name),
                                                QMessageBox::Yes | QMessageBox::No, QMessageBox::No);
      if (answer == QMessageBox::Yes) remove(name);
    });
  }
  m_menu->addSeparator();
  m_menu->addAction(tr("&Import…"), this, &PresetMenu::importFile);
  m_menu->addAction(tr("&Export…"), this, &PresetMenu::exportFile);
}

QStringList PresetMenu::names() const {
  QStringList names;
  for (const SteeringPreset& preset : m_presets) names << QString::fromStdString(preset.name);
  return names;
}

void PresetMenu::choose(const QString& name) {
  const auto found = std::find_if(m_presets.begin(), m_presets.end(), [&](const SteeringPreset& p) { return p.name == name.toStdString(); });
  if (found == m_presets.end()) return;
  m_name = name;
  Q_EMIT chosen(*found);
}

void PresetMenu::saveAs() {
  bool ok = false;
  const QString name = QInputDialog::getText(this, tr("Save preset"), tr("Name of the preset:"), QLineEdit::Normal, m_name, &ok).trimmed();
  if (!ok || name.isEmpty()) return;
  if (names().contains(name) && QMessageBox::question(this, tr("Save preset"), tr("There is a preset “%1” already. Replace it?").arg(name)) != QMessageBox::Yes)
    return;
  save(name);
}

void PresetMenu::write(const QString& sentence, const QString& failure, std::function<void(Workspace&)> change) {
  JobSpec spec;
  spec.lane = Lane::Writer;
  spec.workspace = m_workspace;
  Job* job = m_runner.run(
      spec, this,
      [change](JobContext& context) {
        change(context.workspace());
        return true;
      },
      [this, sentence](bool) {
        Q_EMIT said(sentence);
        list();
      });
  connect(job, &Job::failed, this, [this, sentence, failure, change](const JobFailure& why) {
    Q_EMIT failed(failure, why, [this, sentence, failure, change] { write(sentence, failure, change); });
  });
}

void PresetMenu::save(const QString& name) {
  SteeringPreset preset = m_now();
  preset.name = name.toStdString();
  preset.image = relativeTo(m_root, preset.image);
  m_name = name;
  write(tr("Preset “%1” saved").arg(name), tr("The preset could not be saved"),
        [preset, sae = m_sae](Workspace& workspace) { workspace.presets().save(sae, preset.name, presetJson(preset)); });
}

void PresetMenu::remove(const QString& name) {
  write(tr("Preset “%1” deleted").arg(name), tr("The preset could not be deleted"),
        [name = name.toStdString(), sae = m_sae](Workspace& workspace) { workspace.presets().remove(sae, name); });
}

void PresetMenu::exportFile() {
  const QString folder = QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation);
  const QString name = (m_name.isEmpty() ? tr("steering") : QString(m_name).replace(QLatin1Char('/'), QLatin1Char('-'))) + QStringLiteral(".json");
  const QString path = QFileDialog::getSaveFileName(this, tr("Export as a preset"), folder + QLatin1Char('/') + name, tr("Presets (*.json)"));
  if (!path.isEmpty()) writeFile(path);
}

void PresetMenu::writeFile(const QString& path) {
  SteeringPreset preset = m_now();
  if (preset.name.empty()) preset.name = m_name.isEmpty() ? QFileInfo(path).completeBaseName().toStdString() : m_name.toStdString();
  preset.image = relativeTo(toPath(path).parent_path(), preset.image);
  Job* job = m_runner.run(
      {}, this,
      [preset, file = toPath(path)](JobContext&) {
        writeTextFile(file, presetJson(preset));
        return true;
      },
      [this, path](bool) { Q_EMIT said(tr("Exported to %1").arg(path)); });
  connect(job, &Job::failed, this, [this, path](const JobFailure& why) {
    Q_EMIT failed(tr("The preset could not be exported"), why, [this, path] { writeFile(path); });
  });
}

void PresetMenu::importFile() {
  const QString path = QFileDialog::getOpenFileName(this, tr("Import a preset"), QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation),
                                                    tr("Presets (*.json);;All files (*)"));
  if (!path.isEmpty()) readFile(path);
}

void PresetMenu::readFile(const QString& path) {
  read(path, {}, [folder = toPath(path).parent_path()](const std::string& image, JobContext&) { return absoluteFrom(folder, image); },
       [this, path] { readFile(path); });
}

void PresetMenu::readDemo(const QString& path, const fs::path& workspace) {
  JobSpec spec;
  spec.workspace = workspace;
  const auto find = [hasWorkspace = !workspace.empty()](const std::string& image, JobContext& context) -> std::string {
    if (!hasWorkspace) return {};
    for (const DatasetInfo& dataset : context.workspace().datasets().list()) {
      const std::string file = absoluteFrom(dataset.root, image);
      std::error_code ignored;
      if (fs::is_regular_file(file, ignored)) return file;
    }
    return {};
  };
  read(path, spec, find, [this, path, workspace] { readDemo(path, workspace); });
}

void PresetMenu::read(const QString& path, const JobSpec& spec, const FindImage& find, const std::function<void()>& retry) {
  Job* job = m_runner.run(
      spec, this,
      [file = toPath(path), find](JobContext& context) {
        SteeringPreset preset = readPresetFile(file);
        preset.image = find(preset.image, context);
        return preset;
      },
      [this](const SteeringPreset& preset) {
        m_name = QString::fromStdString(preset.name);
        Q_EMIT chosen(preset);
      });
  connect(job, &Job::failed, this, [this, path, retry](const JobFailure& why) {
    Q_EMIT failed(tr("“%1” is no preset that can be read").arg(QFileInfo(path).fileName()), why, retry);
  });
}

}  // namespace sememe

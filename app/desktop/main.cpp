// sememe: the window. Puts the parts together: the user interface from ui, the work from core.
#include <unistd.h>

#include <QApplication>
#include <QFileInfo>
#include <QImage>
#include <QMessageBox>
#include <cstdio>
#include <cstring>
#include <memory>

#include "app/desktop/options.h"
#include "app/desktop/screenshot.h"
#include "core/base/error.h"
#include "core/demo/demo_workspace.h"
#include "core/image/image.h"
#include "core/pipeline/explore_sae.h"
#include "core/pipeline/neuron_sets.h"
#include "core/pipeline/refinements.h"
#include "core/pipeline/subset_scores.h"
#include "core/pipeline/train.h"
#include "core/pipeline/trainings.h"
#include "ui/window/main_window.h"

namespace {

using namespace sememe;

// Where the demo's models are: beside the installed program, or in the sources it was built from.
std::filesystem::path demoResources() {
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::filesystem::path installed = program.parent_path().parent_path() / "share/sememe/demo";
  if (!ignored && std::filesystem::is_directory(installed, ignored)) return installed;
  return std::filesystem::path(SEMEME_SOURCE_RESOURCES) / "demo";
}

QImage readImage(const std::filesystem::path& file) {
  const Image image = decodeImage(file);
  const QImage view(image.rgb.data(), image.width, image.height, qsizetype(3) * image.width, QImage::Format_RGB888);
  return view.convertToFormat(QImage::Format_RGB32);
}

Services services() {
  Services services;
  services.readImage = readImage;
  services.scoreImages = [](const std::filesystem::path& workspace, int64_t run, const std::string& text, const std::stop_token& stop) {
    std::vector<int64_t> images;
    {
      Workspace file = Workspace::open(workspace, OpenMode::ReadOnly);
      images = findImages(file.datasets(), file.runs().get(run).dataset, text);
    }
    return scoreSubset(workspace, run, images, stop);
  };
  services.readHierarchy = [](const std::string& run, const std::stop_token& stop, const ProgressFn& progress) {
    HierarchyData data;
    data.refinements = refinements(run, stop, progress);
    HierarchyParams params;
    params.input.run = run;
    try {
      data.depths = measureHierarchy(params, stop, progress);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Invalid) throw;  // the classes make no tree: shown without depths
    }
    return data;
  };
  services.makeDemo = [](const std::filesystem::path& folder, const std::stop_token& stop, const ProgressFn& progress) {
    DemoParams params;
    params.out = folder;
    params.resources = demoResources();
    return makeDemoWorkspace(params, stop, progress).workspace;
  };
  services.training.train = [](const TrainJobParams& params, const std::stop_token& stop, const ProgressFn& progress) {
    return train(params, stop, progress);
  };
  services.training.list = listTrainings;
  services.training.remove = removeTraining;
  services.training.explore = [](const ExploreSaeParams& params, const std::stop_token& stop, const ProgressFn& progress) {
    return exploreSae(params, stop, progress);
  };
  services.steering.readImage = [](const std::filesystem::path& file) { return std::make_shared<const Image>(decodeImage(file)); };
  const std::filesystem::path demo = demoResources();
  std::error_code ignored;
  if (std::filesystem::exists(demo / "llava/config.json", ignored) && std::filesystem::exists(demo / "sae-patch", ignored)) {
    services.steering.demo.model = demo / "llava";
    services.steering.demo.sae = demo / "sae-patch";
    if (std::filesystem::exists(demo / "steering.json", ignored)) services.steering.demoPreset = demo / "steering.json";
  }
  services.version = QStringLiteral(SEMEME_VERSION);
  return services;
}

// Opens and closes it, so that a wrong file ends the program before a window appears. Empty: it is well.
QString whyNotOpen(const QString& workspace) {
  try {
    openSummary(std::filesystem::path(QFileInfo(workspace).absoluteFilePath().toStdU16String()));
    return {};
  } catch (const std::exception& exception) {
    const JobFailure failure = JobFailure::from(exception);
    return QString(failure.message + QStringLiteral(". ") + failure.advice);
  }
}

bool asksForPicture(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--screenshot", 12) == 0 || std::strcmp(argv[i], "--help") == 0 || std::strcmp(argv[i], "-h") == 0 ||
        std::strcmp(argv[i], "--version") == 0 || std::strcmp(argv[i], "-v") == 0)
      return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (asksForPicture(argc, argv)) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
  } else if (!qEnvironmentVariableIsSet("DISPLAY") && !qEnvironmentVariableIsSet("WAYLAND_DISPLAY") &&
             !qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) {
    std::fprintf(stderr, "error: there is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not set); "
                         "--screenshot FILE draws the page to a file, sememe-cli works without a window\n");
    return 1;
  }
  QApplication application(argc, argv);
  QApplication::setApplicationName(QStringLiteral("Sememe"));
  QApplication::setApplicationVersion(QStringLiteral(SEMEME_VERSION));
  QApplication::setDesktopFileName(QStringLiteral("sememe"));

  const ParsedOptions parsed = parseOptions(QApplication::arguments(), QApplication::applicationVersion());
  if (!parsed.options) {
    std::fprintf(parsed.status == 0 ? stdout : stderr, "%s\n", qUtf8Printable(parsed.text.trimmed()));
    return parsed.status;
  }
  const Options& options = *parsed.options;
  const bool picture = !options.screenshot.isEmpty();

  Theme theme;
  if (!options.workspace.isEmpty()) {
    const QString reason = whyNotOpen(options.workspace);
    if (!reason.isEmpty()) {
      std::fprintf(stderr, "error: %s\n", qUtf8Printable(reason));
      // Started from a file manager nobody reads stderr.
      if (!picture && isatty(STDERR_FILENO) == 0 && QApplication::platformName() != QLatin1String("offscreen"))
        QMessageBox::critical(nullptr, QStringLiteral("Sememe"), reason);
      return 1;
    }
  }

  JobRunner runner;
  // A picture is the same on every machine: it neither reads nor writes anyone's settings.
  MainWindow window(theme, runner, services(),
                    picture ? std::nullopt : std::optional(SettingsFile(SettingsFile::defaultPath())));
  if (picture) theme.setMode(ThemeMode::Light);
  if (options.theme) theme.setMode(*options.theme);
  if (picture) window.setMinimumSize(1, 1);
  if (picture || options.size) window.resize(options.size.value_or(QSize(1440, 900)));
  window.showPage(options.page);
  if (!options.workspace.isEmpty()) window.openWorkspace(options.workspace);
  window.show();
  std::unique_ptr<Screenshot> screenshot;
  if (picture) screenshot = std::make_unique<Screenshot>(window, options.screenshot, options.workspace.isEmpty());
  return QApplication::exec();
}

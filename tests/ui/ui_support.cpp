// What the window's tests share.
#include "tests/ui/ui_support.h"

#include "core/base/error.h"

namespace sememe {

TestWorkspace::TestWorkspace(int64_t neurons, int64_t images, uint64_t seed)
    : m_path(std::filesystem::path(m_folder.path().toStdString()) / "test.sememe"),
      m_made(makeSyntheticWorkspace(m_path, neurons, images, seed)) {}

RunInfo TestWorkspace::run() const { return open().runs().get(m_made.run); }

QImage readTestImage(const std::filesystem::path& file) {
  QImage image(QString::fromStdString(file.string()));
  if (!image.isNull()) return image;
  if (!std::filesystem::exists(file)) throw Error(ErrorCode::NotFound, "no such image", file.string());
  throw Error(ErrorCode::Corrupt, "not an image", file.string());
}

std::vector<NeuronRow> allRows(const TestWorkspace& workspace, const NeuronQuery& query) {
  return workspace.open().neurons().page(query, std::nullopt, 1'000'000);
}

}  // namespace sememe

// A small JSON file beside results, by which a later call knows that they are there.
#include "core/pipeline/receipt.h"

#include "core/base/error.h"
#include "core/base/files.h"

namespace sememe {

std::optional<Receipt> readReceipt(const std::filesystem::path& path, const std::string& key,
                                   const std::vector<std::string>& files) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  for (const std::string& file : files)
    if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  const Receipt receipt = Receipt::parse(readTextFile(path), nullptr, false);
  if (!receipt.is_object() || receipt.value("key", Receipt()) != key) return std::nullopt;
  return receipt;
}

void writeReceipt(const std::filesystem::path& path, const std::string& key, Receipt receipt) {
  receipt["key"] = key;
  writeTextFile(path, receipt.dump(2) + "\n");
}

}  // namespace sememe

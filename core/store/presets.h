// How an SAE's neurons are steered, kept under a name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/store/database.h"

namespace sememe {

struct StoredPreset {
  std::string name;  // this one counts, whatever name stands in the JSON
  std::string json;  // core/pipeline/steering_preset.h; the store does not look into it
  int64_t changed = 0;  // seconds since 1970
};

constexpr size_t kLongestPresetName = 200;  // bytes

// A part of Workspace; same thread. Presets belong to an SAE, by RunInfo::saeFingerprint, as labels do; no run of it need be
// there. Throws Error (NotFound: no such preset; Invalid), and as Database does.
class Presets {
 public:
  explicit Presets(Database& database) : m_database(database) {}

  std::vector<StoredPreset> list(const std::string& saeFingerprint) const;  // by name, ASCII letters of either case alike
  bool contains(const std::string& saeFingerprint, const std::string& name) const;

  // In place of one of that name. Throws Invalid for no fingerprint, a name that is empty or too long, JSON over 1 MiB.
  void save(const std::string& saeFingerprint, const std::string& name, const std::string& json);
  void remove(const std::string& saeFingerprint, const std::string& name);
  // Throws Invalid where another one has the new name.
  void rename(const std::string& saeFingerprint, const std::string& name, const std::string& newName);

 private:
  Database& m_database;
};

}  // namespace sememe

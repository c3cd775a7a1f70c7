// Presets in their table.
#include "core/store/presets.h"

#include <ctime>

#include "core/base/error.h"
#include "core/store/runs.h"

namespace sememe {
namespace {

constexpr size_t kMostJsonBytes = 1 << 20;
constexpr int kFirstVersion = 2;  // of the schema, that has the table

constexpr const char* kOfSae = " FROM steering_presets WHERE subject = (SELECT id FROM subjects WHERE key = ?1)";

std::string where(const Database& database, const std::string& name) {
  return database.path().string() + ", preset " + name;
}

void checkName(const Database& database, const std::string& name) {
  if (name.empty() || name.size() > kLongestPresetName)
    throw Error(ErrorCode::Invalid, "a preset's name must have 1 to " + std::to_string(kLongestPresetName) + " bytes", where(database, name.substr(0, 40)));
}

bool hasTable(const Database& database) { return database.queryInt("PRAGMA user_version") >= kFirstVersion; }

}  // namespace

std::vector<StoredPreset> Presets::list(const std::string& saeFingerprint) const {
  std::vector<StoredPreset> found;
  if (!hasTable(m_database)) return found;
  Statement rows(m_database, std::string("SELECT name, json, changed") + kOfSae + " ORDER BY name COLLATE NOCASE, name", saeSubject(saeFingerprint));
  while (rows.step()) found.push_back({rows.text(0), rows.text(1), rows.integer(2)});
  return found;
}

bool Presets::contains(const std::string& saeFingerprint, const std::string& name) const {
  if (!hasTable(m_database)) return false;
  Statement row(m_database, std::string("SELECT 1") + kOfSae + " AND name = ?2", saeSubject(saeFingerprint), name);
  return row.step();
}

void Presets::save(const std::string& saeFingerprint, const std::string& name, const std::string& json) {
  checkName(m_database, name);
  if (saeFingerprint.empty()) throw Error(ErrorCode::Invalid, "a preset belongs to an SAE", where(m_database, name));
  if (json.size() > kMostJsonBytes) throw Error(ErrorCode::Invalid, "a preset may have 1 MiB", where(m_database, name));
  Transaction transaction(m_database);
  const std::string subject = saeSubject(saeFingerprint);
  Statement(m_database, "INSERT INTO subjects (key) VALUES (?1) ON CONFLICT DO NOTHING", subject).run();
  Statement(m_database,
            "INSERT OR REPLACE INTO steering_presets (subject, name, json, changed)"
            " VALUES ((SELECT id FROM subjects WHERE key = ?1), ?2, ?3, ?4)",
            subject, name, json, std::time(nullptr))
      .run();
  transaction.commit();
}

void Presets::remove(const std::string& saeFingerprint, const std::string& name) {
  Statement(m_database, std::string("DELETE") + kOfSae + " AND name = ?2", saeSubject(saeFingerprint), name).run();
  if (m_database.changes() == 0) throw Error(ErrorCode::NotFound, "no such preset", where(m_database, name));
}

void Presets::rename(const std::string& saeFingerprint, const std::string& name, const std::string& newName) {
  checkName(m_database, newName);
  Transaction transaction(m_database);
  if (!contains(saeFingerprint, name)) throw Error(ErrorCode::NotFound, "no such preset", where(m_database, name));
  if (name != newName && contains(saeFingerprint, newName))
    throw Error(ErrorCode::Invalid, "there is another preset of this name", where(m_database, newName));
  Statement(m_database,
            "UPDATE steering_presets SET name = ?3, changed = ?4"
            " WHERE subject = (SELECT id FROM subjects WHERE key = ?1) AND name = ?2",
            saeSubject(saeFingerprint), name, newName, std::time(nullptr))
      .run();
  transaction.commit();
}

}  // namespace sememe
